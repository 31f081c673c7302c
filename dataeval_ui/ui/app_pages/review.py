"""Review: every finding in turn, a key a decision, and what the decisions come to."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.review import review_queue
from dataeval_ui.services.run import Run
from dataeval_ui.ui import state
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.review_item import render_decision, render_item
from dataeval_ui.ui.panels.review_queue import render_filters, shown_items
from dataeval_ui.ui.panels.review_results import render_conflicts, render_results
from dataeval_ui.ui.panels.review_reviewers import render_reviewers
from dataeval_ui.ui.panels.review_watch import Drawn, state_of, watch
from dataeval_ui.ui.panels.run_choice import render_run_choice
from dataeval_ui.ui.viewer import require

if TYPE_CHECKING:
    from dataeval_ui.services.access import Viewer

_SHOW = "review_show"
_TABS = {"queue": "Queue", "conflicts": "Conflicts", "agreement": "Reviewers", "results": "Results"}


def review(run: Run) -> None:
    """Draw one of the four views.

    No fragment: a click that meets the look for others' decisions in one millisecond was then taken twice.
    """
    viewer = require("view", run.id)
    drawn = Drawn(at=time.monotonic(), state=state_of(run))
    with shown_errors():
        drawn = draw(run, viewer, drawn)
    watch(run, viewer, drawn)


def draw(run: Run, viewer: Viewer, drawn: Drawn) -> Drawn:
    """Draw the view that the address names; return what it was drawn with."""
    show = state.str_param("show")
    show = show if show in _TABS else "queue"
    # What is divided among reviewers or taken away must be all of it; the queue begins with what is there.
    items = review_queue(run, of_run_alone=not viewer.is_owner, wait=show in ("agreement", "results"))
    _, is_all = drawn.state
    if not is_all:
        st.caption(
            ":material/hourglass_top: Looking for labels that may be wrong and for mirrored copies; "
            "they join the list by themselves."
        )
    if not items:
        _render_nothing(is_all)
        return drawn
    st.session_state[_SHOW] = show
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.segmented_control(
            "View",
            list(_TABS),
            format_func=_TABS.__getitem__,
            key=_SHOW,
            required=True,
            on_change=_change_show,
            label_visibility="collapsed",
        )
        drawn = replace(drawn, progress=st.container())
    if show == "conflicts":
        render_conflicts(run, items)
    elif show == "agreement":
        render_reviewers(run, items, viewer)
    elif show == "results":
        render_results(run, items)
    else:
        render_filters(run, items, viewer)
        shown, at = shown_items(items, viewer.name)
        if not shown:
            with st.container(border=True):
                st.subheader("Nothing left here", icon=":material/check_circle:", anchor=False)
                st.markdown("You have decided every finding of this filter. Choose another, or look at the results.")
            return drawn
        main, side = st.columns([9, 5], gap="medium")
        with side:
            render_decision(run, shown, at, viewer)
            decided = st.container(gap="small")
        with main:
            render_item(run, shown[at])
        return replace(drawn, keys=tuple(item.key for item in shown), key=shown[at].key, decided=decided)
    return drawn


def _render_nothing(is_all: bool) -> None:
    with st.container(border=True):
        if is_all:
            st.subheader("Nothing to review", icon=":material/check_circle:", anchor=False)
            st.markdown("This run found nothing wrong.")
        else:
            st.subheader("Nothing to review yet", icon=":material/hourglass_top:", anchor=False)
        st.page_link("app_pages/explore.py", label="Back to the map", icon=":material/bubble_chart:")


def _change_show() -> None:
    show = st.session_state[_SHOW]
    state.update_address(show=None if show == "queue" else show)


with shown_errors():
    review(render_run_choice("review"))
