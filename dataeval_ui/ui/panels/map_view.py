"""The map on the Explore page, and what the user does on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.analysis_columns import version_of
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.scatter import Highlight, MapLook, pending_events, scatter_map
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.colouring import colour_spec
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.state import ExploreState
from dataeval_ui.ui.text import visible

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int64

MAP = "map"
_FALLBACK = "map_fallback"
_FALLS_BACK = "dataeval_ui.map_falls_back"
MAX_FALLBACK_POINTS = 20_000
"""Points that Plotly draws as SVG at a bearable speed."""

_HOVER = ("label", "split", "cluster", "outlier_score")
_TRAIL = "dataeval_ui.trail"
_MAX_TRAIL = 50


def take_events(run: Run, view: ExploreState) -> None:
    """Write to the address what the user did on the map, before anything is drawn with it.

    Raises
    ------
    ParameterError
        The browser sent something that this map cannot have sent.
    """
    column = run.column(view.colour)
    events = pending_events(MAP, n_points=run.n_images, n_categories=len(column.categories))
    if events.click is not None:
        look_at(events.click)
    if events.selection is not None:
        select(run, events.selection)
    if events.hidden is not None:
        state.change_explore(hidden=events.hidden)
    if events.window is not None:
        state.change_explore(window=events.window or None)


def look_at(row: int) -> None:
    """Make an image the one that is looked at; the one before stays on the trail."""
    before = state.explore_state().query_row
    if before != row:
        trail: list[int | None] = st.session_state.setdefault(_TRAIL, [])
        trail.append(before)
        del trail[:-_MAX_TRAIL]
    state.change_explore(query_row=row, panel="image")


def trail_length() -> int:
    """Return how many steps back there are."""
    return len(st.session_state.get(_TRAIL, []))


def step_back() -> None:
    """Look at the image before this one."""
    if trail := st.session_state.get(_TRAIL):
        state.change_explore(query_row=trail.pop(), panel="image")


def select(run: Run, rows: Int64) -> None:
    """Make these images the selection; none clears it."""
    if len(rows) == 0:
        clear_selection()
        return
    text, packed = state.encode_selection(rows, run.n_images)
    if (digest := state.kept_digest(text)) is not None:
        cached.kept_selections().put(digest, packed)
    state.change_explore(selection=text, panel="selection")


def clear_selection() -> None:
    """Select nothing."""
    view = state.explore_state()
    state.change_explore(selection=None, panel=None if view.panel == "selection" else view.panel)


def selected_rows(run: Run, view: ExploreState) -> Int64 | None:
    """Return the selection, None where there is none.

    Raises
    ------
    InputError
        It does not fit the run, or the server no longer keeps it.
    """
    if view.selection is None:
        return None
    digest = state.kept_digest(view.selection)
    kept = None if digest is None else cached.kept_selections().get(digest)
    return state.decode_selection(view.selection, run.n_images, kept)


def render_map(
    run: Run,
    view: ExploreState,
    *,
    mask: npt.NDArray[np.bool_] | None,
    selected: Int64 | None,
    highlight: Highlight | None,
    look: MapLook,
) -> None:
    """Draw the map, with Plotly where the browser has no WebGL2."""
    specs = cached.colour_specs(run, base_path())
    urls = RunUrls(run.id, base_path())
    url = urls.column(view.colour, version=version_of(run, view.colour))
    colour = specs.get(view.colour) or colour_spec(run.column(view.colour), url)
    shown = None if mask is None else mask.nonzero()[0]
    events = scatter_map(
        key=MAP,
        points_url=urls.points,
        version=run.id,
        n_points=run.n_images,
        colour=colour,
        thumbnails_url=urls.thumbnails,
        neighbours_url=urls.neighbours,
        hover=[specs[name] for name in _HOVER if name in specs and name != view.colour],
        selected=selected,
        shown=shown,
        hidden=view.hidden,
        highlight=highlight,
        window=view.window,
        keeps_window=True,
        look=look,
        label=f"Map of {visible(run.dataset.name, max_chars=80)}, {run.n_images:,} images",
    )
    if events.webgl_missing:
        if not st.session_state.get(_FALLS_BACK):
            st.session_state[_FALLS_BACK] = True
            st.rerun()  # without the map that could not be drawn
        _render_fallback(run, view, mask=mask, highlight=highlight, look=look)


def _render_fallback(
    run: Run,
    view: ExploreState,
    *,
    mask: npt.NDArray[np.bool_] | None,
    highlight: Highlight | None,
    look: MapLook,
) -> None:
    import numpy as np

    from dataeval_ui.figures import map_figure

    column = run.column(view.colour)
    rows = np.arange(run.n_images) if mask is None else mask.nonzero()[0]
    dark = is_dark()
    if column.codes is not None:
        rows = rows[~np.isin(column.codes[rows], sorted(view.hidden))]
    said = "This browser has no WebGL2, so the map is drawn with Plotly: slower, and without thumbnails on it."
    if len(rows) > MAX_FALLBACK_POINTS:
        said += f" It shows {MAX_FALLBACK_POINTS:,} of {len(rows):,} points, evenly taken."
        rows = rows[np.linspace(0, len(rows) - 1, MAX_FALLBACK_POINTS).astype(np.int64)]
    st.caption(said)
    if column.codes is not None:
        codes = column.codes[rows].astype(np.int64)
        codes = np.where(codes == column.neutral, -1, codes)
        figure = map_figure(run.projection.xy[rows], codes, "categorical", dark=dark, svg=True)
    else:
        assert column.values is not None  # one of the two is always there
        figure = map_figure(run.projection.xy[rows], column.values[rows], "continuous", dark=dark, svg=True)
    if highlight is not None:
        query = [] if highlight.query_row is None else [highlight.query_row]
        marked = run.projection.xy[[*query, *map(int, highlight.neighbour_rows)]]
        figure.add_scatter(
            x=marked[:, 0],
            y=marked[:, 1],
            mode="markers",
            hoverinfo="skip",
            marker={"size": 12, "color": "rgba(0,0,0,0)", "line": {"width": 2, "color": "#d3455b"}},
        )
    # Streamlit tells of clicks only while dragging pans; lasso and box are in the chart's own bar
    figure.update_layout(height=look.height_px or 560, dragmode="pan")
    st.plotly_chart(
        figure,
        key=_FALLBACK,
        on_select=lambda: _take_fallback(run, rows),
        selection_mode=("points", "box", "lasso"),
        config={"scrollZoom": True},
        alt="Map of the dataset",
    )


def _take_fallback(run: Run, drawn: Int64) -> None:
    from dataeval_ui.figures import selected_rows as points_of

    points = [point for point in points_of(st.session_state.get(_FALLBACK)) if point < len(drawn)]
    if len(points) == 1:
        look_at(int(drawn[points[0]]))
    else:
        select(run, drawn[points])
