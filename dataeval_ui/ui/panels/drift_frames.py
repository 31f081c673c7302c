"""Where in the frame the sets differ: heat maps of boxes and of feature maps, and the tests of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.figures import clicked_points
from dataeval_ui.figures.drift_frames import frame_figure
from dataeval_ui.services.drift_frames import LEVEL, TITLES
from dataeval_ui.services.drift_places import images_at
from dataeval_ui.types import Json
from dataeval_ui.ui import state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.health_list import selection_address
from dataeval_ui.ui.panels.neighbours import captions
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.text import count, plain

if TYPE_CHECKING:
    from dataeval_ui.services.drift import DriftAnswer
    from dataeval_ui.services.run import Run
    from dataeval_ui.ui.panels.drift_choice import Sets

_MAP, _CHART = "drift_frame", "drift_frame_chart"
N_SHOWN = 12
_ABOUT = {
    "centres": "images with a box whose centre lies in it, those with most first.",
    "coverage": "images with a box over it, those with most of it covered first.",
    "cells": "the images whose features there lie farthest from the other set.",
}


def render_frames(sets: Sets, answer: DriftAnswer) -> None:
    """Draw the section, where the sets have boxes or cells; a click on a cell shows the images behind it."""
    told = answer.told
    boxes, cells = told["boxes"], told["cells"]
    maps: dict[str, Json] = {} if boxes is None else dict(boxes["maps"])
    if cells is not None:
        maps["cells"] = cells["map"]
    if not maps:
        return
    st.subheader("Where in the frame they differ", anchor=False)
    with st.container(border=True, gap="small", key="drift_frames"):
        if boxes is not None:
            n_boxes, n_images = boxes["n_boxes"], boxes["n_images"]
            st.markdown(f"**{plain(boxes['sentence'], max_chars=400)}**")
            st.caption(
                f"{n_boxes[0]:,} boxes of {n_images[0]:,} reference images and {n_boxes[1]:,} of {n_images[1]:,} test "
                "images. Whole images are shuffled, since boxes of one image depend on each other. This answer stands "
                "beside the verdict above, which is about embeddings, labels and columns."
            )
        if cells is not None:
            st.markdown(plain(cells["sentence"], max_chars=400))
        wanted = state.str_param("frame")
        shown = wanted if wanted in maps else next(iter(maps))
        if len(maps) > 1:
            st.session_state[_MAP] = shown
            st.segmented_control(
                "Heat map",
                list(maps),
                format_func=lambda name: TITLES[name][0],
                key=_MAP,
                on_change=_choose_map,
                label_visibility="collapsed",
                required=True,
            )
        found = maps[shown]
        st.caption(
            f"{TITLES[shown][1]}. Both sets on one scale, then the test set less the reference; rings are cells that "
            f"differ by more than chance (p \u2264 {LEVEL} for all cells together)."
        )
        shape = len(found["p_values"]), len(found["p_values"][0])
        chosen = _chosen_cell(shape)
        st.plotly_chart(
            frame_figure(
                found["reference"], found["test"], found["p_values"], level=LEVEL, chosen=chosen, dark=is_dark()
            ),
            key=_CHART,
            on_select=lambda: _choose_cell(shape),
            selection_mode="points",
            config={"displayModeBar": False},
            alt=f"{TITLES[shown][0]} of the reference and of the test set, and their difference",
        )
        if chosen is None:
            st.caption("Click a cell to see the images of both sets that are behind it.")
        else:
            _render_images(sets, answer, shown, chosen)
        if boxes is not None:
            _render_tests(boxes["tests"], boxes["faults"])


def _chosen_cell(shape: tuple[int, int]) -> tuple[int, int] | None:
    """Return the cell of the address, None where it names none that is there."""
    parts = (state.str_param("cell") or "").split(".")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        return None
    cell = int(parts[0]), int(parts[1])
    return cell if cell[0] < shape[0] and cell[1] < shape[1] else None


def _choose_cell(shape: tuple[int, int]) -> None:
    """Write the clicked cell to the address; a click beside the cells takes it away."""
    cells = [at for trace, at in clicked_points(st.session_state.get(_CHART)) if trace > 3]
    chosen = cells[0] if cells and cells[0] < shape[0] * shape[1] else None
    state.update_address(cell=None if chosen is None else f"{chosen // shape[1]}.{chosen % shape[1]}")


def _render_images(sets: Sets, answer: DriftAnswer, kind: str, cell: tuple[int, int]) -> None:
    """Draw the images of both sets that are behind a cell."""
    found = images_at(sets.reference, sets.test, answer.rows, kind, cell)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**Cell {cell[0] + 1} from the top, {cell[1] + 1} from the left**: {_ABOUT[kind]}", width="content"
        )
        st.button(
            "Close",
            icon=":material/close:",
            key="drift_cell_close",
            type="tertiary",
            on_click=state.update_address,
            kwargs={"cell": None},
        )
    if found is None:
        st.info("The images of this cell are not here any more; press **Test for drift** again.")
        return
    for name, run, rows in (("reference", sets.reference, found.reference), ("test", sets.test, found.test)):
        st.caption(f"{count(len(rows), f'{name} {_unit(run)}')}")
        gallery(
            [GalleryItem(row=int(row), **captions(run, int(row))) for row in rows[:N_SHOWN]],
            key=f"drift_cell_{name}",
            thumbnails_url=RunUrls(run.id, base_path()).thumbnails,
            size_px=84,
            label=f"{name.capitalize()} images of the cell",
            empty="None",
        )
        if len(rows):
            st.page_link(
                "app_pages/explore.py",
                label="Look at it on Explore" if len(rows) == 1 else f"Look at all {len(rows):,} on Explore",
                icon=":material/bubble_chart:",
                query_params={"run": run.id, **selection_address(run, [int(row) for row in rows])},
            )


def _unit(run: Run) -> str:
    return "object" if run.is_of_objects else "image"


def _render_tests(tests: Sequence[Json], faults: Sequence[Json]) -> None:
    rows = [*tests, *faults]
    is_fault = [False] * len(tests) + [True] * len(faults)
    st.dataframe(
        {
            "Boxes": [row["title"] for row in rows],
            "Reference": [_number(row["reference"], one) for row, one in zip(rows, is_fault, strict=True)],
            "Test": [_number(row["test"], one) for row, one in zip(rows, is_fault, strict=True)],
            "p-value": [f"{row['p_value']:.3g}" for row in rows],
            "Effect size": [_effect(row["effect_size"], one) for row, one in zip(rows, is_fault, strict=True)],
        },
        hide_index=True,
        width="stretch",
        height=(len(rows) + 1) * 35 + 3,
        key="drift_box_tests",
    )
    st.caption(
        "Medians, and shares of boxes with a fault. Effect size: Cliff's delta, from -1 to 1, positive where the test "
        "set's are larger; of a fault the difference of the shares."
    )


def _number(value: float | None, is_share: bool) -> str:
    if value is None:
        return ""
    return f"{value:.1%}" if is_share else f"{value:.3g}"


def _effect(value: float | None, is_share: bool) -> str:
    if value is None:
        return ""
    return f"{value:+.1%}" if is_share else f"{value:+.2f}"


def _choose_map() -> None:
    state.update_address(frame=st.session_state[_MAP], cell=None)
