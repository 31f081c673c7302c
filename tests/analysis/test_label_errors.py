"""Suspected label errors, bounds of the Bayes error, balance, parity and confusion."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression, Ridge

from dataeval_ui.analysis.label_classifiers import Logistic
from dataeval_ui.analysis.label_classifiers import Ridge as LeftOutRidge
from dataeval_ui.analysis.label_errors import find_label_errors
from dataeval_ui.analysis.label_statistics import (
    bound_bayes_error_knn,
    bound_bayes_error_mst,
    class_balance,
    confuse_neighbours,
    measure_association,
)
from dataeval_ui.analysis.neighbors import find_neighbors, unit_rows
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph


def blobs(sizes: list[int], seed: int = 0, spread: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    centres = rng.normal(size=(len(sizes), 16))
    return (centres[codes] + spread * rng.normal(size=(codes.size, 16))).astype(np.float32), codes


def test_flipped_labels_are_found_and_their_class_is_suggested() -> None:
    x, truth = blobs([40, 40, 40])
    given = truth.copy()
    flipped = [3, 50, 100]
    given[flipped] = (truth[flipped] + 1) % 3
    found = find_label_errors(x, find_neighbors(x, n_neighbors=10), given, 3)
    assert sorted(found.rows.tolist()) == flipped
    assert found.suggested[flipped].tolist() == truth[flipped].tolist()
    assert np.nanmin(found.scores[flipped]) > np.nanmax(np.delete(found.scores, flipped))


def test_classes_of_one_and_two_images_are_not_judged_and_break_nothing() -> None:
    x, codes = blobs([30, 30, 1, 2])
    codes[0] = -1
    found = find_label_errors(x, find_neighbors(x, n_neighbors=10), codes, 4)
    assert np.isnan(found.scores[[0, 60, 61, 62]]).all()
    assert not found.suspected[[0, 60, 61, 62]].any()
    assert found.suggested[0] == 0
    assert np.isfinite(found.scores[1:60]).all()


def test_one_class_gets_one_sentence() -> None:
    x, codes = blobs([20])
    with pytest.raises(ParameterError, match="at least two classes"):
        find_label_errors(x, find_neighbors(x, n_neighbors=5), codes, 1)


def test_permuted_images_have_permuted_scores() -> None:
    x, codes = blobs([30, 30], spread=1.0)
    order = np.random.default_rng(1).permutation(60)
    straight = find_label_errors(x, find_neighbors(x, n_neighbors=8), codes, 2)
    mixed = find_label_errors(x[order], find_neighbors(x[order], n_neighbors=8), codes[order], 2)
    np.testing.assert_allclose(mixed.scores, straight.scores[order], atol=1e-5)


def test_the_ridge_classifier_leaves_an_image_out_as_a_refit_would() -> None:
    x, codes = blobs([12, 14, 13], spread=1.0)
    ridge = LeftOutRidge(x, codes, 3)
    answers = ridge.left_out(slice(0, 39))
    units = unit_rows(x).astype(np.float64)
    centred = units - units.mean(axis=0)
    alpha = 1e-2 * (centred**2).sum() / 16 + 1e-9
    for row in (0, 20, 38):
        rest = np.delete(np.arange(39), row)
        refit = Ridge(alpha=alpha).fit(units[rest], np.eye(3)[codes[rest]])
        np.testing.assert_allclose(answers[row], refit.predict(units[row : row + 1])[0], atol=2e-2)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_logistic_classifier_answers_as_a_fit_without_the_images_fold(n_classes: int) -> None:
    x, codes = blobs([30, 25, 20][:n_classes], spread=1.0)
    codes[0] = -1
    ours = Logistic(x, codes, n_classes)
    labelled = codes >= 0
    units = unit_rows(x).astype(np.float64)
    features = 5 * (units - units[labelled].mean(axis=0))
    for row in (1, 20, codes.size - 1):
        taught = labelled & (ours.fold != ours.fold[row])
        assert not taught[row]
        refit = LogisticRegression(C=0.1, tol=1e-8, max_iter=1_000).fit(features[taught], codes[taught])
        expected = refit.predict_proba(features[row : row + 1])[0]
        np.testing.assert_allclose(ours.probabilities(slice(row, row + 1))[0], expected, atol=5e-3)


def test_the_smallest_judged_class_is_in_every_fit() -> None:
    _, codes = blobs([40, 3, 40, 3])
    x = np.random.default_rng(0).normal(size=(86, 300)).astype(np.float32)
    assert (Logistic(x, codes, 4).biases > -20).all()


def graph_of(indices: list[list[int]], similarities: list[list[float]]) -> NeighborGraph:
    return NeighborGraph(indices=np.array(indices, np.int32), similarities=np.array(similarities, np.float32))


def test_bayes_error_of_four_images_is_that_by_hand() -> None:
    # Rows 0 and 1 agree; 2 and 3 are each other's nearest but differ: the error rate is 1/2, so both bounds are 1/2.
    graph = graph_of([[1], [0], [3], [2]], [[0.9]] * 4)
    codes = np.array([0, 0, 0, 1], np.int32)
    found = bound_bayes_error_knn(graph, codes)
    assert (found.lower, found.upper, found.n_images) == (0.5, 0.5, 4)
    tree = bound_bayes_error_mst(graph_of([[1], [2], [3], [2]], [[0.9]] * 4), codes)
    assert tree.upper == pytest.approx(1 / 3 * 3 / 4)


def test_bounds_hold_the_true_error_of_two_gaussians() -> None:
    """Cosine of (x, y, 1)-like vectors would bend the plane, so the angle itself carries the mixture."""
    distance, n_held, n_draws = 2.0, 0, 20
    truth = stats.norm.cdf(-distance / 2)
    for seed in range(n_draws):
        rng = np.random.default_rng(seed)
        codes = rng.integers(0, 2, 600).astype(np.int32)
        angle = 0.05 * (rng.normal(size=600) + distance * codes)
        x = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
        found = bound_bayes_error_knn(find_neighbors(x, n_neighbors=5), codes, z=1.96)
        n_held += found.lower <= truth <= found.upper
    assert n_held >= 0.95 * n_draws


def test_balance_is_one_where_classes_are_equal_and_less_where_not() -> None:
    even = class_balance(np.array([0, 0, 1, 1, -1], np.int32), 3)
    assert (even.shannon, even.simpson, even.imbalance_ratio) == (1, 1, 1)
    assert even.counts.tolist() == [2, 2, 0]
    odd = class_balance(np.array([0, 0, 0, 1], np.int32), 2)
    assert odd.simpson == pytest.approx(1 / (0.75**2 + 0.25**2) - 1)
    assert odd.shannon == pytest.approx(-(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)))
    assert odd.imbalance_ratio == 3


def test_association_agrees_with_scipy_and_counts_small_tables_exactly() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 3, 900).astype(np.int32), rng.integers(0, 4, 900).astype(np.int32)
    found = measure_association(a, b)
    table = np.array([[((a == i) & (b == j)).sum() for j in range(4)] for i in range(3)])
    reference = stats.chi2_contingency(table, correction=False)
    assert (found.chi2, found.p_value) == pytest.approx((reference.statistic, reference.pvalue))
    assert not found.is_exact
    small = measure_association(np.array([0, 0, 0, 1, 1, 1], np.int32), np.array([0, 0, 0, 1, 1, 1], np.int32))
    assert small.is_exact
    assert small.p_value == pytest.approx(0.1)  # 2 of the 20 tables are as extreme
    assert small.cramers_v == pytest.approx(1)
    three = measure_association(np.array([0, 0, 1, 1, 2, 2], np.int32), np.array([0, 0, 1, 1, 0, 1], np.int32))
    assert three.is_exact
    assert 0 < three.p_value <= 1
    assert measure_association(np.zeros(5, np.int32), np.arange(5, dtype=np.int32)).p_value == 1


def test_the_confusion_of_neighbourhoods_opens_its_images() -> None:
    graph = graph_of([[1, 2], [0, 2], [0, 1], [0, 1]], [[0.9, 0.8]] * 4)
    found = confuse_neighbours(graph, np.array([0, 0, 1, -1], np.int32))
    assert found.voted.tolist() == [0, 0, 0, 0]
    assert found.rows(1, 0).tolist() == [2]
    assert found.n_images.tolist() == [2, 1]


def test_five_thousand_classes_are_no_trouble() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(15_000, 8)).astype(np.float32)
    codes = (np.arange(15_000) % 5_000).astype(np.int32)
    graph = NeighborGraph(
        indices=rng.integers(0, 15_000, (15_000, 4)).astype(np.int32),
        similarities=np.full((15_000, 4), 0.5, np.float32),
    )
    found = confuse_neighbours(graph, codes)
    assert int(found.n_images.sum()) == 15_000
    errors = find_label_errors(
        x[:1_500],
        NeighborGraph(indices=graph.indices[:1_500] % 1_500, similarities=graph.similarities[:1_500]),
        codes[:1_500] % 500,
        5_000,
    )
    assert np.isfinite(errors.scores).all()
