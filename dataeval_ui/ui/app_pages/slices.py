"""Slices: groups of images in which a split, a value or a fault is unusually frequent or rare."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.services.run import Run
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.run_choice import render_run_choice
from dataeval_ui.ui.panels.slice_list import render_slices


@st.fragment
def slices(run: Run) -> None:
    """Draw the list."""
    with shown_errors():
        render_slices(run)


slices(render_run_choice("slices"))
