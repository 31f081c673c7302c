"""MMD of sets too large for all pairs: random Fourier features in place of the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from dataeval_ui.errors import ParameterError
from dataeval_ui.types import Progress, Silent, batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32


class Rows(Protocol):
    """Embeddings that are read a slice at a time: an array, a memory map, or some rows of one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_images, n_dims)."""

    def __len__(self) -> int:
        """Return n_images."""

    def __getitem__(self, rows: slice, /) -> Float32:
        """Read some rows."""


N_FREQUENCIES = 1024
_BLOCK_ROWS = 4096


def fourier_mmd(
    reference: Rows,
    test: Rows,
    *,
    bandwidth: float,
    n_permutations: int = 500,
    n_frequencies: int = N_FREQUENCIES,
    random_state: int = 0,
    progress: Progress | None = None,
) -> np.ndarray:
    """Approximate the unbiased squared MMD of all images, for the sets as given and for their permutations.

    Parameters
    ----------
    reference, test : ndarray of shape (n_images, n_dims), float32, or Rows
        Each is read once, in blocks of 4,096 rows. At least 2 images each.
    bandwidth : float
        sigma of exp(-|x - y|^2 / (2 sigma^2)).
    n_permutations : int, default 500
    n_frequencies : int, default 1024
    random_state : int, default 0

    Returns
    -------
    ndarray of shape (1 + n_permutations,), float64

    Raises
    ------
    ParameterError
        A set of fewer than 2 images.

    Notes
    -----
    exp(-|x - y|^2 / (2 sigma^2)) is the mean of cos(w (x - y)) over normal w; with 1,024 of them its standard error is
    at most 1 / sqrt(2 * 1024) = 0.022 for each pair, and 0 for equal ones. Permutations shuffle the same features, so
    the p-value is exact for this statistic. O((n + m) n_frequencies (n_dims + n_permutations)) time, and a byte for
    each image and permutation. Rahimi and Recht, 2007, "Random features for large-scale kernel machines", NeurIPS 20.
    """
    progress = progress or Silent()
    n, m = len(reference), len(test)
    if min(n, m) < 2:
        raise ParameterError(f"Each set needs at least 2 images, got {n} and {m}; choose a larger set.")
    rng = np.random.default_rng(random_state)
    frequencies = (rng.normal(size=(reference.shape[1], n_frequencies)) / bandwidth).astype(np.float32)
    in_test = np.zeros((n + m, 1 + n_permutations), dtype=np.bool_)
    in_test[n:, 0] = True
    for column in range(1, 1 + n_permutations):
        in_test[rng.choice(n + m, m, replace=False), column] = True
    of_test = np.zeros((2 * n_frequencies, 1 + n_permutations))
    total = np.zeros(2 * n_frequencies)
    done = 0
    for side in (reference, test):
        for rows in batches(len(side), _BLOCK_ROWS):
            progress.check_cancelled()
            angles = np.asarray(side[rows], dtype=np.float32) @ frequencies
            features = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
            of_test += features.T @ in_test[done : done + len(features)].astype(np.float32)
            total += features.sum(axis=0, dtype=np.float64)
            done += len(features)
        progress.report("findings", done, n + m)
    of_test /= np.sqrt(n_frequencies)
    of_reference = (total / np.sqrt(n_frequencies))[:, None] - of_test
    within = [(np.square(sums).sum(axis=0) - k) / (k * (k - 1)) for sums, k in ((of_reference, n), (of_test, m))]
    between = (of_reference * of_test).sum(axis=0) / (n * m)
    statistics: np.ndarray = within[0] + within[1] - 2 * between
    return statistics
