"""Run: choose dataset and backbone, start, watch, cancel, resume."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.ui import cached
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.job_list import render_active_jobs, render_past_jobs
from dataeval_ui.ui.panels.run_choice import render_demo_button
from dataeval_ui.ui.panels.run_form import render_run_form

datasets = cached.services().catalog.list_datasets()

with shown_errors():
    render_active_jobs()
if not datasets:
    with st.container(border=True):
        st.subheader("Nothing to run yet", anchor=False)
        st.markdown("A run needs a dataset: a folder, a zip or a table of images.")
        st.page_link("app_pages/datasets.py", label="Add a dataset", icon=":material/add:")
        with shown_errors():
            render_demo_button(key="demo_run")
else:
    with shown_errors():
        render_run_form(datasets)
with shown_errors():
    render_past_jobs()
