"""Coverage: how varied the images are, where they are few, and what to label next."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.services.run import Run
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.coverage_lists import render_completeness, render_sparse, render_suggested, take_clicks
from dataeval_ui.ui.panels.run_choice import render_run_choice


@st.fragment
def coverage(run: Run) -> None:
    """Draw the sentence and the two lists."""
    with shown_errors():
        take_clicks(run)
        render_completeness(run)
        render_sparse(run)
        render_suggested(run)


coverage(render_run_choice("coverage"))
