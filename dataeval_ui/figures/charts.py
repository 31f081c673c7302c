"""plotly figures: the map where there is no WebGL2, bars and histograms; and what was clicked in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dataeval_ui.errors import ParameterError
from dataeval_ui.figures.palette import categorical_colors, neutral_color, sequential_colors

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from dataeval_ui.types.base import Float32

_TEXT = ("#31333f", "#fafafa")
_MAX_BARS = 40


def map_figure(
    xy: Float32,
    values: np.ndarray[Any, np.dtype[Any]],
    kind: Literal["categorical", "continuous"],
    palette: Sequence[str] | None = None,
    dark: bool = False,
    *,
    svg: bool = False,
) -> go.Figure:
    """Draw the map as one trace of typed arrays, with WebGL or, for browsers without any, as SVG.

    Parameters
    ----------
    xy : ndarray of shape (n_images, 2), float32
    values : ndarray of shape (n_images,)
        Categorical: codes from 0, negative for none. Continuous: numbers, NaN for none.
    kind : {"categorical", "continuous"}
    palette : sequence of str, optional
        `#rrggbb` by code, or from small to large; default: `palette.py`.
    dark : bool, default False
    svg : bool, default False
        Slow beyond some 20,000 points.

    Returns
    -------
    plotly Figure
        Point `i` is row `i`, so `selected_rows` gives rows.

    Raises
    ------
    ParameterError
        Another number of values than of points, or an unknown kind.
    """
    import plotly.graph_objects as go

    n = xy.shape[0]
    if values.shape != (n,):
        raise ParameterError(f"The map has {n} points, but there are {values.shape} values to colour it by.")
    marker: dict[str, Any]
    if kind == "categorical":
        marker = _coded_marker(values, palette, dark)
    elif kind == "continuous":
        marker = _scaled_marker(values, palette, dark)
    else:
        raise ParameterError(f"kind must be 'categorical' or 'continuous', got {kind!r}.")
    marker |= {"size": 7 if n < 2_000 else 4 if n < 30_000 else 2, "opacity": 0.8, "line": {"width": 0}}
    trace = go.Scatter if svg else go.Scattergl
    points = trace(
        x=xy[:, 0].astype(np.float32), y=xy[:, 1].astype(np.float32), mode="markers", marker=marker, hoverinfo="none"
    )
    figure = go.Figure(points)
    style(figure, dark)
    figure.update_layout(dragmode="lasso", height=640)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    return figure


def count_figure(
    counts: Mapping[str, int],
    *,
    colors: Mapping[str, str] | None = None,
    max_bars: int = _MAX_BARS,
    dark: bool = False,
) -> go.Figure:
    """Draw counts as bars, the largest on top; beyond `max_bars` the rest is one bar.

    Parameters
    ----------
    counts : mapping of str to int
        By name; names are text, never markup.
    colors : mapping of str to str, optional
        `#rrggbb` by name, so that the bars are coloured as the map is. Default: one colour for all.
    max_bars : int, default 40
        At least 1.
    dark : bool, default False
    """
    import plotly.graph_objects as go

    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown, rest = ranked[:max_bars], ranked[max_bars:]
    plain_color = categorical_colors(1, dark=dark)[0]
    fills = [plain_color if colors is None else colors[name] for name, _ in shown]
    if rest:
        shown.append((f"{len(rest)} others", sum(count for _, count in rest)))
        fills.append(neutral_color(dark=dark))
    bars = go.Bar(
        x=[count for _, count in shown],
        y=list(range(len(shown))),
        orientation="h",
        marker={"color": fills, "cornerradius": 3},
        text=[f"{count:,}" for _, count in shown],
        textposition="outside",
        cliponaxis=False,
        hoverinfo="none",
    )
    figure = go.Figure(bars)
    style(figure, dark)
    figure.update_layout(height=12 + 22 * max(len(shown), 1), bargap=0.28, dragmode=False)
    figure.update_layout(margin={"l": 0, "r": 44, "t": 4, "b": 4})
    names = [plain_name(name) for name, _ in shown]
    figure.update_yaxes(autorange="reversed", tickmode="array", tickvals=list(range(len(shown))), ticktext=names)
    figure.update_yaxes(automargin=True, fixedrange=True, showgrid=False)
    figure.update_xaxes(visible=False, fixedrange=True)
    return figure


def share_figure(shares: Mapping[str, tuple[float, float]], *, dark: bool = False) -> go.Figure:
    """Draw the share of each group in two sets as pairs of bars, the first group on top.

    Parameters
    ----------
    shares : mapping of str to (float, float)
        In the reference and in the test set, in [0, 1], by name; names are text, never markup.
    dark : bool, default False
    """
    import plotly.graph_objects as go

    places = list(range(len(shares)))
    figure = go.Figure()
    for side, (title, color) in enumerate(zip(("Reference", "Test"), categorical_colors(2, dark=dark), strict=True)):
        values = [pair[side] for pair in shares.values()]
        bars = go.Bar(
            name=title,
            x=values,
            y=places,
            orientation="h",
            marker={"color": color, "cornerradius": 3},
            text=[f"{value:.1%}" for value in values],
            textposition="outside",
            cliponaxis=False,
            hoverinfo="none",
        )
        figure.add_trace(bars)
    style(figure, dark)
    figure.update_layout(height=44 + 40 * max(len(places), 1), barmode="group", bargap=0.25, dragmode=False)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0})
    figure.update_layout(margin={"l": 0, "r": 48, "t": 32, "b": 4})
    names = [plain_name(name) for name in shares]
    figure.update_yaxes(autorange="reversed", tickmode="array", tickvals=places, ticktext=names)
    figure.update_yaxes(automargin=True, fixedrange=True, showgrid=False)
    figure.update_xaxes(visible=False, fixedrange=True)
    return figure


def histogram_figure(
    values: np.ndarray[Any, np.dtype[Any]],
    threshold: float | None = None,
    *,
    title: str = "",
    height_px: int = 160,
    dark: bool = False,
    log: bool = False,
    below: bool = False,
) -> go.Figure:
    """Draw how values are spread, with a line at the threshold; values that are not finite are left out.

    Bars that reach beyond the threshold have the line's colour.

    Parameters
    ----------
    values : ndarray of shape (n_images,)
    threshold : float, optional
    title : str
        Of the axis; text, never markup.
    height_px : int, default 160
    dark : bool, default False
    log : bool, default False
        On a logarithmic axis; values that are not above 0 count with the least that is.
    below : bool, default False
        Beyond is below the threshold.
    """
    import plotly.graph_objects as go

    quiet, loud = categorical_colors(2, dark=dark)
    finite = values[np.isfinite(values)].astype(np.float64)
    log = log and bool((finite > 0).any())
    figure = go.Figure()
    if finite.size:
        if log:
            least = float(finite[finite > 0].min())
            finite = np.maximum(finite, least)
            highest = max(float(finite.max()), least * 1.001)
            heights, edges = np.histogram(np.log(finite), bins=60, range=(np.log(least), np.log(highest)))
            edges = np.exp(edges)
        else:
            heights, edges = np.histogram(finite, bins=60)
        if threshold is None:
            beyond = np.zeros(heights.size, dtype=np.bool_)
        else:
            beyond = edges[:-1] < threshold if below else edges[1:] > threshold
        bars = go.Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=heights,
            width=np.diff(edges),
            marker={
                "color": [loud if is_beyond else quiet for is_beyond in beyond],
                "line": {"width": 0},
            },
        )
        figure.add_trace(bars)
    style(figure, dark)
    figure.update_layout(height=height_px, bargap=0, dragmode=False, margin={"l": 0, "r": 8, "t": 6, "b": 0})
    figure.update_xaxes(fixedrange=True, showgrid=False, title={"text": plain_name(title)})
    figure.update_yaxes(fixedrange=True, visible=False)
    if log:
        figure.update_xaxes(type="log", nticks=8)
    if threshold is not None:
        figure.add_vline(x=threshold, line={"color": loud, "width": 2, "dash": "dash"})
    return figure


def selected_rows(event: object) -> list[int]:
    """Read the rows that were clicked, boxed or lassoed from the event of a plotly chart.

    Returns
    -------
    list of int
        Sorted, each once; empty where nothing is selected or where the event is of no known form.
    """
    selection = event_entry(event, "selection")
    indices = event_entry(selection, "point_indices")
    if not isinstance(indices, (list, tuple)) or not indices:
        points = event_entry(selection, "points")
        indices = [event_entry(point, "point_index") for point in points] if isinstance(points, (list, tuple)) else []
    return sorted({i for i in indices if isinstance(i, int) and not isinstance(i, bool) and i >= 0})


def event_entry(value: object, name: str) -> object:
    """Return an entry of an event, which is a mapping or an object; None where there is none."""
    if isinstance(value, Mapping):
        return value.get(name)
    return getattr(value, name, None)


def plain_name(name: str) -> str:
    """Write a name so that plotly shows it as it is: it would take tags for markup."""
    short = name if len(name) <= 40 else f"{name[:24]}…{name[-15:]}"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _coded_marker(values: np.ndarray[Any, np.dtype[Any]], palette: Sequence[str] | None, dark: bool) -> dict[str, Any]:
    n_codes = int(values.max(initial=-1)) + 1
    colors = categorical_colors(n_codes, dark=dark) if palette is None else list(palette)
    if not colors:
        return {"color": neutral_color(dark=dark)}
    # One step of the colour scale for each colour, and the first for "none".
    steps = [neutral_color(dark=dark), *colors]
    codes = np.where(values < 0, 0, values % len(colors) + 1).astype(np.float32)
    edges = np.arange(len(steps) + 1) / len(steps)
    scale = [[float(edge), color] for i, color in enumerate(steps) for edge in (edges[i], edges[i + 1])]
    return {"color": codes, "colorscale": scale, "cmin": -0.5, "cmax": len(steps) - 0.5, "showscale": False}


def _scaled_marker(values: np.ndarray[Any, np.dtype[Any]], palette: Sequence[str] | None, dark: bool) -> dict[str, Any]:
    numbers = values.astype(np.float32)
    known = np.isfinite(numbers)
    if not known.any():
        return {"color": neutral_color(dark=dark)}
    low, high = float(numbers[known].min()), float(numbers[known].max())
    colors = sequential_colors(dark=dark) if palette is None else tuple(palette)
    width = (high - low) or 1.0
    # The lowest twentieth of the scale is for "none"; NaN would be drawn black.
    bottom = low - width / 19
    stops = np.linspace(0.05, 1, len(colors))
    grey = neutral_color(dark=dark)
    scale = [[0.0, grey], [0.025, grey], [0.025, colors[0]]]
    scale += [[float(at), color] for at, color in zip(stops, colors, strict=True)]
    numbers = np.where(known, numbers, bottom).astype(np.float32)
    return {"color": numbers, "colorscale": scale, "cmin": bottom, "cmax": low + width, "showscale": True}


def style(figure: go.Figure, dark: bool) -> None:
    """Give a figure the colours of the page around it."""
    figure.update_layout(
        template="plotly_dark" if dark else "plotly_white",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": _TEXT[dark]},
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        showlegend=False,
    )
