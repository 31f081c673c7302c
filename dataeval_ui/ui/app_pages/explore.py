"""Explore: the map, similar images, selections."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dataeval_ui.services.analysis_columns import offered_analyses
from dataeval_ui.services.run import ANALYSIS, WORDS, Run
from dataeval_ui.ui import state
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.scatter import Highlight
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels import cluster_names, neighbours, selection
from dataeval_ui.ui.panels.filters import clear_filters, shown_mask
from dataeval_ui.ui.panels.inspector import render_inspector
from dataeval_ui.ui.panels.map_toolbar import render_toolbar
from dataeval_ui.ui.panels.map_view import render_map, selected_rows, take_events
from dataeval_ui.ui.panels.overview import render_overview
from dataeval_ui.ui.panels.run_choice import render_run_choice
from dataeval_ui.ui.state import ExploreState, Panel
from dataeval_ui.ui.text import plain

_PANEL = "panel"


@st.fragment
def explore(run: Run) -> None:
    """Draw map and side panel; what the user does in here reruns this alone."""
    with shown_errors():
        asked = state.explore_state()
        view = checked_view(run, asked)
        take_events(run, view)
        neighbours.take_click(run)
        selection.take_click(run)
        cluster_names.take_click(run)
        after = state.explore_state()
        draw(run, view if after == asked else checked_view(run, after))  # what is left out is said once


def checked_view(run: Run, view: ExploreState) -> ExploreState:
    """Leave out of a state what this run does not have, and say so."""
    if view.colour not in run.columns and not is_made(run, view.colour):
        if view.colour != ExploreState().colour and not view.colour.startswith((WORDS, ANALYSIS)):
            st.warning(f"This run has no column {plain(repr(view.colour))}; it is coloured by cluster.")
        view = replace(view, colour="cluster", hidden=frozenset())
    if view.query_row is not None and view.query_row >= run.n_images:
        st.warning(f"This run has no image {view.query_row}; it has {run.n_images:,}.")
        view = replace(view, query_row=None)
    return _with_known_filters(run, view) if view.n_filters else view


def _with_known_filters(run: Run, view: ExploreState) -> ExploreState:
    categorical = {name for name, column in run.columns.items() if column.codes is not None}
    numeric = run.columns.keys() - categorical
    wrong = [*(view.categories.keys() - categorical), *(view.ranges.keys() - numeric)]
    if not wrong:
        return view
    names = ", ".join(plain(repr(name), max_chars=80) for name in sorted(wrong)[:5])
    st.warning(f"This run has no column {names} that can be filtered so; it is not filtered by it.")
    return replace(
        view,
        categories={name: value for name, value in view.categories.items() if name in categorical},
        ranges={name: value for name, value in view.ranges.items() if name in numeric},
    )


def is_made(run: Run, colour: str) -> bool:
    """Whether a colour is an analysis or of classes that the user typed; where it cannot be made, that is said."""
    if not colour.startswith((WORDS, ANALYSIS)):
        return False
    made = []
    with shown_errors(), st.spinner("Computing what the map is coloured by…", show_time=True):
        made.append(run.column(colour))
    return bool(made)


def draw(run: Run, view: ExploreState) -> None:
    """Draw the page's two halves: the map first, beside it (below, on a narrow screen) the panel."""
    urls = RunUrls(run.id, base_path())
    mask = shown_mask(run, view)
    selected = None
    with shown_errors():
        selected = selected_rows(run, view)
    found = None
    with shown_errors():
        found = neighbours.find_neighbours(run, view, mask)
    highlight = None
    if found is not None:
        highlight = Highlight(query_row=view.query_row, neighbour_rows=[int(row) for row in found.rows])
    map_side, panel_side = st.columns([9, 5], gap="medium")
    with map_side:
        look = render_toolbar(run, view)
        if (analysis := offered_analyses(run).get(view.colour)) is not None:
            st.caption(analysis.doc)
        render_map(run, view, mask=mask, selected=selected, highlight=highlight, look=look)
        if mask is not None:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.caption(f"{int(mask.sum()):,} of {run.n_images:,} images pass the filters.", width="content")
                st.button("Show all", key="show_all", type="tertiary", on_click=clear_filters)
    with panel_side, shown_errors():
        panel = view.panel or default_panel(view)
        st.session_state[_PANEL] = panel
        titles: dict[Panel, str] = {"overview": "Overview", "image": "Image", "selection": "Selection"}
        if selected is not None:
            titles["selection"] = f"Selection ({len(selected):,})"
        st.segmented_control(
            "Side panel",
            list(titles),
            format_func=titles.__getitem__,
            key=_PANEL,
            required=True,
            on_change=lambda: state.change_explore(panel=st.session_state[_PANEL]),
            label_visibility="collapsed",
            width="stretch",
        )
        match panel:
            case "image":
                render_inspector(run, view, found, urls)
            case "selection":
                selection.render_selection(run, selected, urls)
            case _:
                render_overview(run, view, mask)


def default_panel(view: ExploreState) -> Panel:
    """Return what the panel shows until the user chooses: the image, else the selection, else the overview."""
    if view.query_row is not None or view.text is not None:
        return "image"
    return "selection" if view.selection is not None else "overview"


explore(render_run_choice("explore"))
