"""How right a threshold is, from the answers of a person who looked at some of the images on both its sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataeval_ui.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from dataeval_ui.types.base import Bool, Int64

    Floats = npt.NDArray[np.floating]

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""
MIN_ANSWERS = 10
"""Fewer answers suggest no threshold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strata:
    """The images that a person is asked about.

    Attributes
    ----------
    n_flagged : int
        Images beyond the threshold.
    n_near : int
        Images next to it on the other side: as many as are flagged, but at least as many as are asked about.
    flagged, near : ndarray of shape (n,)
        Rows drawn at random from either.
    """

    n_flagged: int
    n_near: int
    flagged: Int64
    near: Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share that was seen in a sample, with its 95 % interval; all in [0, 1].

    Attributes
    ----------
    n_yes, n : int
        Of the sample.
    """

    n_yes: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself; NaN of an empty sample."""
        return self.n_yes / self.n if self.n else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the answers say of a threshold.

    Attributes
    ----------
    precision : Share
        Of the images beyond the threshold, those that are right there.
    missed : Share
        Of the images next to it on the other side, those that belong beyond it.
    n_flagged, n_near : int
        What the shares are of.
    suggested : float or None
        The threshold with the fewest wrong calls; None with fewer than `MIN_ANSWERS` answers.
    """

    precision: Share
    missed: Share
    n_flagged: int
    n_near: int
    suggested: float | None


def draw_strata(scores: Floats, threshold: float, *, n_asked: int = 30, random_state: int = 0) -> Strata:
    """Draw the images to ask about: half beyond the threshold, half next to it on the other side.

    Parameters
    ----------
    scores : ndarray of shape (n_images,)
        Larger is more of what is looked for; NaN where it is unknown.
    threshold : float
        Images with this score or a larger one are flagged.
    n_asked : int, default 30
        At least 2. Where one side has fewer than half, the other gives more.
    random_state : int, default 0

    Notes
    -----
    Every image has one random rank, whatever the threshold, and the first ranks of a stratum are its sample: a simple
    random sample without replacement, most of which stays when the threshold moves, so that answers are used again.
    """
    import numpy as np

    if n_asked < 2:
        raise ParameterError(f"n_asked must be at least 2, got {n_asked}.")
    ranks = np.random.default_rng(random_state).permutation(len(scores))
    known = np.flatnonzero(~np.isnan(scores))
    flagged = known[scores[known] >= threshold]
    rest = known[scores[known] < threshold]
    rest = rest[np.argsort(-scores[rest], kind="stable")]
    near = rest[: max(len(flagged), n_asked)]
    n_flagged = min(len(flagged), max(n_asked // 2, n_asked - len(near)))
    n_near = min(len(near), n_asked - n_flagged)
    return Strata(
        n_flagged=len(flagged),
        n_near=len(near),
        flagged=flagged[np.argsort(ranks[flagged])][:n_flagged].astype(np.int64),
        near=near[np.argsort(ranks[near])][:n_near].astype(np.int64),
    )


def asking_order(strata: Strata, *, random_state: int = 0) -> list[int]:
    """Return the rows of both samples mixed, so that nothing tells from which side an image is."""
    import numpy as np

    rows = np.sort(np.concatenate([strata.flagged, strata.near]))
    return [int(row) for row in np.random.default_rng(random_state).permutation(rows)]


def calibrate(scores: Floats, threshold: float, strata: Strata, answers: Mapping[int, bool]) -> Calibration:
    """Estimate what a threshold gets right and what it misses, and where a better one lies.

    Parameters
    ----------
    scores, threshold
        As for `draw_strata`.
    strata : Strata
        Made for this threshold.
    answers : mapping of int to bool
        Row to whether the image is what is looked for. Answers about images outside the samples are left out, since
        they were not drawn for this threshold.

    Notes
    -----
    An answer counts as many images as its stratum has for each answer in it; the suggested threshold leaves the fewest
    of them on the wrong side. Of several that are as good the nearest to the present one is taken. Wilson's intervals
    do not use that the strata are finite, and are a little too wide where most of a stratum was looked at.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", doi:10.1080/01621459.1927.10502953.
    """
    import numpy as np

    sides = [[int(row) for row in rows if int(row) in answers] for rows in (strata.flagged, strata.near)]
    shares = [wilson_share(sum(answers[row] for row in rows), len(rows)) for rows in sides]
    rows = np.array([row for side in sides for row in side], dtype=np.int64)
    suggested = None
    if len(rows) >= MIN_ANSWERS:
        weights = np.concatenate([
            np.full(len(side), n / max(1, len(side)))
            for side, n in zip(sides, (strata.n_flagged, strata.n_near), strict=True)
        ])  # fmt: skip
        is_right = np.array([answers[int(row)] for row in rows])
        suggested = _best_cut(scores[rows].astype(np.float64), is_right, weights, threshold)
    return Calibration(
        precision=shares[0],
        missed=shares[1],
        n_flagged=strata.n_flagged,
        n_near=strata.n_near,
        suggested=suggested,
    )


def wilson_share(n_yes: int, n: int) -> Share:
    """Return a share with Wilson's 95 % interval; [0, 1] of an empty sample."""
    if not 0 <= n_yes <= n:
        raise ParameterError(f"n_yes must be in [0, {n}], got {n_yes}.")
    if n == 0:
        return Share(n_yes=0, n=0, low=0.0, high=1.0)
    share, z2 = n_yes / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * (share * (1 - share) / n + z2 / (4 * n * n)) ** 0.5 / (1 + z2 / n)
    return Share(n_yes=n_yes, n=n, low=max(0.0, middle - half), high=min(1.0, middle + half))


def _best_cut(scores: Floats, is_right: Bool, weights: Floats, threshold: float) -> float:
    """Return the cut with the least weight on the wrong side, the nearest to the present one of those."""
    import numpy as np

    steps = np.unique(scores)
    between = (steps[:-1] + steps[1:]) / 2
    ends = np.nextafter(steps[[0, -1]].astype(np.float32), np.array([-np.inf, np.inf], dtype=np.float32))
    cuts = np.unique(np.concatenate([[threshold], ends.astype(np.float64), between]))
    beyond = scores[None, :] >= cuts[:, None]
    wrong = ((beyond != is_right[None, :]) * weights[None, :]).sum(axis=1)
    best = cuts[wrong <= wrong.min() * (1 + 1e-12)]
    return float(best[np.argmin(np.abs(best - threshold))])
