"""Outliers by several methods, and against a reference."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import LocalOutlierFactor

from dataeval_ui.analysis.neighbors import find_neighbors, unit_rows
from dataeval_ui.analysis.outlier_methods import (
    local_distance_ratio,
    local_outlier_factor,
    score_ood,
    score_outlier_methods,
)
from dataeval_ui.errors import ParameterError

METHODS = ("knn", "lof", "mahalanobis", "cluster", "combined")


def two_blobs(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], 40).astype(np.int32)
    x = np.where(labels[:, None] == 0, 1.0, -1.0) * np.eye(8)[0] * 5 + rng.normal(size=(80, 8)) * 0.5
    return x.astype(np.float32), labels


@pytest.mark.parametrize("method", METHODS)
def test_the_far_point_is_the_oddest_by_every_method(method: str) -> None:
    x, labels = two_blobs()
    x[7] = np.eye(8)[3] * 5
    clusters = labels.copy()
    clusters[7] = -1
    found = score_outlier_methods(x, find_neighbors(x, n_neighbors=10), cluster_labels=clusters, codes=labels)
    scores = getattr(found, method)
    assert scores.argmax() == 7
    assert scores[7] > 0.95
    assert ((scores >= 0) & (scores <= 1)).all()


def test_an_image_that_one_method_finds_very_odd_comes_before_one_that_all_find_a_little_odd() -> None:
    """Sums of z keep how odd; a mean of scores would not, for beyond 0.99 there is no room."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 6)).astype(np.float32) * 0.1 + np.eye(6)[0].astype(np.float32)
    labels = np.zeros(200, np.int32)
    x[3] = np.eye(6)[1] * 5
    found = score_outlier_methods(x, find_neighbors(x, n_neighbors=10), cluster_labels=labels)
    assert found.combined.argmax() == 3
    assert 0.4 < np.median(found.combined) < 0.6
    assert (found.combined >= 0.95).sum() <= 10


def test_permuted_images_have_permuted_scores() -> None:
    x, labels = two_blobs()
    order = np.random.default_rng(1).permutation(80)
    straight = score_outlier_methods(x, find_neighbors(x, n_neighbors=9), cluster_labels=labels)
    mixed = score_outlier_methods(x[order], find_neighbors(x[order], n_neighbors=9), cluster_labels=labels[order])
    np.testing.assert_allclose(mixed.combined, straight.combined[order], atol=1e-4)


def test_lof_is_that_of_scikit_learn() -> None:
    x, _ = two_blobs()
    reference = LocalOutlierFactor(n_neighbors=10).fit(unit_rows(x).astype(np.float64))
    ours = local_outlier_factor(find_neighbors(x, n_neighbors=10))
    np.testing.assert_allclose(ours, -reference.negative_outlier_factor_, rtol=1e-3)


def test_the_local_ratio_of_three_points_is_counted_by_hand() -> None:
    """On a circle at 0, 90 and 180 degrees: distances sqrt 2, sqrt 2 and 2."""
    x = np.array([[1, 0], [0, 1], [-1, 0]], np.float32)
    end, middle = np.sqrt((2 + 4) / 2), np.sqrt(2)
    ratio = local_distance_ratio(find_neighbors(x, n_neighbors=2))
    np.testing.assert_allclose(ratio, [end / ((middle + end) / 2), middle / end, end / ((middle + end) / 2)], rtol=1e-4)


def test_a_lone_image_beside_a_dense_group_is_odder_than_one_of_a_wide_group() -> None:
    rng = np.random.default_rng(0)
    wide = np.eye(20)[0] * 4 + rng.normal(size=(60, 20))
    dense = np.eye(20)[1] * 4 + rng.normal(size=(60, 20)) * 0.05
    lone = np.eye(20)[1] * 4 + np.eye(20)[2] * 1.5
    x = np.concatenate([wide, dense, lone[None]]).astype(np.float32)
    graph = find_neighbors(x, n_neighbors=15)
    assert local_distance_ratio(graph).argmax() == 120
    assert graph.similarities.mean(axis=1).argmin() < 60  # by the distance alone it is not
    assert score_outlier_methods(x, graph, cluster_labels=np.zeros(121, np.int32)).combined.argmax() == 120


def test_a_reference_with_its_graph_gives_the_same_scores() -> None:
    x, _ = two_blobs()
    graph = find_neighbors(x, n_neighbors=12)
    with_graph, _ = score_ood(x[:9] + 0.3, x, reference_graph=graph)
    without, _ = score_ood(x[:9] + 0.3, x)
    np.testing.assert_allclose(with_graph, without, atol=1e-4)


def test_noise_alone_and_tiny_sets_get_scores() -> None:
    x, _ = two_blobs()
    found = score_outlier_methods(x, find_neighbors(x, n_neighbors=5), cluster_labels=np.full(80, -1, np.int32))
    assert np.isfinite(found.combined).all()
    few = score_outlier_methods(x[:2], find_neighbors(x[:2], n_neighbors=5), cluster_labels=np.zeros(2, np.int32))
    assert few.combined.tolist() == [0.5, 0.5]


def test_what_the_reference_never_saw_is_odd_and_its_nearest_is_named() -> None:
    x, _ = two_blobs()
    strange = np.eye(8)[3][None] * 5
    scores, nearest = score_ood(np.concatenate([x[:5], strange]).astype(np.float32), x, n_neighbors=3)
    assert scores.argmax() == 5
    assert scores[5] > 0.95
    assert nearest[:5, 0].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(ParameterError, match="at least 3"):
        score_ood(x, x[:2])
