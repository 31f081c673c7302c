"""Results of comparing two sets of images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from dataeval_ui.types.base import Json

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftTest:
    """One two-sample test, or a distance between two sets with the p-value of its permutations.

    Attributes
    ----------
    name, title : str
    statistic : float
        Larger means more different; of precision and recall smaller.
    p_value : float
        In (0, 1]: (b + 1) / (B + 1) over B permutations of which set an image is in.
    effect_size : float
        Standard deviations of the permuted statistics between their mean and the statistic; for the domain classifier
        2 AUROC - 1, for labels Cramer's V.
    sentence : str
    n_shifted : int or None
        Of a test of each feature by itself: features that differ at a false discovery rate of 5 %.
    """

    name: str
    title: str
    statistic: float
    p_value: float
    effect_size: float
    sentence: str
    n_shifted: int | None = None

    def to_json(self) -> Json:
        """Return the test as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPower:
    """What four of five comparisons of these sizes would have found at a level of 0.05.

    Attributes
    ----------
    auroc : float
        In (0.5, 1]: the smallest AUROC of the domain classifier.
    shift_sd : float
        The smallest shift of one dimension in standard deviations, all dimensions being looked at.
    sentence : str
    """

    auroc: float
    shift_sd: float
    sentence: str

    def to_json(self) -> Json:
        """Return the numbers as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMap:
    """Where in the frame two sets differ, as a grid of cells, the upper row first.

    Attributes
    ----------
    reference, test : ndarray of shape (n_down, n_across)
    p_values : ndarray of shape (n_down, n_across)
        Of each cell, for all cells together.
    """

    reference: np.ndarray
    test: np.ndarray
    p_values: np.ndarray

    def to_json(self) -> Json:
        """Return the grids as lists of rows."""
        return {
            name: [[round(float(value), 6) for value in row] for row in getattr(self, name)]
            for name in ("reference", "test", "p_values")
        }
