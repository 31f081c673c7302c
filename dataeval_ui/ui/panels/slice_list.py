"""Slices as sentences, the surest first, each with its numbers, its images and a way to the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.slices import slices_table
from dataeval_ui.share.tables import table_bytes
from dataeval_ui.ui import cached
from dataeval_ui.ui.panels.download import render_table_download
from dataeval_ui.ui.panels.health_list import render_thumbnails, selection_address
from dataeval_ui.ui.text import count, plain

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.services.slices import Slice

PAGE_SIZE = 10


def render_slices(run: Run) -> None:
    """Draw the list, a page at a time."""
    found = cached.slices(run)
    if not found:
        st.success(
            "No cluster, label or value stands out: splits and faults are spread as chance would spread them.",
            icon=":material/check_circle:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{count(len(found), 'slice')}** in which something is unusual, the surest first", width="content"
        )
        render_table_download(
            lambda fmt: table_bytes(slices_table(found), fmt),
            about="A row a slice and property: images, share, share of all, lift, corrected p-value.",
            name=f"slices-{run.id}",
            key="slices_download",
        )
    st.caption(
        "Clusters, labels, their combinations and your own columns, against splits, your columns and what was found. "
        "Of those marked sure one in twenty is expected to be chance, of all that are listed one in five (Fisher's "
        "exact test, Benjamini and Hochberg)."
    )
    n_pages = -(-len(found) // PAGE_SIZE)
    page = min(n_pages, st.pagination(n_pages, key="slices_page")) if n_pages > 1 else 1
    for at, of in enumerate(found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]):
        _render_slice(run, of, at)


def _render_slice(run: Run, of: Slice, at: int) -> None:
    with st.container(border=True, gap="small", key=f"slice_{at}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if of.is_sure:
                st.badge("Sure", color="orange", icon=":material/warning:")
            else:
                st.badge("Maybe chance", color="gray", icon=":material/help:")
            st.markdown(f"**{plain(of.sentence, max_chars=500)}**", width="stretch")
        render_thumbnails(run, [int(row) for row in of.rows])
        least = min(cell.p_value for cell in of.cells)
        numbers = " · ".join(f"{cell.n_both:,} of {cell.n_images:,}, lift {cell.lift:.2f}" for cell in of.cells[:4])
        st.caption(f"{count(of.n_images, 'image')}: {numbers} · p = {least:.2g} after correction")
        st.page_link(
            "app_pages/explore.py",
            label="Show on the map",
            icon=":material/bubble_chart:",
            query_params={"run": run.id, **selection_address(run, [int(row) for row in of.rows])},
        )
