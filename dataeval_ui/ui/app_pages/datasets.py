"""Datasets: add, preview, list, remove."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.ui import cached
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.dataset_list import render_datasets
from dataeval_ui.ui.panels.dataset_source import render_sources
from dataeval_ui.ui.panels.run_choice import render_demo_button

datasets = cached.services().catalog.list_datasets()

if not datasets:
    with st.container(border=True):
        st.subheader("What is wrong with this image dataset?", anchor=False)
        st.markdown(
            "Point at a folder of images or drop a zip below. DataEval UI embeds them, draws a map to question, "
            "and lists duplicates, leaks between splits, outliers and unreadable files. No image leaves this machine."
        )
        with shown_errors():
            render_demo_button(key="demo")
        st.caption("The demo is a small set of drawings with planted faults, already analysed.")

if datasets:
    st.subheader("Datasets", anchor=False)
    with shown_errors():
        render_datasets(datasets)
with st.container(key="add_dataset"):
    st.subheader("Add a dataset", anchor=False)
    with shown_errors():
        render_sources()
