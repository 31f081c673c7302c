"""The smallest difference that sets of these sizes could have shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dataeval_ui.types.drift import DriftPower

POWER = 0.8
LEVEL = 0.05


def detectable(n_reference: int, n_test: int, *, auroc: np.ndarray, mwu: np.ndarray) -> DriftPower:
    """Say what would have been found in four of five such comparisons.

    Parameters
    ----------
    n_reference, n_test : int
    auroc : ndarray of shape (1 + n_permutations,)
        Of the domain classifier; the sets as given come first and are not used.
    mwu : ndarray of shape (1 + n_permutations,)
        Largest absolute standard score over the dimensions, likewise.

    Returns
    -------
    DriftPower

    Notes
    -----
    What is significant at 0.05 comes from the permutations, so the dimensions' dependence is in it; how much an actual
    shift scatters from the large-sample variance (Hanley and McNeil, 1982,
    https://doi.org/10.1148/radiology.143.1.7063747, for the AUROC; a normal dimension that has shifted by d standard
    deviations is larger in the test set with the probability Phi(d / sqrt(2)), and its score scatters by about 1).
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    from dataeval_ui.types.drift import DriftPower

    ahead = float(norm.ppf(POWER))
    n, m = n_reference, n_test
    critical = float(np.quantile(auroc[1:], 1 - LEVEL))

    def short(area: float) -> float:
        squared = area * area
        one, two = area / (2 - area), 2 * squared / (1 + area)
        variance = (area * (1 - area) + (m - 1) * (one - squared) + (n - 1) * (two - squared)) / (n * m)
        return area - ahead * float(np.sqrt(max(variance, 0))) - critical

    area = float(brentq(short, 0.5, 1.0)) if short(0.5) < 0 <= short(1.0) else 1.0
    score = float(np.quantile(mwu[1:], 1 - LEVEL)) + ahead
    larger = 0.5 + score * float(np.sqrt((n + m + 1) / (12 * n * m)))
    shift = float(np.sqrt(2) * norm.ppf(min(larger, 1 - 1e-9)))
    return DriftPower(
        auroc=area,
        shift_sd=shift,
        sentence=(
            f"With {n:,} and {m:,} images, four of five times a test by itself would find sets that a classifier "
            f"tells apart with an AUROC of {area:.2f} or more, and a dimension that has shifted by {shift:.2g} "
            "standard deviations or more; smaller drift may be there unseen."
        ),
    )
