"""The side panel for the selected images: how many of what, gallery, download."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dataeval_ui.figures import count_figure
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.colouring import category_colours
from dataeval_ui.ui.panels.download import render_download
from dataeval_ui.ui.panels.map_view import clear_selection, look_at
from dataeval_ui.ui.panels.neighbours import captions
from dataeval_ui.ui.panels.selection_decision import render_decide_all
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.text import count

if TYPE_CHECKING:
    from dataeval_ui.services.columns import Column
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int64

GALLERY = "selection_gallery"
PAGE_SIZE = 60

_ORDERS = {"map": "In order of path", "outlier": "Oddest first", "cluster": "By cluster"}


def take_click(run: Run) -> None:
    """Look at the selected image that was clicked, before anything is drawn."""
    sent: Any = st.session_state.get(GALLERY)
    row = sent.get("click") if sent else None
    if type(row) is int and 0 <= row < run.n_images:
        look_at(row)


def render_selection(run: Run, rows: Int64 | None, urls: RunUrls) -> None:
    """Draw the selected images."""
    if rows is None or len(rows) == 0:
        st.markdown("Nothing is selected.")
        st.caption("Choose lasso or box above the map and draw around some points: their images come here.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{count(len(rows), 'image')}** selected", width="content")
        st.button("Clear", icon=":material/close:", key="clear_selection", on_click=clear_selection)
        render_download(run, rows, name="selection", key="selection_download")
    render_decide_all(run, rows)
    for name in ("label", "cluster"):
        if name in run.columns:
            _render_counts(run.columns[name], rows)
    n_pages = max(1, -(-len(rows) // PAGE_SIZE))
    page = 1
    with st.container(horizontal=True, vertical_alignment="center"):
        ordered = _ordered(run, rows)
        if n_pages > 1:
            page = min(n_pages, st.pagination(n_pages, key="selection_page"))
    gallery(
        [
            GalleryItem(row=int(row), **captions(run, int(row)))
            for row in ordered[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        ],
        key=GALLERY,
        thumbnails_url=urls.thumbnails,
        size_px=84,
        label="Selected images",
    )


def _ordered(run: Run, rows: Int64) -> Int64:
    import numpy as np

    order = st.selectbox(
        "Order",
        list(_ORDERS),
        format_func=_ORDERS.__getitem__,
        key="selection_order",
        label_visibility="collapsed",
        width=180,
    )
    if order == "outlier":
        return rows[np.argsort(-run.outliers.scores[rows], kind="stable")]
    if order == "cluster":
        labels = run.clustering.cluster_labels[rows]
        return rows[np.argsort(np.where(labels < 0, run.clustering.n_clusters, labels), kind="stable")]
    return rows


def _render_counts(column: Column, rows: Int64) -> None:
    counts = column.counts(rows)  # type: ignore[arg-type]
    st.caption(f"By {column.title.lower()}")
    st.plotly_chart(
        count_figure(dict(counts), colors=category_colours(column, dark=is_dark()), max_bars=4, dark=is_dark()),
        key=f"selected_by_{column.name}",
        config={"displayModeBar": False},
        alt=f"Selected images by {column.title.lower()}",
    )
