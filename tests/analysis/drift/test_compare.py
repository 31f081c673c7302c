"""Two-sample tests: tiny cases, laws, scipy's answers, and the level of the verdict."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dataeval_ui.analysis.drift.classifier import aurocs, classifier_scores
from dataeval_ui.analysis.drift.compare import compare_sets, joint_p
from dataeval_ui.analysis.drift.features import label_statistics, largest_rank_shift
from dataeval_ui.analysis.drift.kernels import kernel_statistics, median_bandwidth
from dataeval_ui.analysis.drift.samples import memberships, permutation_p
from dataeval_ui.analysis.drift.wording import EMBEDDING_TESTS
from dataeval_ui.errors import ParameterError


def normal(n: int, *, shift: float = 0.0, seed: int = 0, n_dims: int = 6) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(n, n_dims)) + shift).astype(np.float32)


def test_the_statistics_equal_their_definitions() -> None:
    x, y = normal(1300, seed=1), normal(40, shift=0.3, seed=2)
    members = memberships(1300, 40, n_permutations=2, random_state=0)
    mmd, energy = kernel_statistics(np.concatenate([x, y]), members, bandwidth=1.7)

    def mean(a: np.ndarray, b: np.ndarray, *, kernel: bool) -> float:
        distances = np.linalg.norm(a[:, None].astype(float) - b[None], axis=2)
        values = np.exp(-(distances**2) / (2 * 1.7**2)) if kernel else distances
        if a is b:
            return float((values.sum() - np.trace(values)) / (len(a) * (len(a) - 1)))
        return float(values.mean())

    for found, kernel, sign in ((mmd, True, 1), (energy, False, -1)):
        direct = mean(x, x, kernel=kernel) + mean(y, y, kernel=kernel) - 2 * mean(x, y, kernel=kernel)
        assert found[0] == pytest.approx(sign * direct, abs=1e-6 if kernel else 1e-5)


def test_the_order_of_images_within_a_set_changes_no_kernel_statistic() -> None:
    pooled = np.concatenate([normal(30, seed=1), normal(20, seed=2)])
    members = memberships(30, 20, n_permutations=0, random_state=0)
    order = np.concatenate([np.random.default_rng(0).permutation(30), 30 + np.random.default_rng(1).permutation(20)])
    sigma = median_bandwidth(pooled)
    first, second = (kernel_statistics(rows, members, bandwidth=sigma) for rows in (pooled, pooled[order]))
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_p_counts_the_given_arrangement_so_it_is_never_0() -> None:
    assert permutation_p(np.array([9.0, 1, 2, 3])) == 0.25
    assert permutation_p(np.array([1.0, 9, 9, 9])) == 1


def test_rank_shift_equals_scipys_mann_whitney() -> None:
    x, y = normal(40, seed=1), normal(30, shift=0.5, seed=2)
    members = memberships(40, 30, n_permutations=0, random_state=0)
    _, scores = largest_rank_shift(np.concatenate([x, y]), members)
    expected = stats.mannwhitneyu(x[:, 2], y[:, 2], method="asymptotic", use_continuity=False).pvalue
    assert 2 * stats.norm.sf(abs(scores[2])) == pytest.approx(expected, rel=1e-4)


def test_the_statistic_of_labels_is_chi_squared() -> None:
    codes = np.array([0] * 8 + [1] * 4 + [0] * 3 + [1] * 5 + [-1], dtype=np.int32)
    members = np.zeros((21, 1), np.float32)
    members[12:20] = 1
    expected = stats.chi2_contingency([[8, 4], [3, 5]], correction=False).statistic
    assert label_statistics(codes, members)[0] == pytest.approx(expected, rel=1e-5)


def test_auroc_is_1_for_sets_far_apart() -> None:
    pooled = np.concatenate([normal(30, seed=1), normal(30, shift=8, seed=2)])
    members = memberships(30, 30, n_permutations=3, random_state=0)
    assert aurocs(classifier_scores(pooled, members), members)[0] == pytest.approx(1)


def test_a_shift_is_found_and_the_image_that_came_with_it_scores_higher() -> None:
    found = compare_sets(normal(120, seed=1), normal(80, shift=0.7, seed=2), n_permutations=99)
    assert found.drifted
    assert found.scores[120:].mean() > found.scores[:120].mean()
    assert all(0 < test.p_value <= 0.05 for test in found.tests)


def test_the_verdict_is_wrong_about_as_often_as_its_level_says() -> None:
    rng = np.random.default_rng(5)
    mixing = rng.normal(size=(8, 8))
    wrong = 0
    for round_ in range(100):
        x, y = (rng.normal(size=(30, 8)) @ mixing for _ in range(2))
        wrong += compare_sets(
            x.astype(np.float32), y.astype(np.float32), n_permutations=59, random_state=round_
        ).drifted
    assert wrong <= 12  # 0.5 % of right tests would have more at a level of 5 %


def test_identical_sets_and_constant_features_are_no_drift() -> None:
    same = normal(20)
    assert not compare_sets(same, same, n_permutations=59).drifted
    flat = compare_sets(np.ones((8, 3), np.float32), np.ones((9, 3), np.float32), n_permutations=59)
    assert flat.p_value == 1
    assert all(test.p_value == 1 for test in flat.tests)


def test_disjoint_classes_are_drift() -> None:
    x, y = normal(20, seed=1), normal(20, seed=2)
    labels = np.zeros(20, np.int32), np.ones(20, np.int32)
    assert compare_sets(x, y, labels=labels, n_permutations=199).drifted


@pytest.mark.parametrize(
    ("reference", "test", "sentence"),
    [
        (normal(1), normal(9), "reference set needs at least 5 images, got 1"),
        (normal(9), normal(9) * np.float32(np.nan), "test set has values that are not finite"),
        (normal(9), normal(9, n_dims=5), "same number of dimensions, got 6 and 5"),
    ],
)
def test_sets_that_no_test_can_answer_for_get_a_sentence(
    reference: np.ndarray, test: np.ndarray, sentence: str
) -> None:
    with pytest.raises(ParameterError, match=sentence):
        compare_sets(reference, test)


def test_one_sure_kind_of_test_is_not_outvoted_by_those_of_the_embeddings() -> None:
    rng = np.random.default_rng(0)
    quiet = {name: rng.normal(size=200) for name in sorted(EMBEDDING_TESTS)}
    for values in quiet.values():
        values[0] = np.median(values)
    sure = np.append(9.0, rng.normal(size=199))
    assert joint_p({**quiet, "labels": sure}) <= 0.02
    assert joint_p({"labels": sure}) == permutation_p(sure)
    assert joint_p(quiet) > 0.2


def test_images_in_an_emptier_place_are_seen() -> None:
    rng = np.random.default_rng(3)
    near = (rng.normal(size=(60, 20)) * 0.2 + 1).astype(np.float32)
    far = (rng.normal(size=(60, 20)) * 1.5 + 1).astype(np.float32)
    by_name = {test.name: test for test in compare_sets(near, far, n_permutations=99).tests}
    assert by_name["isolation"].p_value == 0.01
