"""Images by outlier score, with the threshold in the user's hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dataeval_ui.figures import histogram_figure
from dataeval_ui.ui import state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.download import render_download
from dataeval_ui.ui.panels.neighbours import captions
from dataeval_ui.ui.panels.picture import render_facts_of, render_measured, render_picture, render_places
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.text import count

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

GALLERY, NEAREST = "outlier_gallery", "outlier_nearest"
PAGE_SIZE = 60
N_ODDEST = 20
_THRESHOLD = "outlier_threshold_here"


def take_clicks(run: Run) -> None:
    """Look at the image that was clicked, before anything is drawn."""
    for key in (GALLERY, NEAREST):
        sent: Any = st.session_state.get(key)
        row = sent.get("click") if sent else None
        if type(row) is int and 0 <= row < run.n_images:
            state.update_address(image=str(row))


def current_threshold(run: Run) -> float:
    """Return the threshold of the address, or else the run's own."""
    wanted = state.float_param("threshold")
    return wanted if wanted is not None and 0 <= wanted <= 1 else run.record.params.outlier_threshold


def render_outliers(run: Run) -> None:
    """Draw histogram, threshold, gallery, and beside it the image that is looked at."""
    import numpy as np

    urls = RunUrls(run.id, base_path())
    threshold = current_threshold(run)
    scores = run.outliers.scores
    rows = np.argsort(-scores, kind="stable")
    rows = rows[scores[rows] >= threshold]
    main, side = st.columns([9, 5], gap="medium")
    with main:
        _render_threshold(run, threshold)
        if not len(rows):
            _render_none(run, threshold)
            return
        _render_actions(run, rows, threshold)
        page = 1
        n_pages = -(-len(rows) // PAGE_SIZE)
        if n_pages > 1:
            page = min(n_pages, st.pagination(n_pages, key="outlier_page"))
        shown = [int(row) for row in rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]]
        gallery(
            [GalleryItem(row=row, badge=f"{float(scores[row]):.2f}", **captions(run, row)) for row in shown],
            key=GALLERY,
            thumbnails_url=urls.thumbnails,
            size_px=112,
            selected_row=state.int_param("image"),
            label="Outliers, the oddest first",
        )
    with side:
        _render_image(run, urls, shown)


def _render_threshold(run: Run, threshold: float) -> None:
    figure = histogram_figure(run.outliers.scores, threshold, dark=is_dark(), height_px=110)
    figure.update_xaxes(range=[0, 1])  # as the slider below it
    st.plotly_chart(
        figure,
        key="outlier_histogram",
        config={"displayModeBar": False},
        alt=f"Distribution of the outlier score, with the threshold at {threshold:.3f}",
    )
    st.session_state[_THRESHOLD] = threshold
    st.slider(
        "Outlier from score",
        0.0,
        1.0,
        step=0.005,
        format="%.3f",
        key=_THRESHOLD,
        on_change=_move_threshold,
        help=f"The run's own is {run.record.params.outlier_threshold:g}. The score is the mean distance to the nearest "
        "images, calibrated to between 0 and 1.",
    )


def _move_threshold() -> None:
    state.update_address(threshold=f"{st.session_state[_THRESHOLD]:g}")


def _render_none(run: Run, threshold: float) -> None:
    """Say that no image reaches the threshold, and offer the oddest there are."""
    import numpy as np

    highest = np.sort(run.outliers.scores)[-N_ODDEST:]
    st.markdown(f"No image has a score of {threshold:.3f} or more; the highest is {highest[-1]:.3f}.")
    st.button(
        f"Show the oddest {count(len(highest), 'image')}" if len(highest) > 1 else "Show the image",
        icon=":material/visibility:",
        key="show_oddest",
        on_click=state.update_address,
        kwargs={"threshold": f"{np.floor(highest[0] * 200) / 200:g}"},  # a step of the slider
    )


def _render_actions(run: Run, rows: Any, threshold: float) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{count(len(rows), 'image')}** from {threshold:.3f} on, the oddest first", width="content")
        st.page_link(
            "app_pages/explore.py",
            label="Show on the map",
            icon=":material/bubble_chart:",
            query_params={
                "run": run.id,
                "colour": "outlier_score",
                "range.outlier_score": state.format_range((threshold, 1.0)),
            },
        )
        render_download(run, rows, name="outliers", key="outliers_download")


def _render_image(run: Run, urls: RunUrls, shown: list[int]) -> None:
    row = state.int_param("image")
    if row is None or row >= run.n_images:
        if not shown:
            return
        row = shown[0]
    picture, facts = st.columns([5, 6], gap="small", wrap=False)
    with picture:
        render_picture(run, row, urls, height_px=190)
    with facts:
        render_facts_of(run, row)
    render_places(run, row)
    st.caption("Its nearest images: an outlier is unlike even these.")
    indices, similarities = run.graph.indices[row], run.graph.similarities[row]
    gallery(
        [
            GalleryItem(row=int(other), badge=f"{float(similarity):.2f}", **captions(run, int(other)))
            for other, similarity in list(zip(indices, similarities, strict=True))[:12]
            if other >= 0
        ],
        key=NEAREST,
        thumbnails_url=urls.thumbnails,
        size_px=84,
        label="Nearest images, the most similar first",
    )
    render_measured(run, row)
    st.page_link(
        "app_pages/explore.py",
        label="Show it on the map",
        icon=":material/bubble_chart:",
        query_params={"run": run.id, "image": str(row)},
    )
