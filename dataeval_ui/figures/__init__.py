"""plotly figures, the colours of everything that is drawn, and events as rows."""

from __future__ import annotations

from dataeval_ui.figures.charts import count_figure, histogram_figure, map_figure, selected_rows, share_figure
from dataeval_ui.figures.drift_charts import chunk_figure, clicked_points, drift_map_figure
from dataeval_ui.figures.labels import class_share_figure, confusion_figure

__all__ = [
    "chunk_figure",
    "class_share_figure",
    "clicked_points",
    "confusion_figure",
    "count_figure",
    "drift_map_figure",
    "histogram_figure",
    "map_figure",
    "selected_rows",
    "share_figure",
]
