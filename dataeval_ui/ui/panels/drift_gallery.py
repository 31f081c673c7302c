"""Galleries of the images that show a drift, each beside what the other set has that is most like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.drift_images import ShiftedImage
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.health_list import selection_address
from dataeval_ui.ui.text import html

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.ui.panels.drift_choice import Sets

_GALLERIES = {
    "most_shifted": (
        "Most shifted",
        "Test images that the domain classifier is surest of, each beside the reference images most like it.",
    ),
    "new_in_test": (
        "New in the test set",
        "Test images around which the test set is densest compared with the reference: a kind of image that the "
        "reference has less of, or not at all.",
    ),
    "vanished": (
        "Vanished from the test set",
        "Reference images around which the reference is densest compared with the test set, each beside the test "
        "images most like it: a kind of image that the test set lacks.",
    ),
}


def render_galleries(sets: Sets, shown: Mapping[str, Sequence[ShiftedImage]]) -> None:
    """Draw the three galleries as tabs."""
    st.subheader("Images that show it", anchor=False)
    for tab, (name, (_, about)) in zip(
        st.tabs([title for title, _ in _GALLERIES.values()]), _GALLERIES.items(), strict=True
    ):
        with tab:
            st.caption(
                f"{about} Numbers are cosine similarities. There are such images without any drift, too: the verdict "
                "says whether they count. Click an image to see it on Explore."
            )
            vanished = name == "vanished"
            own, other = (sets.reference, sets.test) if vanished else (sets.test, sets.reference)
            render_cards(own, other, shown[name], below="reference" if vanished else "test")
            st.page_link(
                "app_pages/explore.py",
                label="Show them on the map",
                icon=":material/bubble_chart:",
                query_params={"run": own.id, **selection_address(own, [image.row for image in shown[name]])},
            )


def render_cards(own: Run, other: Run, shown: Sequence[ShiftedImage], *, below: str) -> None:
    """Draw a card an image, with the images of the other set that are most like it."""
    cards = "".join(
        '<div style="display:flex;gap:10px;align-items:center;border:1px solid #8884;border-radius:8px;padding:8px">'
        f"{_picture(own, image.row, below, 104)}"
        '<div style="display:flex;gap:6px;align-items:center">'
        + "".join(_picture(other, row, f"{similarity:.2f}", 64) for row, similarity in image.nearest)
        + "</div></div>"
        for image in shown
    )
    st.html(
        '<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax(min(330px,100%),1fr));gap:12px">'
        f"{cards}</div>"
    )


def _picture(run: Run, row: int, below: str, px: int) -> str:
    path = html(run.places(row)[0].path)
    address = html(f"{base_path()}/explore?run={run.id}&image={row}", max_chars=2_000)
    thumbnail = html(RunUrls(run.id, base_path()).thumbnail(row), max_chars=2_000)
    return (
        f'<a href="{address}" target="_self" title="{path}" '
        'style="color:inherit;text-decoration:none;text-align:center;font-size:.8rem">'
        f'<img src="{thumbnail}" alt="{path}" loading="lazy" '
        f'style="display:block;width:{px}px;height:{px}px;object-fit:contain;border-radius:6px;background:#8881">'
        f"{html(below)}</a>"
    )
