"""The script that Streamlit runs for every session: navigation, and the page inside it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dataeval_ui.ui import viewer as viewers
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.door import pages_for, section_of, turn_away
from dataeval_ui.ui.panels.frame import render_frame

ICON = Path(__file__).parent / "icon.png"

# Before the navigation: a browser would else ask the web for the page's own Material icon, to show it in the tab.
st.set_page_config(page_icon=str(ICON), layout="wide")

viewer = viewers.current_viewer()
if viewer.role == "nobody":
    turn_away(viewer)

# A page stands in the section of what a person wants of it; its address is that of its file.
page = st.navigation(
    pages := pages_for(
        viewer,
        {
            "Data": [
                st.Page(
                    "app_pages/datasets.py",
                    title="Datasets",
                    icon=":material/folder:",
                    default=True,
                    help="Add, preview and remove datasets, and open their runs.",
                ),
                st.Page(
                    "app_pages/run.py",
                    title="Run",
                    icon=":material/play_arrow:",
                    help="Choose a backbone, start a run and watch it.",
                ),
            ],
            "Explore": [
                st.Page(
                    "app_pages/explore.py",
                    title="Explore",
                    icon=":material/bubble_chart:",
                    help="The map: colour, filter, search for similar images, select and export.",
                ),
                st.Page(
                    "app_pages/parts.py",
                    title="Parts",
                    icon=":material/crop_free:",
                    help="Draw a box on an image and find the images that have a similar part.",
                ),
                st.Page(
                    "app_pages/compare.py",
                    title="Compare",
                    icon=":material/compare:",
                    help="The same images under several backbones: which one suits this dataset?",
                ),
                st.Page(
                    "app_pages/drift.py",
                    title="Drift",
                    icon=":material/compare_arrows:",
                    help="Has a set of images drifted from another: one verdict, the tests, and the images.",
                ),
            ],
            "Findings": [
                st.Page(
                    "app_pages/health.py",
                    title="Health",
                    icon=":material/health_and_safety:",
                    help="What is wrong with the dataset: a scorecard, and one list ranked by severity.",
                ),
                st.Page(
                    "app_pages/duplicates.py",
                    title="Duplicates",
                    icon=":material/content_copy:",
                    help="Exact and near duplicates side by side, those across splits first.",
                ),
                st.Page(
                    "app_pages/outliers.py",
                    title="Outliers",
                    icon=":material/scatter_plot:",
                    help="Images unlike all others, ranked, and files that could not be read.",
                ),
                st.Page(
                    "app_pages/labels.py",
                    title="Labels",
                    icon=":material/label:",
                    help="Suspected label errors, how hard the classes are, their balance, and what predicts them.",
                ),
                st.Page(
                    "app_pages/slices.py",
                    title="Slices",
                    icon=":material/data_table:",
                    help="Clusters, labels and columns in which a split, a value or a fault is unusually frequent.",
                ),
                st.Page(
                    "app_pages/coverage.py",
                    title="Coverage",
                    icon=":material/radar:",
                    help="How varied the images are, where they are few, and what to label next.",
                ),
                st.Page(
                    "app_pages/quality.py",
                    title="Quality",
                    icon=":material/blur_on:",
                    help="Blurry, dark, bright, blank and odd images by a threshold you move, and unreadable files.",
                ),
            ],
            "Review": [
                st.Page(
                    "app_pages/review.py",
                    title="Review",
                    icon=":material/fact_check:",
                    help="Decide on every finding, one key each; see who agrees; take the cleaned list away.",
                ),
                st.Page(
                    "app_pages/share.py",
                    title="Share",
                    icon=":material/share:",
                    help="Links for reviewers, saved views, and the page in one file.",
                ),
            ],
        },
    ),
    position="top",
)
st.set_page_config(page_title=f"{page.title} · DataEval UI", page_icon=str(ICON), layout="wide")
render_frame(page.url_path, title=page.title, section=section_of(page, pages))
with shown_errors():
    page.run()
