"""Health: what is wrong with the dataset, as a scorecard and one ranked list."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.services.run import Run
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.health_list import render_cards, render_findings
from dataeval_ui.ui.panels.run_choice import render_run_choice


@st.fragment
def health(run: Run) -> None:
    """Draw the scorecard and the list."""
    with shown_errors():
        cards = cached.health_cards(run)
        chosen = next((card for card in cards if card.name == state.str_param("kind") and card.n_findings), None)
        render_cards(run, cards, chosen.name if chosen else None)
        render_findings(run, chosen)


health(render_run_choice("health"))
