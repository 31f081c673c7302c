import numpy as np
import pytest

from dataeval_ui.analysis.neighbors import find_neighbors
from dataeval_ui.analysis.outliers import score_outliers
from dataeval_ui.types import NeighborGraph


def graph_of(distances):
    distances = np.asarray(distances, dtype=np.float32)
    n = len(distances)
    indices = (np.arange(n)[:, None] + [1, 2]) % n
    similarities = np.repeat(1 - distances[:, None], 2, axis=1)
    return NeighborGraph(indices=indices.astype(np.int32), similarities=similarities.astype(np.float32))


def test_the_distance_is_the_mean_to_the_neighbours():
    graph = NeighborGraph(
        indices=np.array([[1, 2], [0, 2], [1, 0]], np.int32),
        similarities=np.array([[0.9, 0.5], [0.9, 0.7], [0.7, 0.5]], np.float32),
    )
    np.testing.assert_allclose(score_outliers(graph).distances, [0.3, 0.2, 0.4], atol=1e-6)


def test_the_far_point_is_flagged_first():
    points = np.random.default_rng(0).normal([5, 5, 5, 5], 0.3, (200, 4)).astype(np.float32)
    points[17] = [-5, 5, -5, 5]
    scores = score_outliers(find_neighbors(points, n_neighbors=5)).scores
    assert scores.argmax() == 17
    assert scores[17] > 0.95


def test_the_median_image_scores_one_half_and_scores_follow_distances():
    distances = np.random.default_rng(0).uniform(0.1, 0.6, 301)
    result = score_outliers(graph_of(distances))
    assert result.scores[np.argsort(distances)[150]] == pytest.approx(0.5, abs=1e-4)
    np.testing.assert_array_equal(np.argsort(result.scores, kind="stable"), np.argsort(result.distances, kind="stable"))
    assert result.scores.min() >= 0
    assert result.scores.max() <= 1


def test_two_and_a_half_robust_sigmas_score_at_the_threshold():
    rng = np.random.default_rng(0)
    logs = rng.normal(np.log(0.1), 0.2, 20_001)
    logs[0] = np.log(0.1) + 2.5 * 0.2
    assert score_outliers(graph_of(np.exp(logs))).scores[0] == pytest.approx(0.95, abs=0.005)


def test_a_clean_set_flags_few():
    points = np.random.default_rng(1).normal(1, 0.5, (3000, 16)).astype(np.float32)
    scores = score_outliers(find_neighbors(points, n_neighbors=15)).scores
    assert (scores >= 0.95).mean() < 0.015


def test_near_duplicates_do_not_widen_the_scale():
    rng = np.random.default_rng(2)
    bulk = np.exp(rng.normal(np.log(0.3), 0.1, 600))
    odd = [0.7]
    alone = score_outliers(graph_of([*bulk, *odd])).scores[-1]
    among = score_outliers(graph_of([*bulk, *np.full(250, 0.001), *odd])).scores[-1]
    assert alone > 0.95
    assert among > 0.95


def test_equal_images_are_not_odd_and_one_beside_them_is():
    points = np.ones((50, 4), np.float32)
    np.testing.assert_allclose(score_outliers(find_neighbors(points, n_neighbors=5)).scores, 0.5, atol=1e-3)
    points[3] = [1, -1, 1, 0]
    scores = score_outliers(find_neighbors(points, n_neighbors=5)).scores
    assert scores[3] > 0.99


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_tiny_sets_have_scores(n):
    points = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)[:n]
    result = score_outliers(find_neighbors(points, n_neighbors=5))
    assert result.scores.shape == result.distances.shape == (n,)
    assert np.isfinite(result.scores).all()


def test_permuting_images_permutes_the_scores():
    points = np.random.default_rng(3).normal(size=(200, 6)).astype(np.float32)
    order = np.random.default_rng(4).permutation(200)
    scores = score_outliers(find_neighbors(points, n_neighbors=5)).scores
    permuted = score_outliers(find_neighbors(points[order], n_neighbors=5)).scores
    np.testing.assert_allclose(permuted, scores[order], rtol=1e-5)
