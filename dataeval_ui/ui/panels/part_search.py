"""Search by part: the image with its box, the examples so far, and the images that match them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from dataeval_ui.services.parts import Example
from dataeval_ui.services.runs import PARTS_JOB, active_jobs, start_parts
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.components.box import Box, image_box, read_box
from dataeval_ui.ui.components.drop import image_dropzone
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.job_list import render_active_jobs
from dataeval_ui.ui.panels.neighbours import captions
from dataeval_ui.ui.text import count, plain, size
from dataeval_ui.ui.viewer import require

if TYPE_CHECKING:
    from dataeval_ui.services.parts import PartsResult, RunParts
    from dataeval_ui.services.run import Run
    from dataeval_ui.store.cells import Int8

_BOX, _FOUND = "part_box", "part_results"
_MIDDLE: Box = (0.3, 0.3, 0.4, 0.4)
_K = 24


@dataclass(slots=True)
class Search:
    """What a session looks for in one run.

    Attributes
    ----------
    row : int
        The image that is shown, unless `own` is.
    box : tuple of 4 floats
    own : tuple or None
        An image of the user's own: name, cells, and a picture of our making.
    plus, minus : list of (Example, str)
        With the words that name each.
    found_boxes : dict of int to Box
        Where each image found matched, for the next example.
    """

    row: int = 0
    box: Box = _MIDDLE
    own: tuple[str, Int8, bytes] | None = None
    plus: list[tuple[Example, str]] = field(default_factory=list)
    minus: list[tuple[Example, str]] = field(default_factory=list)
    found_boxes: dict[int, Box] = field(default_factory=dict)


def current_search(run: Run) -> Search:
    """Return this session's search in a run; the address may name the image that it begins with."""
    name = f"dataeval_ui.parts.{run.id}"
    if name not in st.session_state:
        text = state.str_param("image") or ""
        row = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        st.session_state[name] = Search(row=row if row < run.n_images else 0)
    search: Search = st.session_state[name]
    return search


def render_part_search(run: Run) -> None:
    """Draw the page for one run: what to compute first, or the search."""
    parts = cached.parts(run)
    stored = parts.state()
    computing = any(job.kind == PARTS_JOB and job.payload.get("run") == run.id for job in active_jobs(run.services))
    if stored.n_stored == 0 or computing:
        _render_compute(run, is_going_on=computing)
        return
    if stored.n_stored < stored.n_images:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                f"The parts of {stored.n_stored:,} of {count(stored.n_images, 'image')} are computed; only these are "
                "searched.",
                width="content",
            )
            st.button("Compute the rest", key="compute_rest", type="tertiary", on_click=_start, args=(run.id,))
    _search(run)
    st.caption(f"Parts take {size(stored.n_bytes)} on the disk.")


def _render_compute(run: Run, *, is_going_on: bool) -> None:
    with st.container(border=True):
        st.subheader("Find images by a part of them", icon=":material/crop_free:", anchor=False)
        st.markdown(
            "Draw a box on an image and see which images have something like it, and where. For this the cells of "
            f"every image are computed once with {plain(run.record.backbone)} and kept; the run stays as it is."
        )
        if is_going_on:
            render_active_jobs()
        else:
            st.button(
                f"Compute the parts of {count(run.n_images, 'image')}",
                key="compute_parts",
                type="primary",
                icon=":material/grid_on:",
                on_click=_start,
                args=(run.id,),
            )


def _start(run_id: str) -> None:
    with shown_errors():
        require("manage", run_id)
        start_parts(cached.services(), run_id)


@st.fragment
def _search(run: Run) -> None:
    with shown_errors():
        search, parts = current_search(run), cached.parts(run)
        _take_events(run, search)
        left, right = st.columns([5, 7], gap="medium")
        with left, shown_errors():
            _render_image(run, search)
            _render_examples(search)
            with st.expander("Draw on an image of your own", icon=":material/image_search:"):
                _take_own(parts, search)
        with right, shown_errors():
            _render_found(run, parts, search)


