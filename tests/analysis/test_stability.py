"""Clusters at other sizes: counted by hand, and no worse than scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from dataeval_ui.analysis.clustering import cluster
from dataeval_ui.analysis.stability import summarise_sweep, sweep_clusters, swept_sizes
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import AnalysisParams
from dataeval_ui.types.stability import ClusterSweep


def two_scales(seed: int = 0) -> np.ndarray:
    """Two far groups of four small blobs of 15 each: eight clusters, or two, by the size that is asked for."""
    rng = np.random.default_rng(seed)
    centres = np.array([[x + dx, dy] for x in (0, 100) for dx in (0, 6) for dy in (0, 6)], dtype=float)
    return (np.repeat(centres, 15, axis=0) + 0.4 * rng.normal(size=(120, 2))).astype(np.float32)


def swept(xy: np.ndarray, params: AnalysisParams) -> ClusterSweep:
    return sweep_clusters(xy, cluster(xy, xy, params=params).cluster_labels, params=params)


def test_the_cliff_between_eight_clusters_and_two_is_found() -> None:
    params = AnalysisParams(min_cluster_size=14)
    xy = two_scales()
    summary = summarise_sweep(swept(xy, params), params)
    assert summary.sizes[summary.own] == 14
    assert summary.n_clusters[summary.own] == 8
    assert summary.n_clusters[summary.own + 1] == 2
    assert summary.cliffs == (summary.sizes[summary.own + 1],)
    params = AnalysisParams(min_cluster_size=5)
    far = summarise_sweep(swept(xy, params), params)
    assert far.cliffs == ()


def test_noise_and_agreement_are_counted() -> None:
    params = AnalysisParams(min_cluster_size=4)
    sizes = swept_sizes(16, params)
    labels = np.zeros((16, len(sizes)), np.int32)
    labels[:4, -1] = -1
    summary = summarise_sweep(ClusterSweep(labels=labels), params)
    assert sizes == (2, 3, 4, 6, 8)
    assert summary.noise_share.tolist() == [0, 0, 0, 0, 0.25]
    assert summary.ari[:3].tolist() == [1, 1, 1]
    assert summary.ari[3] == pytest.approx(adjusted_rand_score(labels[:, 3], labels[:, 4]))


def test_the_runs_own_clusters_stand_for_its_own_size() -> None:
    params = AnalysisParams(min_cluster_size=10)
    xy, _ = make_blobs(300, centers=6, random_state=1)
    own = np.arange(300, dtype=np.int32)
    sweep = sweep_clusters(xy.astype(np.float32), own, params=params)
    sizes = swept_sizes(300, params)
    np.testing.assert_array_equal(sweep.labels[:, sizes.index(10)], own)
    other = cluster(xy, xy, params=AnalysisParams(min_cluster_size=sizes[0])).cluster_labels
    np.testing.assert_array_equal(sweep.labels[:, 0], other)


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_set_too_small_for_clusters_has_a_summary(n: int) -> None:
    summary = summarise_sweep(swept(np.zeros((n, 2), np.float32), AnalysisParams()), AnalysisParams())
    assert summary.sizes[summary.own] == 10
    assert summary.n_clusters.tolist() == [0] * len(summary.sizes)


def test_k_means_has_no_size_to_vary() -> None:
    with pytest.raises(ParameterError, match="k-means"):
        sweep_clusters(
            np.zeros((30, 2), np.float32), np.zeros(30, np.int32), params=AnalysisParams(cluster_method="kmeans")
        )
