"""Can a classifier tell which set an image is from?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32

N_FOLDS = 5
RIDGE = 0.1
"""Of the penalty, as a part of the mean variance times the number of images: about that of shrinking by a tenth."""


def classifier_scores(pooled: Float32, members: Float32, *, random_state: int = 0) -> Float32:
    """Score of every image by a linear classifier that was fitted without its fold, for every arrangement.

    Parameters
    ----------
    pooled : ndarray of shape (n, n_dims), float32
    members : ndarray of shape (n, n_arrangements), float32

    Returns
    -------
    ndarray of shape (n, n_arrangements), float32
        Larger: more like the test set; 0 for the mean of the images it was fitted on.

    Notes
    -----
    Ridge regression of the membership, in closed form for all arrangements at once. Folds do not look at the
    memberships, so the permutation test is exact. O(n n_dims (n_dims + n_arrangements)).
    """
    n = len(pooled)
    features = pooled - pooled.mean(axis=0)
    variance = float(np.square(features).mean())
    folds = np.random.default_rng(random_state).permutation(n) % min(N_FOLDS, n)
    scores = np.empty_like(members)
    for fold in range(min(N_FOLDS, n)):
        held, kept = folds == fold, folds != fold
        base = members[kept].mean(axis=0)
        known = features[kept]
        centre = known.mean(axis=0)
        known = known - centre
        penalty = RIDGE * len(known) * variance + 1e-9
        if known.shape[0] <= known.shape[1]:
            gram = known @ known.T
            gram[np.diag_indices_from(gram)] += penalty
            weights = known.T @ np.linalg.solve(gram, members[kept] - base)
        else:
            gram = known.T @ known
            gram[np.diag_indices_from(gram)] += penalty
            weights = np.linalg.solve(gram, known.T @ (members[kept] - base))
        scores[held] = (features[held] - centre) @ weights
    return scores


def aurocs(scores: Float32, members: Float32) -> np.ndarray:
    """Area under the ROC curve of every arrangement, ties counted half, of shape (n_arrangements,)."""
    from scipy.stats import rankdata

    m = float(members[:, 0].sum())
    n = len(members)
    found = np.empty(members.shape[1])
    for column in range(members.shape[1]):
        ranks = rankdata(scores[:, column])
        found[column] = (float(ranks @ members[:, column]) - m * (m + 1) / 2) / (m * (n - m))
    return found
