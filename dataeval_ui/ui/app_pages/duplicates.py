"""Duplicates: exact and near, side by side, those across splits first."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.services.run import Run
from dataeval_ui.services.turned import are_known
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.duplicate_list import render_list, render_navigation, shown_groups, take_click
from dataeval_ui.ui.panels.duplicate_pair import render_group
from dataeval_ui.ui.panels.run_choice import render_run_choice


def _offer_turned(run: Run) -> None:
    if st.button(
        "Look for mirrored and turned copies",
        icon=":material/flip:",
        key="look_for_turned",
        help="Seconds to a minute, once a run: what is found is kept.",
    ):
        cached.duplicate_groups(run)
        st.rerun()


@st.fragment
def duplicates(run: Run) -> None:
    """Draw the group that is looked at and the list of groups."""
    with shown_errors():
        # Mirrored and turned copies take up to a minute: nobody waits for them before the others are shown.
        with_turned = state.str_param("show") == "turned" or are_known(run)
        every = cached.duplicate_groups(run, with_turned=with_turned)
        if not with_turned:
            _offer_turned(run)
        if not every:
            with st.container(border=True):
                st.subheader("No duplicates", icon=":material/check_circle:", anchor=False)
                st.markdown("No two files of this run show the same picture, byte for byte or nearly.")
                st.page_link("app_pages/explore.py", label="Back to the map", icon=":material/bubble_chart:")
            return
        take_click(run, every)
        groups, at = shown_groups(every)
        at = render_navigation(run, every, groups, at)
        if not groups:
            st.markdown("There are none of this kind.")
            return
        main, side = st.columns([9, 5], gap="medium")
        with main:
            render_group(run, groups[at])
        with side:
            render_list(run, groups, at)


duplicates(render_run_choice("duplicates"))
