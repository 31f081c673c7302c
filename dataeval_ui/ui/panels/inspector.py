"""The side panel for one image: what it is, and what is most similar to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.search import SearchResult
from dataeval_ui.ui import state
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.map_view import step_back, trail_length
from dataeval_ui.ui.panels.neighbours import own_image, render_neighbours, render_own_image, take_own_image
from dataeval_ui.ui.panels.object_panel import render_object
from dataeval_ui.ui.panels.picture import render_measured, render_picture_with_facts
from dataeval_ui.ui.state import ExploreState
from dataeval_ui.ui.text import plain
from dataeval_ui.ui.viewer import can

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run


def render_inspector(run: Run, view: ExploreState, found: SearchResult | None, urls: RunUrls) -> None:
    """Draw the image that is looked at and the ones most similar to it."""
    if found is None:
        st.markdown("Click a point on the map to see its image and the images most similar to it.")
        st.caption("Or ask about an image of your own:")
        take_own_image(run, key="own_image")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Back",
            icon=":material/arrow_back:",
            key="step_back",
            disabled=not trail_length(),
            on_click=step_back,
            help="The image before this one.",
        )
        st.button(
            "Close",
            icon=":material/close:",
            type="tertiary",
            key="close_image",
            on_click=_close,
            help="Look at no image.",
        )
    own = own_image(run)
    if view.query_row is not None:
        render_picture_with_facts(run, view.query_row, urls, height_px=190)
        render_object(run, view.query_row, urls)
        _render_parts_link(run, view.query_row)
    elif view.text is not None:
        st.markdown(f"Images for **{plain(view.text)}**")
    elif own is not None:
        render_own_image(own)
    render_neighbours(run, view, found, urls)
    if view.query_row is not None:
        render_measured(run, view.query_row)
    with st.expander("Search with an image of your own", icon=":material/image_search:"):
        take_own_image(run, key="own_image")


def _render_parts_link(run: Run, row: int) -> None:
    if run.is_of_objects or not can("manage"):  # its rows are parts already; the page is the owner's
        return
    st.page_link(
        "app_pages/parts.py",
        label="Find images with a part of this one",
        icon=":material/crop_free:",
        query_params={"run": run.id, "image": str(row)},
        help="Draw a box on it; the images that have something similar come first.",
    )


def _close() -> None:
    st.session_state.pop("dataeval_ui.own_image", None)
    state.change_explore(query_row=None, text=None, panel=None)
