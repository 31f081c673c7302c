"""The most similar images to the one that is looked at."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from dataeval_ui.services.search import SearchResult, embed_query, search_row, search_vector
from dataeval_ui.services.words import parse_words, search_words
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.components.drop import image_dropzone
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.map_view import look_at
from dataeval_ui.ui.panels.picture import facts_html
from dataeval_ui.ui.state import ExploreState, Scope
from dataeval_ui.ui.text import html, visible

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Float32

GALLERY = "neighbours"
_OWN = "dataeval_ui.own_image"
_K, _SCOPE = "neighbour_count", "neighbour_scope"

_SCOPES: dict[Scope, str] = {
    "all": "Among all images",
    "shown": "Among those shown",
    "same_label": "With the same label",
    "other_label": "With another label",
    "same_split": "In the same split",
    "other_split": "In another split",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnImage:
    """An image that the user brought to this run, ready to search with."""

    run_id: str
    name: str
    thumbnail: bytes
    vector: Float32


def own_image(run: Run) -> OwnImage | None:
    """Return the image that the user brought to this run."""
    own: OwnImage | None = st.session_state.get(_OWN)
    return own if own is not None and own.run_id == run.id else None


def take_own_image(run: Run, *, key: str) -> None:
    """Draw the drop zone for an image of one's own, and look at what was dropped.

    Raises
    ------
    InputError
        It is no readable image.
    """
    dropped = image_dropzone(key=key)
    if dropped is None:
        return
    with st.spinner("Embedding your image…"):
        query = embed_query(cached.services(), run, dropped.content)
    st.session_state[_OWN] = OwnImage(run_id=run.id, name=dropped.name, thumbnail=query.thumbnail, vector=query.vector)
    state.change_explore(query_row=None, text=None, panel="image")
    st.rerun()


def render_own_image(own: OwnImage) -> None:
    """Draw the image that the user brought."""
    encoded = base64.b64encode(own.thumbnail).decode("ascii")
    st.html(
        f'<img src="data:image/jpeg;base64,{encoded}" alt="Your image {html(own.name)}" '
        'style="display:block;max-width:160px;max-height:160px;border-radius:8px">'
    )
    st.html(facts_html([("Your image", own.name)]))


def take_click(run: Run) -> None:
    """Look at the similar image that was clicked, before anything is drawn."""
    sent: Any = st.session_state.get(GALLERY)
    row = sent.get("click") if sent else None
    if type(row) is int and 0 <= row < run.n_images:
        look_at(row)


def find_neighbours(run: Run, view: ExploreState, mask: npt.NDArray[np.bool_] | None) -> SearchResult | None:
    """Return the most similar images to the one that is looked at, None where none is."""
    own = own_image(run)
    if view.query_row is None and view.text is None and own is None:
        return None
    allowed = scope_mask(run, view, mask)
    if view.query_row is not None:
        return search_row(run, view.query_row, k=view.k, mask=allowed)
    if view.text is not None:
        with st.spinner("Looking for these words; the first time opens the backbone's text tower…"):
            return search_words(cached.services(), run, parse_words(view.text), k=view.k, mask=allowed)
    assert own is not None  # or there would be no query
    return search_vector(run, own.vector, k=view.k, mask=allowed)


def scope_mask(run: Run, view: ExploreState, mask: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_] | None:
    """Return which images may be found, None for all.

    A scope that compares with the query's label or split leaves all where the query has none.
    """
    if view.scope == "shown":
        return mask
    if view.scope == "all" or view.query_row is None:
        return None
    which, name = view.scope.split("_")
    column = run.columns.get(name)
    if column is None or column.codes is None:
        return None
    same: npt.NDArray[np.bool_] = column.codes == column.codes[view.query_row]
    return same if which == "same" else ~same


def render_neighbours(run: Run, view: ExploreState, found: SearchResult, urls: RunUrls) -> None:
    """Draw the gallery of similar images with its controls."""
    scopes = [scope for scope in _SCOPES if _fits(run, view, scope)]
    with st.container(horizontal=True, gap="small", wrap=False):
        st.session_state[_SCOPE] = view.scope if view.scope in scopes else "all"
        st.selectbox(
            "Similar images",
            scopes,
            format_func=_SCOPES.__getitem__,
            key=_SCOPE,
            on_change=lambda: state.change_explore(scope=st.session_state[_SCOPE]),
        )
        st.session_state[_K] = view.k
        st.selectbox(
            "How many",
            state.NEIGHBOUR_COUNTS,
            key=_K,
            width=96,
            on_change=lambda: state.change_explore(k=st.session_state[_K]),
        )
    gallery(
        [
            GalleryItem(row=int(row), badge=f"{similarity:.2f}", **captions(run, int(row)))
            for row, similarity in zip(found.rows, found.similarities, strict=True)
        ],
        key=GALLERY,
        thumbnails_url=urls.thumbnails,
        size_px=84,
        label="Most similar images, the most similar first",
        empty="No image fits. Search among all images, or clear the filters.",
    )
    if view.query_row is None and view.text is not None:
        st.caption(
            "Best fit first; the number is the cosine of image and words, less that of image and subtracted words. "
            "Between images and words it is small even for a good fit."
        )
    else:
        st.caption("Most similar first; the number is the cosine similarity of the embeddings, at most 1.")


def _fits(run: Run, view: ExploreState, scope: Scope) -> bool:
    if scope in ("all", "shown"):
        return scope == "all" or view.n_filters > 0
    return view.query_row is not None and scope.split("_")[1] in run.columns


def captions(run: Run, row: int) -> dict[str, str]:
    """Return caption and second line of a thumbnail: label or file name, and cluster."""
    label = run.columns.get("label")
    name = run.first_places["path"][row].as_py().rpartition("/")[2]
    caption = label.text(row) if label is not None else name
    sub = run.columns["cluster"].text(row)
    return {"caption": visible(caption, max_chars=60), "sub": visible(sub, max_chars=60)}
