"""Completeness as a sentence, the images in sparse regions, and what to label next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import streamlit as st

from dataeval_ui.services.coverage import LabelOrder, labelled_images, sparse_images
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.download import render_download
from dataeval_ui.ui.panels.health_list import selection_address
from dataeval_ui.ui.panels.neighbours import captions
from dataeval_ui.ui.text import count

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int64

SPARSE, SUGGESTED = "coverage_sparse", "coverage_suggested"
PAGE_SIZE = 60
SHARES = (0.01, 0.02, 0.05, 0.1)
COUNTS = (20, 50, 100, 200, 500)
_SHARE, _ORDER, _COUNT, _EVERY = "coverage_share", "coverage_order", "coverage_count", "coverage_every"

_ORDERS: dict[LabelOrder, tuple[str, str]] = {
    "farthest": (
        "Farthest first",
        "Each image is the one least similar to all that are labelled or listed before it: the fewest labels that "
        "reach everything. Copies come last.",
    ),
    "sparse": ("Sparsest first", "Images whose neighbours are least similar come first: rare and odd ones."),
    "clusters": (
        "Clusters in turn",
        "One image of each cluster in turn, the sparsest of each first: no group is left out.",
    ),
}


def take_clicks(run: Run) -> None:
    """Open the image that was clicked on the map, before anything is drawn."""
    for key in (SPARSE, SUGGESTED):
        sent: Any = st.session_state.get(key)
        row = sent.get("click") if sent else None
        if type(row) is int and 0 <= row < run.n_images:
            st.switch_page("app_pages/explore.py", query_params={"run": run.id, "image": str(row)})


def render_completeness(run: Run) -> None:
    """Say how varied the images are."""
    if run.n_images < 2:
        st.info("Coverage needs at least two images. Add images to the dataset and run it again.")
        return
    n_dims = int(run.view.embeddings.shape[1])
    share = cached.completeness(run)
    reached = min(n_dims, run.n_images - 1)
    st.markdown(
        f"**Completeness {share:.1%}**: the {run.n_images:,} images vary as much as if they were spread evenly over "
        f"{share * n_dims:,.0f} of the embedding's {n_dims:,} dimensions."
    )
    st.caption(
        f"Of so many images at most {reached / n_dims:.0%} is possible. There is no good or bad value: compare runs of "
        "one backbone. A subset that scores lower than its whole misses some of the variety."
    )


def render_sparse(run: Run) -> None:
    """Draw the images with the widest neighbourhoods."""
    st.subheader("Sparse regions", anchor=False)
    if run.graph.indices.shape[1] == 0:
        st.info("One image has no neighbours. Add images to the dataset and run it again.")
        return
    share = state.float_param("share")
    st.session_state[_SHARE] = share if share in SHARES else SHARES[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Share of the images",
            SHARES,
            format_func=lambda part: f"{part:.0%}",
            key=_SHARE,
            required=True,
            on_change=lambda: state.update_address(share=f"{st.session_state[_SHARE]:g}"),
            help="A fixed share always comes back: it says where the images are fewest, not that they are too few.",
        )
        rows = sparse_images(run, fraction=st.session_state[_SHARE])
        _render_actions(run, rows, name="sparse")
    st.caption(
        f"{count(len(rows), 'image')} with the widest neighbourhoods, widest first; the number is the cosine distance "
        f"to neighbour {run.graph.indices.shape[1]}. More images like these make the set denser where it is thin."
    )
    distances = 1 - run.graph.similarities[:, -1]
    _render_gallery(run, rows, [f"{float(distances[row]):.2f}" for row in rows], key=SPARSE, label="Sparse images")


def render_suggested(run: Run) -> None:
    """Draw what to label next, ranked."""
    st.subheader("What to label next", anchor=False)
    n_left = run.n_images - int(labelled_images(run).sum())
    order = state.str_param("order")
    st.session_state[_ORDER] = order if order in get_args(LabelOrder) else "farthest"
    n = state.int_param("n")
    st.session_state[_COUNT] = n if n in COUNTS else COUNTS[1]
    st.session_state[_EVERY] = state.str_param("among") == "all"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Order",
            list(_ORDERS),
            format_func=lambda name: _ORDERS[name][0],
            key=_ORDER,
            required=True,
            on_change=lambda: state.update_address(order=st.session_state[_ORDER]),
        )
        st.selectbox(
            "How many",
            COUNTS,
            key=_COUNT,
            width=100,
            on_change=lambda: state.update_address(n=str(st.session_state[_COUNT])),
        )
        st.toggle(
            "As if no image had a label",
            key=_EVERY,
            on_change=lambda: state.update_address(among="all" if st.session_state[_EVERY] else None),
            help="Ranks all images: which would be labelled first if the labels were made anew.",
        )
    every = bool(st.session_state[_EVERY])
    if not n_left and not every:
        st.success("Every image has a label; nothing is left to label.", icon=":material/check_circle:")
        return
    chosen: LabelOrder = st.session_state[_ORDER]
    rows = cached.suggested(run, order=chosen, n=st.session_state[_COUNT], every=every)
    among = "all images, as if none had a label" if every else f"{count(n_left, 'image')} without a label"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{count(len(rows), 'image')}** of {among}, the most useful first", width="content")
        _render_actions(run, rows, name="label-next")
    st.caption(_ORDERS[chosen][1])
    _render_gallery(run, rows, [str(at + 1) for at in range(len(rows))], key=SUGGESTED, label="What to label next")


def _render_actions(run: Run, rows: Int64, *, name: str) -> None:
    st.page_link(
        "app_pages/explore.py",
        label="Show on the map",
        icon=":material/bubble_chart:",
        query_params={"run": run.id, **selection_address(run, [int(row) for row in rows])},
    )
    render_download(run, rows, name=name, key=f"{name}_download")


def _render_gallery(run: Run, rows: Int64, badges: list[str], *, key: str, label: str) -> None:
    n_pages = -(-len(rows) // PAGE_SIZE)
    page = min(n_pages, st.pagination(n_pages, key=f"{key}_page")) if n_pages > 1 else 1
    part = slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE)
    gallery(
        [
            GalleryItem(row=int(row), badge=badge, **captions(run, int(row)))
            for row, badge in zip(rows[part], badges[part], strict=True)
        ],
        key=key,
        thumbnails_url=RunUrls(run.id, base_path()).thumbnails,
        size_px=112,
        label=label,
    )
