"""What a user asks for when a run is started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dataeval_ui.types import AnalysisParams, Json

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a user asked for; the payload of a job.

    Attributes
    ----------
    dataset_id : str
    backbone : str
    params : AnalysisParams
    refit : bool
        Fit the map anew even where an earlier one could be extended.
    name : str or None
        Default: the dataset's name and the backbone.
    allowed_roots : tuple of str or None
        Roots that the asker may read from, beside the dataset's own; None for all.
    layer, pooling : str or None
        Another layer of the backbone, and how it is pooled; None for its own.
    device, precision : str or None
        Where it is computed, and in which numbers; None for what the settings say.
    """

    dataset_id: str
    backbone: str
    params: AnalysisParams
    refit: bool = False
    name: str | None = None
    allowed_roots: tuple[str, ...] | None = None
    layer: str | None = None
    pooling: str | None = None
    device: str | None = None
    precision: str | None = None

    def to_json(self) -> Json:
        """Return the payload of a job."""
        return {
            "dataset": self.dataset_id,
            "backbone": self.backbone,
            "params": self.params.to_json(),
            "refit": self.refit,
            "name": self.name,
            "allowed_roots": None if self.allowed_roots is None else list(self.allowed_roots),
            "layer": self.layer,
            "pooling": self.pooling,
            "device": self.device,
            "precision": self.precision,
        }

    @classmethod
    def from_json(cls, payload: Json) -> RunRequest:
        """Read what `to_json` wrote."""
        roots = payload.get("allowed_roots")
        return cls(
            dataset_id=payload["dataset"],
            backbone=payload["backbone"],
            params=AnalysisParams.from_json(payload["params"]),
            refit=payload["refit"],
            name=payload["name"],
            allowed_roots=None if roots is None else tuple(roots),
            layer=payload.get("layer"),
            pooling=payload.get("pooling"),
            device=payload.get("device"),
            precision=payload.get("precision"),
        )

    def settings(self, settings: Settings) -> Settings:
        """Return the settings with what this request says otherwise."""
        return replace(settings, device=self.device or settings.device, precision=self.precision or settings.precision)
