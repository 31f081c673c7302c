"""Maximum mean discrepancy and energy distance, with all permutations as one product of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.types import Progress, Silent, batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32

MEDIAN_ROWS = 1000
_BLOCK_ROWS = 1024


def median_bandwidth(pooled: Float32, *, random_state: int = 0) -> float:
    """Bandwidth sigma with 2 sigma^2 = the median squared distance, from at most 1,000 images; 1 for equal images.

    References
    ----------
    .. Gretton et al., "A kernel two-sample test", 2012, JMLR 13: 723-773
    """
    rng = np.random.default_rng(random_state)
    n = len(pooled)
    rows = np.sort(rng.choice(n, MEDIAN_ROWS, replace=False)) if n > MEDIAN_ROWS else np.arange(n)
    squared = _squared_distances(pooled[rows], pooled[rows])
    median = float(np.median(squared[np.triu_indices(len(rows), 1)]))
    return float(np.sqrt(median / 2)) if median > 0 else 1.0


def kernel_statistics(
    pooled: Float32, members: Float32, *, bandwidth: float, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Unbiased squared MMD and energy distance of every arrangement.

    Parameters
    ----------
    pooled : ndarray of shape (n, n_dims), float32
    members : ndarray of shape (n, n_arrangements), float32
        1 for test, see `samples.memberships`.
    bandwidth : float
        sigma of exp(-|x - y|^2 / (2 sigma^2)).

    Returns
    -------
    mmd, energy : ndarray of shape (n_arrangements,), float64

    Notes
    -----
    O(n^2 (n_dims + n_arrangements)) in blocks of 1,024 rows of the upper triangle; the matrix is never held. Energy:
    Szekely and Rizzo, 2013, https://doi.org/10.1016/j.jspi.2013.03.018
    """
    progress = progress or Silent()
    n = len(pooled)
    centred = pooled - pooled.mean(axis=0)
    found = []
    within = np.zeros((2, members.shape[1]))
    row_sums = np.zeros((2, n))
    for rows in batches(n, _BLOCK_ROWS):
        progress.check_cancelled()
        squared = _squared_distances(centred[rows], centred[rows.start :])
        own = np.arange(rows.stop - rows.start)
        squared[own, own] = 0
        for kind in range(2):
            block = np.exp(squared * np.float32(-0.5 / bandwidth**2)) if kind == 0 else np.sqrt(squared)
            block[own, own] = 0
            width = len(own)
            row_sums[kind, rows] += block.sum(axis=1, dtype=np.float64)
            row_sums[kind, rows.stop :] += block[:, width:].sum(axis=0, dtype=np.float64)
            block[:, width:] *= 2  # the lower triangle
            product = block @ members[rows.start :]
            within[kind] += np.einsum("ij,ij->j", product, members[rows], dtype=np.float64)
        progress.report("findings", rows.stop, n)
    m = float(members[:, 0].sum())
    for kind in range(2):
        of_test = members.T.astype(np.float64) @ row_sums[kind]
        between = of_test - within[kind]
        of_reference = row_sums[kind].sum() - 2 * of_test + within[kind]
        means = of_reference / ((n - m) * (n - m - 1)), within[kind] / (m * (m - 1)), between / ((n - m) * m)
        found.append(means[0] + means[1] - 2 * means[2])
    return found[0], -found[1]


def _squared_distances(left: Float32, right: Float32) -> Float32:
    squared: Float32 = left @ right.T
    squared *= -2
    squared += np.square(left).sum(axis=1)[:, None]
    squared += np.square(right).sum(axis=1)
    np.maximum(squared, 0, out=squared)
    return squared
