"""Quality: one measure at a time, the images beyond a threshold, and the files that could not be read."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.services.run import Run
from dataeval_ui.ui import cached
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.box_faults import render_box_faults
from dataeval_ui.ui.panels.quality_gallery import render_quality
from dataeval_ui.ui.panels.run_choice import render_run_choice
from dataeval_ui.ui.panels.unreadable import render_unreadable


@st.fragment
def quality(run: Run) -> None:
    """Draw the measure that was chosen, and below it the unreadable files."""
    with shown_errors():
        with st.spinner("Checking the quality of the images"):
            report = cached.quality(run)
        render_quality(run, report)
        if (boxes := cached.localization(run)) is not None:
            render_box_faults(run, boxes)
        st.subheader("Unreadable files", anchor=False)
        render_unreadable(run)


quality(render_run_choice("quality"))
