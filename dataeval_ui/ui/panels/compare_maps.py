"""Maps of several runs side by side, with one image that is looked at and one selection.

The address speaks in rows of the first run; each map is told its own rows of the same images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from dataeval_ui.services.compare import overlap_name
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.scatter import ColourSpec, Highlight, MapLook, pending_events, scatter_map
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.colouring import colour_spec
from dataeval_ui.ui.panels.neighbours import captions
from dataeval_ui.ui.panels.picture import render_facts_of, render_picture, render_places
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.text import count, plain, visible

if TYPE_CHECKING:
    from dataeval_ui.services.compare import Comparison
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int64

OVERLAP = "overlap"
N_SHOWN = 12
N_DISPUTED = 24
_COLOUR = "compare_colour"
_DISPUTED = "disputed"
_MAX_FALLBACK_POINTS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareView:
    """What the page looks at.

    Attributes
    ----------
    colour : str
        Name of a column that all runs have, or "overlap".
    place : int or None
        The image that is looked at, as an index into the shared images.
    selected : ndarray of int64 or None
        Rows of the first run.
    """

    colour: str
    place: int | None
    selected: Int64 | None


def _map_key(run: Run) -> str:
    return f"compare_map_{run.id}"


def _nearest_key(run: Run) -> str:
    return f"compare_nearest_{run.id}"


def place_of(comparison: Comparison, which: int, row: int) -> int | None:
    """Return the shared image in a row of one of the runs, None where that image is not shared."""
    found = (comparison.rows[which] == row).nonzero()[0]
    return int(found[0]) if found.size else None


def take_events(comparison: Comparison, runs: list[Run], colour: str) -> None:
    """Write to the address what the user did on any of the maps and galleries.

    Raises
    ------
    ParameterError
        The browser sent something that a map cannot have sent.
    """
    for which, run in enumerate(runs):
        n_categories = 0 if colour == OVERLAP else len(run.column(colour).categories)
        events = pending_events(_map_key(run), n_points=run.n_images, n_categories=n_categories)
        clicked = events.click if events.click is not None else _clicked(_nearest_key(run))
        if clicked is not None:
            _look_at(comparison, which, clicked)
        if events.selection is not None:
            _select(runs[0], comparison.translate(events.selection, which, 0))
    if (clicked := _clicked(_DISPUTED)) is not None:
        _look_at(comparison, 0, clicked)


def _clicked(key: str) -> int | None:
    sent: Any = st.session_state.get(key)
    row = sent.get("click") if sent else None
    return row if type(row) is int and row >= 0 else None


def _look_at(comparison: Comparison, which: int, row: int) -> None:
    place = place_of(comparison, which, row)
    if place is not None:
        state.update_address(image=str(comparison.rows[0][place]))


def _select(first: Run, rows: Int64) -> None:
    if len(rows) == 0:
        state.update_address(selected=None)
        return
    text, packed = state.encode_selection(rows, first.n_images)
    if (digest := state.kept_digest(text)) is not None:
        cached.kept_selections().put(digest, packed)
    state.update_address(selected=text)


def colours_of(runs: list[Run]) -> dict[str, str]:
    """Return name and title of what all maps can be coloured by."""
    common = [name for name in runs[0].columns if all(name in run.columns for run in runs[1:])]
    return {OVERLAP: "Neighbour overlap"} | {n: visible(runs[0].columns[n].title, max_chars=60) for n in common}


def read_view(comparison: Comparison, runs: list[Run]) -> CompareView:
    """Read the address; what it cannot mean is said and left out.

    Raises
    ------
    InputError
        A selection that does not fit the first run.
    """
    colour = state.str_param("colour") or OVERLAP
    if colour not in colours_of(runs):
        st.warning(f"Not all of these runs have a column {plain(repr(colour))}; the maps show the overlap.")
        colour = OVERLAP
    place = None
    if (row := state.int_param("image")) is not None:
        place = place_of(comparison, 0, row)
        if place is None:
            st.warning(f"Image {row} is not in all of these runs.")
    selected = None
    if (text := state.str_param("selected")) is not None:
        digest = state.kept_digest(text)
        kept = None if digest is None else cached.kept_selections().get(digest)
        selected = state.decode_selection(text, runs[0].n_images, kept)
    return CompareView(colour=colour, place=place, selected=selected)


def render_maps(comparison: Comparison, runs: list[Run], view: CompareView) -> None:
    """Draw the choice of colour and the maps, two in a line."""
    titles = colours_of(runs)
    st.session_state[_COLOUR] = view.colour
    st.selectbox(
        "Colour by",
        list(titles),
        format_func=titles.__getitem__,
        key=_COLOUR,
        on_change=lambda: state.update_address(colour=st.session_state[_COLOUR]),
        width=280,
        help="Neighbour overlap: how many of an image's nearest are the same under these backbones, from 0 to 1.",
    )
    for begin in range(0, len(runs), 2):
        for which, side in zip(range(begin, min(begin + 2, len(runs))), st.columns(2, gap="medium"), strict=False):
            with side:
                _render_map(comparison, runs[which], which, view, height_px=440 if len(runs) == 2 else 360)


def _render_map(comparison: Comparison, run: Run, which: int, view: CompareView, *, height_px: int) -> None:
    rows, name = comparison.rows[which], comparison.scores[which].name
    st.markdown(f"**{plain(name)}**")
    urls = RunUrls(run.id, base_path())
    highlight = None
    if view.place is not None:
        near = rows[comparison.neighbors[which][view.place][:N_SHOWN]]
        highlight = Highlight(query_row=int(rows[view.place]), neighbour_rows=[int(row) for row in near])
    selected = None if view.selected is None else comparison.translate(view.selected, 0, which)
    events = scatter_map(
        key=_map_key(run),
        points_url=urls.points,
        version=run.id,
        n_points=run.n_images,
        colour=_spec(comparison, run, which, view.colour, urls),
        thumbnails_url=urls.thumbnails,
        selected=selected,
        shown=None if comparison.n_alone[which] == 0 else rows,
        highlight=highlight,
        look=MapLook(height_px=height_px),
        label=f"Map by {visible(name, max_chars=60)}, {len(rows):,} images",
    )
    if events.webgl_missing:
        _render_fallback(comparison, run, which, view.colour, height_px)


def _spec(comparison: Comparison, run: Run, which: int, colour: str, urls: RunUrls) -> ColourSpec:
    if colour != OVERLAP:
        return cached.colour_specs(run, base_path())[colour]
    name = overlap_name(comparison, which)
    return colour_spec(run.column(name), urls.column(name))


def _render_fallback(comparison: Comparison, run: Run, which: int, colour: str, height_px: int) -> None:
    import numpy as np

    from dataeval_ui.figures import map_figure

    rows = comparison.rows[which]
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _MAX_FALLBACK_POINTS)).astype(np.int64)]
    column = run.column(overlap_name(comparison, which) if colour == OVERLAP else colour)
    if column.codes is None:
        assert column.values is not None  # one of the two is always there
        figure = map_figure(run.projection.xy[rows], column.values[rows], "continuous", dark=is_dark(), svg=True)
    else:
        codes = column.codes[rows].astype(np.int64)
        codes = np.where(codes == column.neutral, -1, codes)
        figure = map_figure(run.projection.xy[rows], codes, "categorical", dark=is_dark(), svg=True)
    figure.update_layout(height=height_px)
    st.caption("This browser has no WebGL2: the map is a picture, and images are chosen in the galleries below.")
    st.plotly_chart(figure, key=f"compare_fallback_{run.id}", alt="Map of the dataset")


def render_selection(comparison: Comparison, runs: list[Run], view: CompareView) -> None:
    """Draw how many images are selected, and where they can be looked at."""
    if view.selected is None:
        st.caption(
            "Click an image in one map to see it and its nearest in all; lasso or box in one map selects in all. "
            f"{count(len(comparison.image_ids), 'image')} in all of these runs."
        )
        return
    import numpy as np

    chosen = np.isin(comparison.rows[0], view.selected)
    with st.container(horizontal=True, vertical_alignment="center"):
        said = f"**{count(int(chosen.sum()), 'image')}** selected"
        if chosen.any():
            said += f", mean overlap {float(comparison.overlap[chosen].mean()):.2f}"
        st.markdown(said, width="content")
        st.button("Clear", icon=":material/close:", key="clear_compared", on_click=_clear)
        st.page_link(
            "app_pages/explore.py",
            label="Look at them on Explore",
            icon=":material/bubble_chart:",
            query_params={"run": runs[0].id, "selected": state.str_param("selected") or "", "panel": "selection"},
        )


def _clear() -> None:
    state.update_address(selected=None)


def render_image(comparison: Comparison, runs: list[Run], place: int) -> None:
    """Draw the image that is looked at, and its nearest by each backbone."""
    first, row = runs[0], int(comparison.rows[0][place])
    picture, facts = st.columns([2, 5], gap="medium")
    with picture:
        render_picture(first, row, RunUrls(first.id, base_path()), height_px=190)
    with facts:
        st.markdown(f"Neighbour overlap **{float(comparison.overlap[place]):.2f}**")
        render_places(first, row)
        render_facts_of(first, row)
    in_all = set.intersection(*(set(map(int, near[place])) for near in comparison.neighbors))
    for which, (run, side) in enumerate(zip(runs, st.columns(len(runs), gap="medium"), strict=True)):
        near = [int(index) for index in comparison.neighbors[which][place][:N_SHOWN]]
        with side:
            st.caption(f"Nearest by {plain(comparison.scores[which].name)}; ✓ by all")
            gallery(
                [
                    GalleryItem(row=int(rows), badge="✓" if index in in_all else "", **captions(run, int(rows)))
                    for index, rows in ((index, comparison.rows[which][index]) for index in near)
                ],
                key=_nearest_key(run),
                thumbnails_url=RunUrls(run.id, base_path()).thumbnails,
                size_px=84,
                label=f"Nearest images by {comparison.scores[which].name}",
            )


def render_disputed(comparison: Comparison, first: Run, place: int | None) -> None:
    """Draw the images on whose neighbours the backbones agree least."""
    places = [int(index) for index in comparison.most_disputed(N_DISPUTED)]
    rows = [int(comparison.rows[0][index]) for index in places]
    gallery(
        [
            GalleryItem(row=row, badge=f"{float(comparison.overlap[index]):.2f}", **captions(first, row))
            for index, row in zip(places, rows, strict=True)
        ],
        key=_DISPUTED,
        thumbnails_url=RunUrls(first.id, base_path()).thumbnails,
        size_px=96,
        selected_row=None if place is None else int(comparison.rows[0][place]),
        label="Images that the backbones disagree on most",
    )
