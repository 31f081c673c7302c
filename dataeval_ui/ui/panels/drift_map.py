"""Both sets on the reference's map, which stays as it is, and the images that are clicked on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.figures import clicked_points, drift_map_figure, selected_rows
from dataeval_ui.services.drift_images import images_beside
from dataeval_ui.ui import state
from dataeval_ui.ui.panels.drift_gallery import render_cards
from dataeval_ui.ui.panels.health_list import selection_address
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.text import count, plain

if TYPE_CHECKING:
    import numpy as np

    from dataeval_ui.services.drift import DriftAnswer
    from dataeval_ui.services.drift_map import DriftMap
    from dataeval_ui.ui.panels.drift_choice import Sets

_MAP, _OVERLAY = "drift_map", "drift_overlay"
_OVERLAYS = {"set": "Set", "density": "Density", "score": "Classifier"}
_ABOUT = {
    "set": "Dots are reference images, diamonds test images.",
    "density": "Coloured by the set that is denser around an image: in the test set's colour where that is.",
    "score": "Coloured by the domain classifier: in the test set's colour what it takes for a test image.",
}
MAX_CARDS = 6


def choose_group(kind: str, names: Sequence[str], key: str) -> None:
    """Show only the group whose bar was clicked; a click beside the bars shows all again."""
    rows = selected_rows(st.session_state.get(key))
    chosen = next((names[row] for row in rows if row < len(names)), None)
    state.update_address(group=None if chosen is None else f"{kind}:{chosen}")


def render_drift_map(sets: Sets, answer: DriftAnswer, places: DriftMap) -> None:
    """Draw the overlay's choice, the map, and what was clicked on it."""
    st.subheader("Both sets on the reference's map", anchor=False)
    wanted = state.str_param("overlay")
    overlay = wanted if wanted in _OVERLAYS else "set"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.session_state[_OVERLAY] = overlay
        st.segmented_control(
            "Colour by",
            list(_OVERLAYS),
            format_func=_OVERLAYS.__getitem__,
            key=_OVERLAY,
            on_change=_choose_overlay,
            label_visibility="collapsed",
            required=True,
        )
        shown = _shown(answer)
        if shown is not None:
            st.button(
                f"Only {plain((state.str_param('group') or '').partition(':')[2], max_chars=40)}",
                icon=":material/close:",
                key="drift_group_clear",
                help="Show all images again",
                on_click=state.update_address,
                kwargs={"group": None},
            )
    n_unsure = int(places.is_unsure.sum())
    st.caption(
        f"{_ABOUT[overlay]} Each test image lies where its own nearest reference images lie, whatever else is in the "
        f"test set; {count(n_unsure, 'hollow diamond')} of {len(places.is_unsure):,} "
        f"{'has' if n_unsure == 1 else 'have'} no sure place: far from the reference, or between its groups. "
        "Click an image, or draw a box around several."
    )
    values = {"set": None, "density": answer.ratios, "score": answer.scores}[overlay]
    event = st.plotly_chart(
        drift_map_figure(
            places.reference_xy,
            places.test_xy,
            is_unsure=places.is_unsure,
            values=values,
            shown=shown,
            dark=is_dark(),
        ),
        key=_MAP,
        on_select="rerun",
        selection_mode=("points", "box", "lasso"),
        config={"scrollZoom": True, "displaylogo": False},
        alt="Both sets on the map of the reference",
    )
    _render_clicked(sets, answer, places, clicked_points(event))


def _choose_overlay() -> None:
    chosen = st.session_state[_OVERLAY]
    state.update_address(overlay=None if chosen == "set" else chosen)


def _shown(answer: DriftAnswer) -> tuple[np.ndarray, np.ndarray] | None:
    """Return which images are of the group in the address; None without one that is there."""
    import numpy as np

    kind, _, name = (state.str_param("group") or "").partition(":")
    if kind not in answer.groups or not name:
        return None
    first, second = (np.array([group == name for group in side], dtype=np.bool_) for side in answer.groups[kind])
    return (first, second) if first.any() or second.any() else None


def _render_clicked(sets: Sets, answer: DriftAnswer, places: DriftMap, clicked: list[tuple[int, int]]) -> None:
    import numpy as np

    of_trace = [answer.rows[0], answer.rows[1][~places.is_unsure], answer.rows[1][places.is_unsure]]
    chosen: tuple[list[int], list[int]] = ([], [])
    for trace, at in clicked:
        if trace < len(of_trace) and at < len(of_trace[trace]):
            chosen[min(trace, 1)].append(int(of_trace[trace][at]))
    for side, (own, other, name) in enumerate(
        ((sets.reference, sets.test, "reference"), (sets.test, sets.reference, "test"))
    ):
        rows = sorted(set(chosen[side]))
        if not rows:
            continue
        st.markdown(f"**{count(len(rows), f'{name} image')}**, each beside the other set's most similar")
        picked = [rows[at] for at in np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MAX_CARDS)).astype(int))]
        listed = [{"image_id": own.image_ids[row], "score": 0.0} for row in picked]
        render_cards(own, other, images_beside(own, other, listed, among=answer.among[1 - side]), below=name)
        st.page_link(
            "app_pages/explore.py",
            label=f"Look at {'it' if len(rows) == 1 else f'all {len(rows):,}'} on Explore",
            icon=":material/bubble_chart:",
            query_params={"run": own.id, **selection_address(own, rows)},
        )
