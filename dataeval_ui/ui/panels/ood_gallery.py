"""Images that are odd against those of another run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.runs import list_runs
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.download import render_download
from dataeval_ui.ui.panels.health_list import selection_address
from dataeval_ui.ui.panels.neighbours import captions
from dataeval_ui.ui.panels.outlier_gallery import GALLERY, PAGE_SIZE, current_threshold, render_none, render_threshold
from dataeval_ui.ui.panels.picture import render_places
from dataeval_ui.ui.panels.run_choice import run_title
from dataeval_ui.ui.text import count
from dataeval_ui.ui.viewer import require

if TYPE_CHECKING:
    from dataeval_ui.services.outlier_scores import OodScores
    from dataeval_ui.services.run import Run

_REFERENCE = "ood_reference"


def render_ood(run: Run) -> None:
    """Draw the choice of reference, the images that are odd against it, and the nearest reference images of one."""
    import numpy as np

    viewer = require("view", run.id)
    known = {
        other.id: other
        for other in list_runs(cached.services())
        if other.key == run.record.key and other.id != run.id and viewer.run_id in (None, other.id)
    }
    if not known and viewer.run_id is not None:
        st.info("Your link is for one run; a reference would be another one.")
        return
    if not known:
        st.info(
            "No other run was embedded in the same way. Run another dataset with the same backbone, layer and "
            "pooling, and come back to see which images are unlike it."
        )
        return
    wanted = state.str_param("reference")
    st.session_state[_REFERENCE] = wanted if wanted in known else next(iter(known))
    st.selectbox(
        "Reference run",
        list(known),
        format_func=lambda run_id: run_title(known[run_id]),
        key=_REFERENCE,
        on_change=lambda: state.update_address(reference=st.session_state[_REFERENCE], threshold=None),
        help="What is normal: its images are the measure of how odd the images of this run are.",
    )
    reference = cached.run(st.session_state[_REFERENCE])
    found = cached.ood(run, reference)
    threshold = current_threshold(run)
    rows = np.argsort(-found.scores, kind="stable")
    rows = rows[found.scores[rows] >= threshold]
    main, side = st.columns([9, 5], gap="medium")
    with main:
        render_threshold(
            found.scores,
            threshold,
            about="The mean distance to the nearest images of the reference; 0.95 is 2.5 robust standard deviations "
            "above what the reference's images have among themselves.",
        )
        if not len(rows):
            render_none(found.scores, threshold)
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{count(len(rows), 'image')}** from {threshold:.3f} on, the oddest first", width="content")
            st.page_link(
                "app_pages/explore.py",
                label="Show on the map",
                icon=":material/bubble_chart:",
                query_params={"run": run.id, **selection_address(run, [int(row) for row in rows])},
            )
            render_download(run, rows, name="out-of-distribution", key="ood_download")
        n_pages = -(-len(rows) // PAGE_SIZE)
        page = min(n_pages, st.pagination(n_pages, key="ood_page")) if n_pages > 1 else 1
        shown = [int(row) for row in rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]]
        gallery(
            [GalleryItem(row=row, badge=f"{float(found.scores[row]):.2f}", **captions(run, row)) for row in shown],
            key=GALLERY,
            thumbnails_url=RunUrls(run.id, base_path()).thumbnails,
            size_px=112,
            selected_row=state.int_param("image"),
            label="Images unlike the reference, the oddest first",
        )
    with side:
        row = state.int_param("image")
        _render_nearest(run, reference, found, shown[0] if row is None or row >= run.n_images else row)


def _render_nearest(run: Run, reference: Run, found: OodScores, row: int) -> None:
    render_places(run, row)
    st.caption("The images of the reference that are nearest to it:")
    gallery(
        [GalleryItem(row=int(other), **captions(reference, int(other))) for other in found.nearest[row]],
        key="ood_nearest",
        thumbnails_url=RunUrls(reference.id, base_path()).thumbnails,
        size_px=84,
        label="Nearest reference images, the most similar first",
    )
