"""Share: links for reviewers, their end, and the run in one file."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.run_choice import render_run_choice
from dataeval_ui.ui.panels.share_file import render_file, render_returned
from dataeval_ui.ui.panels.share_links import render_links, render_new_link
from dataeval_ui.ui.viewer import require

with shown_errors():
    require("manage")
    run = render_run_choice("share")
    left, right = st.columns([5, 7], gap="large")
    with left:
        render_new_link(run)
        render_file(run)
    with right:
        render_links(run)
        render_returned(run)
