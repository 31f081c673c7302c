"""Drift over time: a statistic with its band for each chunk, change points, and the clicked chunk's images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.figures import chunk_figure, selected_rows
from dataeval_ui.services.drift_time import PERIODS
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.health_list import selection_address
from dataeval_ui.ui.panels.neighbours import captions
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.text import count, plain, visible

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

N_IMAGES = 24
_COLUMN, _CUT, _CHART = "drift_over", "drift_cut", "drift_chunks"
_BY_COUNT = "10 chunks"


def render_over_time(run: Run) -> None:
    """Draw the choice of column and cut and, once one is chosen, the chart and the clicked chunk's images."""
    columns = cached.time_columns(run)
    if not columns:
        return
    st.subheader("Over time", anchor=False)
    named, cut = state.str_param("over"), state.str_param("cut")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.session_state[_COLUMN] = named if named in columns else None
        st.selectbox(
            "Cut by",
            columns,
            format_func=visible,
            index=None,
            key=_COLUMN,
            placeholder="A column of times",
            on_change=lambda: state.update_address(over=st.session_state[_COLUMN]),
            help="Columns of your table with times, dates as text (ISO 8601) or numbers.",
            width=240,
        )
        st.session_state[_CUT] = cut if cut in PERIODS else _BY_COUNT
        st.selectbox(
            "Into",
            [_BY_COUNT, *PERIODS],
            format_func=lambda option: option if option == _BY_COUNT else f"one chunk a {option}",
            key=_CUT,
            on_change=lambda: state.update_address(
                cut=None if st.session_state[_CUT] == _BY_COUNT else st.session_state[_CUT]
            ),
            width=200,
        )
    if named not in columns:
        st.caption("Each chunk is compared with the first, and with the one before it.")
        return
    period = next((one for one in PERIODS if one == cut), None)
    chunks, told = cached.drift_over_time(run, column=named, n_chunks=None, period=period)
    st.markdown(plain(told["sentence"], max_chars=600))
    st.caption(
        f"Reference: {plain(told['reference'])}, {count(len(chunks[0].rows), 'image')}. A dashed line marks a change "
        "from one chunk to the next. Click a chunk to see its images."
    )
    rows = told["chunks"]
    event = st.plotly_chart(
        chunk_figure(
            [row["name"] for row in rows],
            [row["statistic"] for row in rows],
            [row["band_high"] for row in rows],
            drifted=[row["drifted"] for row in rows],
            changed=[row["changed"] for row in rows],
            dark=is_dark(),
        ),
        key=_CHART,
        on_select="rerun",
        selection_mode="points",
        config={"displayModeBar": False},
        alt="MMD of each chunk against the reference",
    )
    chosen = [at for at in selected_rows(event) if at < len(rows)]
    if not chosen:
        return
    chunk = chunks[1 + chosen[0]]
    images = [int(row) for row in chunk.rows]
    row = rows[chosen[0]]
    st.markdown(
        f"**{plain(chunk.name)}**: {count(len(images), 'image')}, MMD {row['statistic']:.4g}, p = {row['p_value']:.3g}"
        f"{', drifted' if row['drifted'] else ''}{', a change point' if row['changed'] else ''}"
    )
    gallery(
        [GalleryItem(row=at, **captions(run, at)) for at in images[:N_IMAGES]],
        key="drift_chunk_images",
        thumbnails_url=RunUrls(run.id, base_path()).thumbnails,
        size_px=96,
        label=f"Images of {visible(chunk.name, max_chars=80)}",
    )
    st.page_link(
        "app_pages/explore.py",
        label=f"Look at all {len(images):,} on Explore",
        icon=":material/bubble_chart:",
        query_params={"run": run.id, **selection_address(run, images)},
    )
