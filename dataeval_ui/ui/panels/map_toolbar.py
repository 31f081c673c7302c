"""What stands above the map: colour, filters, look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.analysis_columns import offered_analyses
from dataeval_ui.ui import state
from dataeval_ui.ui.components.scatter import MapLook
from dataeval_ui.ui.panels.filters import render_filters
from dataeval_ui.ui.panels.words import render_words
from dataeval_ui.ui.state import ExploreState
from dataeval_ui.ui.text import visible

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

_COLOUR = "colour_by"
_LOOK = "dataeval_ui.look"
_FITS = "fits the window"
_HEIGHTS_PX = (400, 480, 560, 640, 760, 900, 1100)


def render_toolbar(run: Run, view: ExploreState) -> MapLook:
    """Draw the row of controls and return how the map shall look."""
    known = [*run.columns, *offered_analyses(run)]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.session_state[_COLOUR] = view.colour
        st.selectbox(
            "Colour by",
            [*known, *([view.colour] if view.colour not in known else [])],
            format_func=lambda name: visible(_title(run, name), max_chars=60),
            key=_COLOUR,
            on_change=_recolour,
        )
        render_filters(run, view)
        render_words(run, view)
        popover = st.popover("Look", icon=":material/palette:", key="look", on_change="rerun")
        if popover.open:  # what nobody sees is not drawn at each click on the map
            with popover:
                st.session_state[_LOOK] = _render_look()
    look: MapLook = st.session_state.get(_LOOK, MapLook())
    return look


def _title(run: Run, name: str) -> str:
    analysis = offered_analyses(run).get(name)  # whose column would be computed for its name alone
    return run.column(name).title if analysis is None else analysis.title


def _recolour() -> None:
    state.change_explore(colour=st.session_state[_COLOUR], hidden=frozenset())


def _render_look() -> MapLook:
    show_images = st.toggle(
        "Images in place of points",
        key="look_images",
        persist_state="session",
        help="Where at most 150 points are in view; zoom in to see them.",
    )
    own_size = st.toggle("Choose the size of points", key="look_own_size", persist_state="session")
    point_px = None
    if own_size:
        point_px = float(st.slider("Size of points (px)", 1, 20, 5, key="look_point_px", persist_state="session"))
    opacity = st.slider("Opacity", 0.1, 1.0, 0.8, 0.05, key="look_opacity", persist_state="session")
    height_px = st.select_slider(
        "Height of the map (px)",
        [_FITS, *_HEIGHTS_PX],
        _FITS,
        key="look_height",
        persist_state="session",
    )
    chosen_px = height_px if isinstance(height_px, int) else None
    return MapLook(point_px=point_px, opacity=opacity, height_px=chosen_px, show_images=show_images)
