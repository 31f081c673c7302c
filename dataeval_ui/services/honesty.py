"""How far a run's map can be trusted, image by image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataeval_ui.types.coverage import MapHonesty

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

_VERSION = 1


def map_honesty(run: Run) -> MapHonesty:
    """Score how far each image's place on the map tells the truth; kept with the run."""
    from dataeval_ui.analysis.honesty import score_map_honesty
    from dataeval_ui.services.derived import kept

    def compute() -> MapHonesty:
        precision, recall = score_map_honesty(run.graph, run.projection.xy)
        return MapHonesty(precision=precision, recall=recall)

    return kept(run, "map-honesty", _VERSION, MapHonesty, compute)
