"""Where in the frame the sets differ: heat maps of boxes and of feature maps, and the tests of boxes."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dataeval_ui.figures.drift_frames import frame_figure
from dataeval_ui.services.drift_frames import LEVEL, TITLES
from dataeval_ui.types import Json
from dataeval_ui.ui import state
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.text import plain

_MAP = "drift_frame"


def render_frames(told: Json) -> None:
    """Draw the section, where the sets have boxes or cells."""
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
        st.plotly_chart(
            frame_figure(found["reference"], found["test"], found["p_values"], level=LEVEL, dark=is_dark()),
            key="drift_frame_chart",
            config={"displayModeBar": False},
            alt=f"{TITLES[shown][0]} of the reference and of the test set, and their difference",
        )
        if boxes is not None:
            _render_tests(boxes["tests"], boxes["faults"])


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
    state.update_address(frame=st.session_state[_MAP])
