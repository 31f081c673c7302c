"""Drift: is one set of images different from another, how sure is that, and which images show it?"""

from __future__ import annotations

import streamlit as st

from dataeval_ui.services.run import Run
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.drift_choice import render_choice
from dataeval_ui.ui.panels.drift_result import render_result
from dataeval_ui.ui.panels.drift_time import render_over_time
from dataeval_ui.ui.panels.run_choice import render_run_choice


@st.fragment
def drift(run: Run) -> None:
    """Draw the choice and, once it was tested, the answer."""
    with shown_errors():
        chosen = render_choice(run)
        if chosen is not None:
            render_result(chosen)
    with shown_errors():
        render_over_time(run)


drift(render_run_choice("drift"))
