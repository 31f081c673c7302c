"""Compare: the same images under several backbones."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.services.compare import Comparison, compare_runs
from dataeval_ui.services.run import Run
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels import compare_maps
from dataeval_ui.ui.panels.compare_choice import render_choice
from dataeval_ui.ui.panels.compare_table import render_table
from dataeval_ui.ui.panels.job_list import render_active_jobs


@st.fragment
def maps(comparison: Comparison, runs: list[Run]) -> None:
    """Draw maps and galleries; what the user does in here reruns this alone."""
    with shown_errors():
        colour = state.str_param("colour") or compare_maps.OVERLAP
        known = colour if colour in compare_maps.colours_of(runs) else compare_maps.OVERLAP
        compare_maps.take_events(comparison, runs, known)
        view = compare_maps.read_view(comparison, runs)
        compare_maps.render_maps(comparison, runs, view)
        compare_maps.render_selection(comparison, runs, view)
        if view.place is not None:
            compare_maps.render_image(comparison, runs, view.place)
        st.subheader("Images that the backbones disagree on most", anchor=False)
        compare_maps.render_disputed(comparison, runs[0], view.place)


def compare() -> None:
    """Draw the page."""
    run_ids = render_choice()
    with st.spinner("Comparing neighbours…", show_time=True):
        comparison = compare_runs(cached.services(), run_ids)
    runs = [cached.run(run_id) for run_id in run_ids]
    render_table(comparison, runs)
    render_active_jobs()
    maps(comparison, runs)


compare()
