"""Outliers, ranked; images unlike a reference run; and the files that could not be read."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.services.run import Run
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.ood_gallery import render_ood
from dataeval_ui.ui.panels.outlier_gallery import render_outliers, take_clicks
from dataeval_ui.ui.panels.run_choice import render_run_choice
from dataeval_ui.ui.panels.unreadable import render_unreadable
from dataeval_ui.ui.viewer import current_viewer

_SHOW = "outlier_show"


@st.fragment
def outliers(run: Run) -> None:
    """Draw one of the lists."""
    with shown_errors():
        take_clicks(run)
        n_unreadable = cached.facts(run).n_unreadable
        wanted = state.str_param("show")
        # A link is for one run: there is no other that a guest could compare it with.
        offered = ["outliers", "unreadable"] if current_viewer().is_guest else ["outliers", "reference", "unreadable"]
        show = wanted if wanted in offered else "outliers"
        st.session_state[_SHOW] = show
        st.segmented_control(
            "What to list",
            offered,
            format_func={
                "outliers": "Outliers",
                "reference": "Against a reference",
                "unreadable": f"Unreadable files {n_unreadable:,}",
            }.__getitem__,
            key=_SHOW,
            required=True,
            on_change=_change_show,
            label_visibility="collapsed",
        )
        if show == "unreadable":
            render_unreadable(run)
        elif show == "reference":
            render_ood(run)
        else:
            render_outliers(run)


def _change_show() -> None:
    chosen = st.session_state[_SHOW]
    state.update_address(show=None if chosen == "outliers" else chosen, threshold=None)


outliers(render_run_choice("outliers"))
