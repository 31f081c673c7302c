import numpy as np
import pytest

from dataeval_ui.analysis.clustering import cluster, default_min_cluster_size
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import AnalysisParams


def blobs(sizes, spread=0.2, seed=0):
    rng = np.random.default_rng(seed)
    centres = 10 * np.stack([np.cos(np.arange(len(sizes)) * 1.3), np.sin(np.arange(len(sizes)) * 1.3)], axis=1)
    xy = np.concatenate([c + spread * rng.normal(size=(s, 2)) for c, s in zip(centres, sizes, strict=True)])
    return xy.astype(np.float32), np.repeat(np.arange(len(sizes)), sizes)


def test_larger_clusters_come_first_and_the_lone_point_is_noise():
    xy, _ = blobs([30, 60])
    xy = np.vstack([xy, [[100, 100]]]).astype(np.float32)
    found = cluster(xy, xy, params=AnalysisParams(min_cluster_size=10))
    assert found.cluster_labels.tolist() == [1] * 30 + [0] * 60 + [-1]
    assert found.n_clusters == 2
    assert found.n_noise == 1
    assert found.probabilities[-1] == 0
    assert ((found.probabilities >= 0) & (found.probabilities <= 1)).all()


def test_agrees_with_scikit_learn():
    from sklearn.cluster import HDBSCAN
    from sklearn.metrics import adjusted_rand_score

    xy, truth = blobs([150, 100, 80, 40], spread=0.8)
    noise = np.random.default_rng(1).uniform(-20, 20, (60, 2)).astype(np.float32)
    everything = np.vstack([xy, noise])
    ours = cluster(everything, everything, params=AnalysisParams(min_cluster_size=20, min_samples=5)).cluster_labels
    # scikit-learn counts the image itself among its min_samples.
    theirs = HDBSCAN(min_cluster_size=20, min_samples=6, copy=True).fit(everything).labels_
    assert adjusted_rand_score(theirs, ours) > 0.95
    assert adjusted_rand_score(truth, ours[: len(truth)]) > 0.9


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.3])
def test_blobs_in_noise_are_found_as_well_as_by_scikit_learn(noise):
    """The same method and tree: ties are broken otherwise, which moves single points."""
    from sklearn.cluster import HDBSCAN
    from sklearn.datasets import make_blobs
    from sklearn.metrics import adjusted_rand_score

    ours, theirs = [], []
    for seed in range(8):
        n_noise = int(600 * noise)
        xy, truth = make_blobs(600 - n_noise, centers=8, cluster_std=0.6, center_box=(-15, 15), random_state=seed)
        strewn = np.random.default_rng(seed).uniform(-18, 18, (n_noise, 2))
        everything = np.concatenate([xy, strewn]).astype(np.float32)
        truth = np.concatenate([truth, np.full(n_noise, -1)])
        params = AnalysisParams(min_cluster_size=20)
        found = cluster(everything, everything, params=params).cluster_labels
        reference = HDBSCAN(min_cluster_size=20, min_samples=params.min_samples + 1, copy=True).fit_predict(everything)
        ours.append(adjusted_rand_score(truth, found))
        theirs.append(adjusted_rand_score(truth, reference))
    assert np.mean(ours) >= np.mean(theirs) - 0.005


def test_permuting_images_permutes_the_clusters():
    xy, _ = blobs([50, 40, 30])
    order = np.random.default_rng(0).permutation(len(xy))
    params = AnalysisParams(min_cluster_size=10)
    whole, permuted = cluster(xy, xy, params=params), cluster(xy[order], xy[order], params=params)
    np.testing.assert_array_equal(permuted.cluster_labels, whole.cluster_labels[order])


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_a_set_smaller_than_a_cluster_is_noise(n):
    found = cluster(np.zeros((n, 2), np.float32), np.ones((n, 3), np.float32), params=AnalysisParams())
    assert found.cluster_labels.tolist() == [-1] * n
    assert found.n_clusters == 0


def test_equal_places_have_finite_strengths():
    xy = np.repeat(np.array([[0, 0], [9, 9]], np.float32), 30, axis=0)
    found = cluster(xy, xy, params=AnalysisParams(min_cluster_size=10))
    assert np.isfinite(found.probabilities).all()
    assert found.n_clusters == 2


def test_kmeans_finds_directions_and_is_repeatable():
    rng = np.random.default_rng(0)
    embeddings = np.concatenate([np.eye(4)[i] * 5 + 0.1 * rng.normal(size=(s, 4)) for i, s in enumerate([40, 30, 20])])
    embeddings = (embeddings * rng.uniform(0.1, 5, (90, 1))).astype(np.float32)
    params = AnalysisParams(cluster_method="kmeans", n_clusters=3)
    found = cluster(np.zeros((90, 2), np.float32), embeddings, params=params)
    assert found.cluster_labels.tolist() == [0] * 40 + [1] * 30 + [2] * 20
    assert found.probabilities.min() > 0.5
    again = cluster(np.zeros((90, 2), np.float32), embeddings, params=params)
    np.testing.assert_array_equal(found.probabilities, again.probabilities)


def test_kmeans_of_equal_images_finds_one_cluster():
    params = AnalysisParams(cluster_method="kmeans", n_clusters=3)
    found = cluster(np.zeros((9, 2), np.float32), np.ones((9, 4), np.float32), params=params)
    assert found.cluster_labels.tolist() == [0] * 9
    assert np.isfinite(found.probabilities).all()


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        (
            AnalysisParams(cluster_method="kmeans", n_clusters=40),
            r"n_clusters must be in \[1, 30\] for 30 images, got 40",
        ),
        (AnalysisParams(min_cluster_size=1), "min_cluster_size must be at least 2, got 1"),
        (AnalysisParams(min_samples=0), "min_samples must be at least 1, got 0"),
        (AnalysisParams(cluster_method="dbscan"), "got 'dbscan'"),
    ],
)
def test_a_parameter_out_of_range_is_refused(params, sentence):
    with pytest.raises(ParameterError, match=sentence):
        cluster(np.zeros((30, 2), np.float32), np.ones((30, 3), np.float32), params=params)


@pytest.mark.parametrize(("n", "size"), [(100, 10), (10_000, 50), (10_001, 50), (100_000, 100)])
def test_the_smallest_cluster_grows_with_the_set(n, size):
    assert default_min_cluster_size(n) == size
