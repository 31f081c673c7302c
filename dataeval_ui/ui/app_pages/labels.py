"""Labels: which are probably wrong, how hard the classes are, how they are spread, and what predicts them."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.services.run import Run
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.label_choice import render_choice
from dataeval_ui.ui.panels.label_errors import render_errors, take_clicks
from dataeval_ui.ui.panels.label_facts import render_balance, render_difficulty, render_predictors
from dataeval_ui.ui.panels.run_choice import render_run_choice


@st.fragment
def labels(run: Run) -> None:
    """Draw the view that was chosen."""
    with shown_errors():
        take_clicks(run)
        chosen = render_choice(run)
        if chosen is None:
            return
        column, view = chosen
        if view == "difficulty":
            render_difficulty(run, column)
        elif view == "balance":
            render_balance(run, column)
        elif view == "predictors":
            render_predictors(run, column)
        else:
            render_errors(run, column)


labels(render_run_choice("labels"))
