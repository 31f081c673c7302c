"""Tests of each feature by itself: dimensions of embeddings, image statistics, metadata, labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.types import batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32

N_CUTS = 16
_BLOCK_FLOATS = 2**24


def largest_rank_shift(pooled: Float32, members: Float32) -> tuple[np.ndarray, np.ndarray]:
    """Largest absolute standard score of Mann and Whitney over the features, for every arrangement.

    Returns
    -------
    largest : ndarray of shape (n_arrangements,)
        Its permutation p-value holds for all features together (Westfall and Young's maximum).
    scores : ndarray of shape (n_features,)
        Of the sets as given; positive where the test set is larger. 0 for a constant feature.
    """
    from scipy.stats import rankdata

    n, m = len(pooled), float(members[:, 0].sum())
    ranks = rankdata(pooled, axis=0)
    spread = ranks.std(axis=0)
    scale = np.where(spread > 0, spread * np.sqrt(m * (n - m) / (n - 1)), np.inf)
    scores = ((ranks - (n + 1) / 2) / scale).astype(np.float32).T @ members
    return np.abs(scores).max(axis=0), scores[:, 0]


def largest_cdf_gaps(pooled: Float32, members: Float32) -> tuple[np.ndarray, np.ndarray]:
    """Largest distances of Kolmogorov-Smirnov and of Cramer and von Mises over the features, for every arrangement.

    Returns
    -------
    ks, cvm : ndarray of shape (n_arrangements,)
        The largest absolute gap of the two distribution functions, and the mean squared gap, each the largest over the
        features. Both at 16 quantiles of the pooled feature, so that all permutations are one product of matrices; what
        one permutation may look at, all may, so their p-values are exact.

    Notes
    -----
    O(n n_features n_arrangements) in blocks; the exact statistics of the sets as given are `exact_cdf_gaps`.
    """
    n, n_features = pooled.shape
    m = float(members[:, 0].sum())
    weights = members / m - (1 - members) / (n - m)
    ks, cvm = np.zeros(members.shape[1]), np.zeros(members.shape[1])
    places = np.unique(np.minimum(np.arange(1, N_CUTS + 1) * n // (N_CUTS + 1), n - 1))
    for block in batches(n_features, max(1, _BLOCK_FLOATS // (n * len(places)))):
        values = pooled[:, block]
        cuts = np.partition(values, places, axis=0)[places]
        below = (values.T[:, None, :] <= cuts.T[:, :, None]).astype(np.float32)
        share = below.mean(axis=2)
        gaps = (below.reshape(-1, n) @ weights).reshape(*share.shape, -1)
        gaps = np.round(gaps, 6)  # the rest is rounding, and would tell equal arrangements apart
        np.maximum(ks, np.abs(gaps).max(axis=(0, 1)), out=ks)
        # Cuts that ties make equal count once: each stands for the share of images up to the next.
        mass = np.diff(share, axis=1, prepend=0)[..., None]
        np.maximum(cvm, (np.square(gaps) * mass).sum(axis=1).max(axis=0), out=cvm)
    return ks, cvm


def exact_cdf_gaps(reference: Float32, test: Float32) -> tuple[np.ndarray, np.ndarray]:
    """Two-sample statistics of Kolmogorov-Smirnov and of Cramer and von Mises, feature by feature.

    Returns
    -------
    ks, cvm : ndarray of shape (n_features,), float64
        Equal to scipy's; where values are tied, CVM is the same integral of the squared gap, while scipy's formula from
        ranks grows with every tie, and a network's features are 0 for many images. Anderson, 1962,
        https://doi.org/10.1214/aoms/1177704477
    """
    n, m = len(reference), len(test)
    pooled = np.concatenate([reference, test])
    order = np.argsort(pooled, axis=0, kind="stable")
    ordered = np.take_along_axis(pooled, order, axis=0)
    gap = np.cumsum(np.where(order < n, 1 / n, -1 / m), axis=0)
    last = np.vstack([ordered[1:] != ordered[:-1], np.ones((1, pooled.shape[1]), np.bool_)])
    ks = np.where(last, np.abs(gap), 0).max(axis=0)
    # Equal values share the gap behind the last of them.
    ends = np.where(last, np.arange(n + m)[:, None], n + m)
    ends = np.minimum.accumulate(ends[::-1], axis=0)[::-1]
    cvm = np.square(np.take_along_axis(gap, ends, axis=0)).sum(axis=0) * n * m / (n + m) ** 2
    return ks, cvm


def cdf_gap_p_values(ks: np.ndarray, cvm: np.ndarray, *, n: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Large-sample p-values of `exact_cdf_gaps`, as scipy's `method="asymp"` and `method="asymptotic"`.

    Notes
    -----
    CVM: the statistic is scaled to the mean and variance of its limit, whose distribution is a series of Bessel
    functions (Anderson and Darling, 1952, https://doi.org/10.1214/aoms/1177729437).
    """
    from scipy.special import gammaln, kv
    from scipy.stats import kstwo

    p_ks = kstwo.sf(ks, round(n * m / (n + m)))
    total, product = n + m, n * m
    mean = (1 + 1 / total) / 6
    variance = (total + 1) * (4 * product * total - 3 * (n * n + m * m) - 2 * product) / (45 * total**2 * 4 * product)
    z = np.maximum(1 / 6 + (cvm - mean) / np.sqrt(45 * variance), 3e-3)
    at = np.zeros_like(z)
    for k in range(12):
        y = (4 * k + 1) ** 2 / (16 * z)
        weight = np.exp(gammaln(k + 0.5) - gammaln(k + 1) - gammaln(0.5)) * np.sqrt(4 * k + 1)
        at += weight * np.exp(-y) * kv(0.25, y)
    return np.clip(p_ks, 0, 1), np.clip(1 - at / (np.pi * np.sqrt(z)), 0, 1)


def n_below_fdr(p_values: np.ndarray, *, level: float = 0.05) -> int:
    """Number of features that Benjamini and Hochberg's step-up rule finds at a false discovery rate.

    References
    ----------
    .. Benjamini and Hochberg, 1995, https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    ordered = np.sort(p_values)
    found = np.flatnonzero(ordered <= level * np.arange(1, len(ordered) + 1) / max(len(ordered), 1))
    return int(found[-1]) + 1 if found.size else 0


def factor_statistics(numbers: Float32, codes: Sequence[Int32], members: Float32) -> np.ndarray:
    """How far each factor of the metadata differs between the sets, all in the same unit.

    Parameters
    ----------
    numbers : ndarray of shape (n, n_numbers), float32
        NaN is missing, and counts as the feature's median.
    codes : sequence of ndarray of shape (n,), int32
        Factors of few values; -1 is missing.
    members : ndarray of shape (n, n_arrangements), float32

    Returns
    -------
    ndarray of shape (n_numbers + len(codes), n_arrangements), float64
        Absolute rank shift, or chi-squared, less the mean of its permutations over their standard deviation: the
        largest of them over the factors is the statistic of the metadata.
    """
    rows = []
    if numbers.shape[1]:
        known = np.isfinite(numbers)
        middle = np.array([np.median(c[k]) if k.any() else 0.0 for c, k in zip(numbers.T, known.T, strict=True)])
        filled = np.where(known, numbers, middle).astype(np.float32)
        rows += [largest_rank_shift(filled[:, [at]], members)[0] for at in range(filled.shape[1])]
    rows += [label_statistics(factor, members) for factor in codes]
    found = np.stack(rows).astype(np.float64)
    spread = found.std(axis=1, keepdims=True)
    scaled: np.ndarray = (found - found.mean(axis=1, keepdims=True)) / np.where(spread > 1e-12, spread, np.inf)
    return scaled


def label_statistics(codes: Int32, members: Float32) -> np.ndarray:
    """Chi-squared of class against set, for every arrangement; images without a label have the code -1."""
    known = codes >= 0
    groups = codes[known]
    hot = np.zeros((int(groups.max(initial=-1)) + 1, len(groups)), dtype=np.float32)
    hot[groups, np.arange(len(groups))] = 1
    in_test = hot @ members[known]
    totals = hot.sum(axis=1)[:, None]
    share = members[known].mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.square(in_test - totals * share) / (totals * share * (1 - share))
    statistics: np.ndarray = np.nan_to_num(terms, nan=0.0, posinf=0.0).sum(axis=0, dtype=np.float64)
    return statistics
