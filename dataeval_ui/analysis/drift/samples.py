"""The two sets as one array with permuted memberships, on which every statistic is computed at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.errors import ParameterError

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32

MIN_IMAGES = 5
"""Of each set: with fewer, a permutation test has too few arrangements to reach small p-values."""


def check_pair(reference: Float32, test: Float32) -> None:
    """Refuse sets that no two-sample test can answer for.

    Raises
    ------
    ParameterError
        A set of fewer than 5 images, other dimensions, or a value that is not finite.
    """
    for name, values in (("reference", reference), ("test", test)):
        if values.ndim != 2 or values.shape[0] < MIN_IMAGES:
            n = values.shape[0] if values.ndim == 2 else 0
            raise ParameterError(f"The {name} set needs at least {MIN_IMAGES} images, got {n}; choose a larger set.")
        if not np.isfinite(values).all():
            raise ParameterError(f"The {name} set has values that are not finite; embed these images again.")
    if reference.shape[1] != test.shape[1]:
        raise ParameterError(
            f"Both sets must have the same number of dimensions, got {reference.shape[1]} and {test.shape[1]}; run "
            "both with the same backbone."
        )


def memberships(n_reference: int, n_test: int, *, n_permutations: int, random_state: int) -> Float32:
    """Return which images are the test set: as given in the first column, shuffled in the others.

    Returns
    -------
    ndarray of shape (n_reference + n_test, 1 + n_permutations), float32
        0 for reference, 1 for test; the reference comes first.
    """
    rng = np.random.default_rng(random_state)
    members = np.zeros((n_reference + n_test, 1 + n_permutations), dtype=np.float32)
    members[n_reference:, 0] = 1
    for column in range(1, 1 + n_permutations):
        members[rng.choice(len(members), n_test, replace=False), column] = 1
    return members


def permutation_p(statistics: np.ndarray) -> float:
    """Share of arrangements whose statistic is at least the given one's, itself counted: (b + 1) / (B + 1).

    Parameters
    ----------
    statistics : ndarray of shape (1 + n_permutations,)
        The first is that of the sets as given.

    Notes
    -----
    Never 0. Differences below 1e-6 of the spread are rounding and count as equal, so identical sets get 1. Source:
    Phipson and Smyth, 2010, https://doi.org/10.2202/1544-6115.1585
    """
    slack = 1e-6 * float(np.ptp(statistics)) + 1e-12
    return float((statistics >= statistics[0] - slack).mean())


def separation(statistics: np.ndarray) -> float:
    """Standard deviations of the permuted statistics between their mean and the given one; 0 where they are equal."""
    spread = float(statistics[1:].std())
    return (float(statistics[0]) - float(statistics[1:].mean())) / spread if spread > 1e-12 else 0.0