def _take_events(run: Run, search: Search) -> None:
    """Take in a box that was drawn and a result that was clicked, before anything is drawn."""
    sent: Any = st.session_state.get(_BOX)
    box = read_box(sent.get("box")) if sent else None
    if box is not None:
        search.box = box
    sent = st.session_state.get(_FOUND)
    row = sent.get("click") if sent else None
    if type(row) is int and 0 <= row < run.n_images:
        search.row, search.own, search.box = row, None, search.found_boxes.get(row, _MIDDLE)


def _render_image(run: Run, search: Search) -> None:
    if search.own is not None:
        name, _, picture = search.own
        url, alt = f"data:image/jpeg;base64,{base64.b64encode(picture).decode('ascii')}", f"Your image {name}"
    else:
        url, alt = RunUrls(run.id, base_path()).image(search.row), run.places(search.row)[0].path
    st.markdown(f"**{plain(alt, max_chars=120)}**")
    image_box(url, alt=alt, box=search.box, key=_BOX)
    with st.container(horizontal=True):
        for label, icon, key, text in (
            ("Find this part", "search", "find", "A new search with this box alone."),
            ("Also like this", "add", "plus", "Adds the box as an example: results should fit it as well."),
            ("Unlike this", "remove", "minus", "Adds the box as a counter-example: results should not fit it."),
        ):
            st.button(
                label,
                icon=f":material/{icon}:",
                key=f"part_{key}",
                type="primary" if key == "find" else "secondary",
                disabled=key == "minus" and not search.plus,
                on_click=_add,
                args=(run, search, key),
                help=text,
            )


def _add(run: Run, search: Search, kind: str) -> None:
    with shown_errors():
        if search.own is not None:
            name, codes, _ = search.own
            example = Example(codes=codes, box=search.box)
        else:
            example, name = cached.parts(run).example(search.row, search.box), run.places(search.row)[0].path
        if kind == "find":
            search.plus, search.minus = [], []
        (search.minus if kind == "minus" else search.plus).append((example, name.rpartition("/")[2]))


def _render_examples(search: Search) -> None:
    """Draw the examples as buttons that take them away."""
    if len(search.plus) + len(search.minus) < 2:
        return
    with st.container(horizontal=True, key="part_examples"):
        for sign, examples in (("+", search.plus), ("−", search.minus)):
            for place, (_, name) in enumerate(examples):
                st.button(
                    f"{sign} {plain(name, max_chars=28)}",
                    icon=":material/close:",
                    key=f"example_{sign}_{place}",
                    type="tertiary",
                    on_click=_take_away,
                    args=(examples, place),
                    help="Take this example away.",
                )


def _take_away(examples: list[tuple[Example, str]], place: int) -> None:
    del examples[place]


def _take_own(parts: RunParts, search: Search) -> None:
    dropped = image_dropzone(key="part_own")
    if dropped is None:
        return
    with st.spinner("Computing the parts of your image…"):
        codes, picture = parts.own_image(dropped.content)
    search.own, search.box = (dropped.name, codes, picture), _MIDDLE
    st.rerun(scope="fragment")


def _render_found(run: Run, parts: RunParts, search: Search) -> None:
    if not search.plus:
        st.markdown("Draw a box around something on the image, then press **Find this part**.")
        return
    found = parts.search([one for one, _ in search.plus], [one for one, _ in search.minus], k=_K)
    search.found_boxes = found.boxes()
    gallery(
        items_of(run, found),
        key=_FOUND,
        thumbnails_url=RunUrls(run.id, base_path()).thumbnails,
        size_px=120,
        label="Images with a similar part, the most similar first",
        empty="There is no other image in this run.",
    )
    st.caption(
        "Most similar first; red is where it matched. The number is the mean cosine of the best matching cells, "
        "at most 1. Click an image to draw on it: its box is where it matched."
    )


def items_of(run: Run, found: PartsResult) -> list[GalleryItem]:
    """Return the results with their heat, scaled so that the hottest cell of all is full."""
    scale = 255.0 / max(1e-6, float(found.heat.max(initial=0.0)))
    return [
        GalleryItem(
            row=int(row),
            badge=f"{score:.2f}",
            # squared, so that what fits half as well is a quarter as red
            heat=base64.b64encode(((heat * scale) ** 2 / 255.0).astype("uint8").tobytes()).decode("ascii"),
            **captions(run, int(row)),
        )
        for row, score, heat in zip(found.rows, found.scores, found.heat, strict=True)
    ]
