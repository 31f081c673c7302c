"""Review: every finding in turn, a key a decision, and what the decisions come to."""

from __future__ import annotations

import time

import streamlit as st

from dataeval_ui.services.held_decisions import last_decision
from dataeval_ui.services.review import review_queue
from dataeval_ui.services.run import Run
from dataeval_ui.services.suspects import are_ready
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.review_item import render_decision, render_item
from dataeval_ui.ui.panels.review_queue import render_filters, render_progress, shown_items
from dataeval_ui.ui.panels.review_results import render_conflicts, render_results
from dataeval_ui.ui.panels.review_reviewers import render_reviewers
from dataeval_ui.ui.panels.run_choice import render_run_choice
from dataeval_ui.ui.viewer import require

_SHOW = "review_show"
_TABS = {"queue": "Queue", "conflicts": "Conflicts", "agreement": "Reviewers", "results": "Results"}
_SEEN = "review_seen"
_DRAWN_AT = "review_drawn_at"
_LOOK_EVERY_S = 0.7
_REDRAW_EVERY_S = 1.0  # at most, where many decide at once: what others decide is seen within two seconds


@st.fragment(run_every=_LOOK_EVERY_S)
def watch(run: Run) -> None:
    """Draw the page anew when anybody has decided, or what takes long is there."""
    if _state_of(run) != st.session_state.get(_SEEN):
        if time.monotonic() - st.session_state.get(_DRAWN_AT, 0.0) < _REDRAW_EVERY_S:
            return
        st.rerun()


def _state_of(run: Run) -> tuple[int, bool]:
    return last_decision(cached.services().catalog, run.dataset.id), are_ready(run)


def review(run: Run) -> None:
    """Draw one of the four views.

    No fragment: a click that meets the look for others' decisions in one millisecond was then taken twice.
    """
    with shown_errors():
        st.session_state[_SEEN] = _state_of(run)
        st.session_state[_DRAWN_AT] = time.monotonic()
        draw(run)
    watch(run)


def draw(run: Run) -> None:
    """Draw the view that the address names."""
    viewer = require("view", run.id)
    show = state.str_param("show")
    show = show if show in _TABS else "queue"
    # What is divided among reviewers or taken away must be all of it; the queue begins with what is there.
    items = review_queue(run, of_run_alone=not viewer.is_owner, wait=show in ("agreement", "results"))
    _, is_all = st.session_state[_SEEN]
    if not is_all:
        st.caption(
            ":material/hourglass_top: Looking for labels that may be wrong and for mirrored copies; "
            "they join the list by themselves."
        )
    if not items:
        _render_nothing(is_all)
        return
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
        render_progress(items, viewer.name)
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
            return
        main, side = st.columns([9, 5], gap="medium")
        with side:
            render_decision(run, shown, at, viewer)
        with main:
            render_item(run, shown[at])


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
