"""Tests of each feature by itself: dimensions of embeddings, image statistics, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32


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
