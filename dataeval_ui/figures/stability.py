"""How the clusters change with the smallest size that one may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataeval_ui.figures.charts import style
from dataeval_ui.figures.palette import categorical_colors, neutral_color

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from dataeval_ui.types.stability import SweepSummary


def sweep_figure(summary: SweepSummary, *, dark: bool = False) -> go.Figure:
    """Draw the number of clusters, and below it agreement with the next size and share of noise, over the sizes.

    Parameters
    ----------
    summary : SweepSummary
    dark : bool, default False
    """
    from itertools import pairwise
    from math import sqrt

    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    count, agreement, noise = categorical_colors(3, dark=dark)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.1)
    between = [sqrt(a * b) for a, b in pairwise(summary.sizes)]

    def line(name: str, x: list[float], y: list[float], color: str) -> go.Scatter:
        return go.Scatter(x=x, y=y, name=name, mode="lines+markers", line={"color": color, "width": 2}, hoverinfo="y")

    sizes = [float(size) for size in summary.sizes]
    figure.add_trace(line("Clusters", sizes, summary.n_clusters.tolist(), count), row=1, col=1)
    figure.add_trace(line("Agreement with the next", between, summary.ari.tolist(), agreement), row=2, col=1)
    figure.add_trace(line("Share of noise", sizes, summary.noise_share.tolist(), noise), row=2, col=1)
    style(figure, dark)
    figure.add_vline(x=summary.sizes[summary.own], line={"color": neutral_color(dark=dark), "dash": "dot", "width": 2})
    figure.update_layout(height=270, margin={"l": 0, "r": 8, "t": 44, "b": 0}, dragmode=False, showlegend=True)
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    figure.update_xaxes(type="log", fixedrange=True, tickmode="array", tickvals=sizes)
    figure.update_xaxes(ticktext=[str(size) for size in summary.sizes], row=2, col=1)
    figure.update_yaxes(fixedrange=True, rangemode="tozero", automargin=True)
    figure.update_yaxes(range=[0, 1.05], row=2, col=1)
    return figure
