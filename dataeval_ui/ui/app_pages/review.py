"""Review: every finding in turn, a key a decision, and what the decisions come to."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.services.review import review_queue
from dataeval_ui.services.run import Run
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


@st.fragment(run_every=0.7)
def watch(run: Run) -> None:
    """Draw the page anew when anybody has decided; one small query each time."""
    last = cached.services().catalog.last_decision(run.dataset.id)
    if last != st.session_state.get(_SEEN):
        st.session_state[_SEEN] = last
        st.rerun()


def review(run: Run) -> None:
    """Draw one of the four views."""
    viewer = require("view", run.id)
    st.session_state[_SEEN] = cached.services().catalog.last_decision(run.dataset.id)
    items = review_queue(run, of_run_alone=not viewer.is_owner)
    if not items:
        with st.container(border=True):
            st.subheader("Nothing to review", icon=":material/check_circle:", anchor=False)
            st.markdown("This run found nothing wrong.")
            st.page_link("app_pages/explore.py", label="Back to the map", icon=":material/bubble_chart:")
        return
    show = state.str_param("show")
    show = show if show in _TABS else "queue"
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
    watch(run)


def _change_show() -> None:
    show = st.session_state[_SHOW]
    state.update_address(show=None if show == "queue" else show)


with shown_errors():
    review(render_run_choice("review"))
