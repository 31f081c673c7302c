"""Charts of two sets: both on one map, and one over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dataeval_ui.figures.charts import event_entry, plain_name, style
from dataeval_ui.figures.palette import categorical_colors, neutral_color

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from dataeval_ui.types.base import Bool

MAX_SVG_POINTS = 3_000
"""Up to here points are SVG, which every browser draws; beyond, WebGL."""

TRACES = ("Reference", "Test", "Test, place unsure")


def drift_map_figure(
    reference_xy: np.ndarray,
    test_xy: np.ndarray,
    *,
    is_unsure: Bool,
    values: tuple[np.ndarray, np.ndarray] | None = None,
    shown: tuple[Bool, Bool] | None = None,
    dark: bool = False,
) -> go.Figure:
    """Draw both sets on the reference's map: dots are the reference, diamonds test images, hollow ones of unsure place.

    Parameters
    ----------
    reference_xy, test_xy : ndarray of shape (n_images, 2)
    is_unsure : ndarray of shape (n_test,), bool
    values : pair of ndarray, optional
        What to colour by, low towards the reference and high towards the test set. Default: by set.
    shown : pair of ndarray of bool, optional
        Images that are not faint. Default: all.
    dark : bool, default False

    Returns
    -------
    plotly Figure
        Three traces, see `TRACES`; point i of the first is reference image i, of the second the i-th test image that is
        sure, of the third the i-th that is not.
    """
    import plotly.graph_objects as go

    n = len(reference_xy) + len(test_xy)
    trace = go.Scatter if n <= MAX_SVG_POINTS else go.Scattergl
    size = 8 if n < 2_000 else 5
    low, high = categorical_colors(2, dark=dark)
    parts: list[tuple[str, np.ndarray, int, Any]] = [
        (TRACES[0], reference_xy, 0, slice(None)),
        (TRACES[1], test_xy, 1, ~is_unsure),
        (TRACES[2], test_xy, 1, is_unsure),
    ]
    figure = go.Figure()
    bound = 1.0
    if values is not None:
        bound = float(np.quantile(np.abs(np.concatenate(values)), 0.98)) or 1.0
    for title, xy, side, rows in parts:
        places = xy[rows]
        marker: dict[str, Any] = {"size": size, "color": high if side else low, "line": {"width": 0}}
        if side:
            marker["symbol"] = "diamond-open" if title == TRACES[2] else "diamond"
            marker["line"] = {"width": 1.5 if title == TRACES[2] else 0}
        if values is not None:
            scale = [[0, low], [0.5, neutral_color(dark=dark)], [1, high]]
            marker |= {"color": values[side][rows], "colorscale": scale, "cmin": -bound, "cmax": bound}
        opacity = np.full(len(places), 0.55 if side == 0 else 0.9)
        if shown is not None:
            opacity = np.where(shown[side][rows], 0.9, 0.06)
        marker["opacity"] = opacity
        # A chosen point must not make the others faint: what is shown says which are.
        figure.add_trace(
            trace(
                name=title,
                x=places[:, 0].astype(np.float32),
                y=places[:, 1].astype(np.float32),
                mode="markers",
                marker=marker,
                hoverinfo="none",
                unselected={"marker": {"opacity": 0.35}},
            )
        )
    style(figure, dark)
    figure.update_layout(dragmode="pan", height=480, clickmode="event+select", showlegend=True)
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}, margin={"t": 32})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return figure


def chunk_figure(
    names: Sequence[str],
    statistics: Sequence[float],
    bands: Sequence[float],
    *,
    drifted: Sequence[bool],
    changed: Sequence[bool],
    dark: bool = False,
) -> go.Figure:
    """Draw a statistic over chunks of time with its band; drifted chunks stand out, change points have a line.

    Parameters
    ----------
    names : sequence of str
        Text, never markup.
    statistics, bands : sequence of float
        The band reaches from 0 to its upper end.
    drifted, changed : sequence of bool

    Returns
    -------
    plotly Figure
        Point i of the last trace is chunk i, so `selected_rows` gives chunks.
    """
    import plotly.graph_objects as go

    quiet, loud = categorical_colors(2, dark=dark)
    places = list(range(len(names)))
    figure = go.Figure()
    grey = neutral_color(dark=dark)
    figure.add_trace(
        go.Scatter(
            name="95 % of shuffles",
            x=places,
            y=list(bands),
            fill="tozeroy",
            mode="lines",
            line={"color": grey, "width": 1, "dash": "dot"},
            hoverinfo="skip",
        )
    )
    figure.add_trace(
        go.Scatter(
            name="MMD against the reference",
            x=places,
            y=list(statistics),
            mode="lines+markers",
            line={"color": grey, "width": 1.5},
            marker={"size": 13, "color": [loud if one else quiet for one in drifted], "opacity": 1},
            unselected={"marker": {"opacity": 0.5}},
            hoverinfo="none",
        )
    )
    for place in (at for at, one in enumerate(changed) if one):
        figure.add_vline(x=place - 0.5, line={"color": loud, "width": 2, "dash": "dash"})
    style(figure, dark)
    figure.update_layout(height=300, dragmode=False, showlegend=True, clickmode="event+select")
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0}, margin={"t": 32})
    shown = places[:: max(1, -(-len(places) // 12))]
    figure.update_xaxes(
        tickmode="array", tickvals=shown, ticktext=[plain_name(names[at]) for at in shown], fixedrange=True,
        showgrid=False, automargin=True,
    )  # fmt: skip
    figure.update_yaxes(fixedrange=True, automargin=True)
    return figure


def clicked_points(event: object) -> list[tuple[int, int]]:
    """Read trace and place of the points that were clicked, boxed or lassoed from the event of a plotly chart.

    Returns
    -------
    list of (int, int)
        In the order of the event; empty where nothing is selected or where the event is of no known form.
    """
    points = event_entry(event_entry(event, "selection"), "points")
    found = []
    for point in points if isinstance(points, (list, tuple)) else []:
        trace, at = event_entry(point, "curve_number"), event_entry(point, "point_index")
        if type(trace) is int and type(at) is int and trace >= 0 and at >= 0:
            found.append((trace, at))
    return found
