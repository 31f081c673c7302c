"""Where the ordinary values of a skewed sample end, and how far a value lies beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dataeval_ui.errors import ParameterError

if TYPE_CHECKING:
    from dataeval_ui.types.quality import ThresholdMethod

    Values = np.ndarray[Any, np.dtype[np.floating[Any]]]

MODIFIED_Z = 3.5
"""Iglewicz and Hoaglin's cut."""

_MAX_MEDCOUPLE = 801
"""Values of the sample that the medcouple compares with each other; larger samples give so many of their quantiles."""


def fences(values: Values, *, method: ThresholdMethod = "adjusted_boxplot") -> tuple[float, float]:
    """Return the smallest and the largest value that is still ordinary.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Values that are not finite do not count.
    method : {"adjusted_boxplot", "modified_z"}
        The adjusted boxplot [1]_ reaches further on the side of the longer tail: `q1 - 1.5 exp(a M) IQR` and
        `q3 + 1.5 exp(b M) IQR` with the medcouple M and (a, b) = (-4, 3) for M >= 0, (-3, 4) else. The modified z [2]_
        is symmetric: `median ± 3.5 MAD / 0.6745`.

    Returns
    -------
    low, high : float
        `-inf` and `inf` for fewer than 5 finite values, and where half of the values are equal: such a sample has no
        scale of its own.

    Raises
    ------
    ParameterError
        An unknown method.

    References
    ----------
    .. [1] Hubert and Vandervieren, "An adjusted boxplot for skewed distributions", 2008,
       https://doi.org/10.1016/j.csda.2007.11.008
    .. [2] Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993, ISBN 978-0873892476
    """
    if method not in ("adjusted_boxplot", "modified_z"):
        raise ParameterError(f"method must be 'adjusted_boxplot' or 'modified_z', got {method!r}.")
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if known.size < 5:
        return -np.inf, np.inf
    q1, middle, q3 = (float(q) for q in np.quantile(known, (0.25, 0.5, 0.75)))
    if method == "modified_z":
        mad = float(np.median(np.abs(known - middle)))
        reach = MODIFIED_Z * mad / 0.6745 if mad > 0 else np.inf
        return middle - reach, middle + reach
    if q3 - q1 <= 0:
        return -np.inf, np.inf
    m = medcouple(known)
    low, high = (-4.0, 3.0) if m >= 0 else (-3.0, 4.0)
    width = 1.5 * (q3 - q1)
    return q1 - width * float(np.exp(low * m)), q3 + width * float(np.exp(high * m))


def medcouple(values: Values) -> float:
    """Return a robust skewness in [-1, 1]; positive where the upper tail is longer.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Finite.

    Notes
    -----
    The median of `((b - m) - (m - a)) / (b - a)` over all a <= m <= b, with the median m [1]_. Of more than 801 values
    that many evenly spaced order statistics stand for all. Pairs with a = m = b count by the sign of their ranks.

    References
    ----------
    .. [1] Brys, Hubert and Struyf, "A robust measure of skewness", 2004, https://doi.org/10.1198/106186004X12632
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    if ordered.size > _MAX_MEDCOUPLE:
        ordered = ordered[np.linspace(0, ordered.size - 1, _MAX_MEDCOUPLE).round().astype(np.int64)]
    middle = float(np.median(ordered))
    below, above = ordered[ordered <= middle] - middle, ordered[ordered >= middle] - middle
    width = above[:, None] - below[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        kernel = (above[:, None] + below[None, :]) / width
    n_ties = int((below == 0).sum())
    if n_ties and int((above == 0).sum()):
        ranks = np.arange(n_ties)
        # Equal to the median on both sides: -1 below the anti-diagonal, 1 above it, 0 on it.
        kernel[:n_ties, below.size - n_ties :] = np.sign(ranks[:, None] - ranks[None, :])
    return float(np.median(kernel))
