"""Tests of each feature by itself against scipy's numbers, and the false discovery rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dataeval_ui.analysis.drift.features import (
    cdf_gap_p_values,
    exact_cdf_gaps,
    factor_statistics,
    largest_cdf_gaps,
    n_below_fdr,
)
from dataeval_ui.analysis.drift.samples import memberships, permutation_p


def normal(n: int, *, shift: float = 0.0, seed: int = 0, n_dims: int = 4) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(n, n_dims)) + shift).astype(np.float32)


@pytest.mark.parametrize("decimals", [1, 6])
def test_ks_and_cvm_equal_scipys_with_and_without_ties(decimals: int) -> None:
    x, y = normal(60, seed=1).round(decimals), normal(45, shift=0.4, seed=2).round(decimals)
    ks, cvm = exact_cdf_gaps(x, y)
    p_ks, p_cvm = cdf_gap_p_values(ks, cvm, n=60, m=45)
    for at in range(4):
        one = stats.ks_2samp(x[:, at], y[:, at], method="asymp")
        two = stats.cramervonmises_2samp(x[:, at].astype(float), y[:, at].astype(float), method="asymptotic")
        assert (ks[at], p_ks[at]) == pytest.approx((one.statistic, one.pvalue), abs=1e-10)
        if decimals == 6:
            assert (cvm[at], p_cvm[at]) == pytest.approx((two.statistic, two.pvalue), abs=1e-8)


def test_cvm_of_tied_values_is_the_integral_of_the_squared_gap_and_0_for_equal_sets() -> None:
    # F - G is 1/2 - 0 at 0 (one image), and 0 at 1 (three): 4 / 16 * (1/2)^2.
    assert exact_cdf_gaps(np.array([[0.0], [1]], np.float32), np.array([[1.0], [1]], np.float32))[1] == pytest.approx(
        [0.25 * 0.25]
    )
    zeros = np.zeros((30, 1), np.float32)
    assert exact_cdf_gaps(zeros, zeros[:20])[1] == pytest.approx([0])


def test_ks_of_sets_apart_is_1_and_of_equal_sets_0() -> None:
    low, high = np.array([[1.0], [2]], np.float32), np.array([[3.0], [4], [5]], np.float32)
    assert exact_cdf_gaps(low, high)[0] == pytest.approx([1.0])
    assert exact_cdf_gaps(low, low)[0] == pytest.approx([0.0])
    pooled, members = np.concatenate([low, high]), memberships(2, 3, n_permutations=0, random_state=0)
    assert largest_cdf_gaps(pooled, members)[0][0] == pytest.approx(1.0)


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 40), st.integers(5, 40), st.integers(0, 1000))
def test_the_gap_at_quantiles_is_never_above_the_exact_one(n: int, m: int, seed: int) -> None:
    x, y = normal(n, seed=seed).round(1), normal(m, shift=0.5, seed=seed + 1).round(1)
    ks, cvm = largest_cdf_gaps(np.concatenate([x, y]), memberships(n, m, n_permutations=3, random_state=seed))
    exact, _ = exact_cdf_gaps(x, y)
    assert ks[0] <= exact.max() + 1e-5
    assert np.all(cvm <= ks**2 + 1e-6)


def test_a_wider_spread_is_seen_by_ks_and_cvm() -> None:
    x, y = normal(300, seed=1), 3 * normal(300, seed=2)
    members = memberships(300, 300, n_permutations=99, random_state=0)
    for values in largest_cdf_gaps(np.concatenate([x, y]).astype(np.float32), members):
        assert permutation_p(values) == 0.01


def test_the_false_discovery_rate_equals_scipys() -> None:
    p = np.array([0.001, 0.012, 0.03, 0.04, 0.2])
    assert n_below_fdr(p) == int((stats.false_discovery_control(p) <= 0.05).sum()) == 4
    assert n_below_fdr(np.array([0.06])) == 0
    assert n_below_fdr(np.array([])) == 0


def test_the_column_that_changed_is_the_largest_whatever_its_kind_and_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(120, 2)).astype(np.float32)
    numbers[60:, 1] += 1.5
    numbers[rng.random(120) < 0.2, 0] = np.nan
    codes = rng.integers(0, 3, 120).astype(np.int32)
    members = memberships(60, 60, n_permutations=99, random_state=0)
    each = factor_statistics(numbers, [codes], members)
    assert each.shape == (3, 100)
    assert each[:, 0].argmax() == 1
    codes[60:] = np.maximum(codes[60:], 1)
    codes[:5] = -1
    assert factor_statistics(np.empty((120, 0), np.float32), [codes], members)[0, 0] > 4
    assert np.all(factor_statistics(np.full((120, 1), np.nan, np.float32), [], members) == 0)
