"""Results of comparing two sets of images."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from dataeval_ui.types.base import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftTest:
    """One two-sample test.

    Attributes
    ----------
    name, title : str
    statistic : float
        Larger means more different.
    p_value : float
        In (0, 1]: (b + 1) / (B + 1) over B permutations of which set an image is in.
    effect_size : float
        Standard deviations of the permuted statistics between their mean and the statistic; for the domain classifier
        2 AUROC - 1, for labels Cramer's V.
    sentence : str
    """

    name: str
    title: str
    statistic: float
    p_value: float
    effect_size: float
    sentence: str

    def to_json(self) -> Json:
        """Return the test as a JSON object."""
        return asdict(self)
