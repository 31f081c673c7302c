"""What a gate answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from dataeval_ui.types.base import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCondition:
    """One condition that must not come true.

    Attributes
    ----------
    condition : str
    failed : bool
        Whether it came true.
    metrics : mapping of str to float
        The metrics that it names.
    sentences : tuple of str
        What was found, where it failed; empty for metrics of the whole set.
    paths : tuple of str
        The files concerned, relative to the dataset's root.
    """

    condition: str
    failed: bool
    metrics: Mapping[str, float]
    sentences: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """A run held to conditions."""

    run: str
    dataset: str
    metrics: Mapping[str, float]
    conditions: tuple[GateCondition, ...]

    @property
    def n_failed(self) -> int:
        """Number of conditions that came true."""
        return sum(condition.failed for condition in self.conditions)

    def to_json(self) -> Json:
        """Return the report as a JSON object."""
        return {"passed": self.n_failed == 0, "n_failed": self.n_failed, **asdict(self)}
