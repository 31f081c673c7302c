"""Faults of boxes: one at a time, with the images or objects that have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.types import Json
from dataeval_ui.ui import state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.neighbours import captions
from dataeval_ui.ui.text import count

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

_FAULT = "box_fault"


def render_box_faults(run: Run, told: Json) -> None:
    """Draw the choice of a fault, how many boxes have it, and the first of them."""
    st.subheader("Boxes", anchor=False)
    st.caption(
        f"{count(told['n_boxes'], 'box', 'boxes')} of {count(told['n_images'], 'image')}; half of them take less than "
        f"{told['median_area_share']:.2%} of their image, and half of the images have at most "
        f"{told['median_boxes_of_image']:g}."
    )
    faults = {fault["name"]: fault for fault in told["faults"]}
    wanted = state.str_param("fault")
    name = wanted if wanted in faults else max(faults, key=lambda n: faults[n]["n_boxes"])
    st.session_state[_FAULT] = name
    st.selectbox(
        "Fault",
        list(faults),
        key=_FAULT,
        format_func=lambda n: f"{faults[n]['title']} ({faults[n]['n_boxes']:,})",
        on_change=lambda: state.update_address(fault=st.session_state[_FAULT]),
    )
    fault = faults[name]
    unit = "object" if run.is_of_objects else "image"
    st.markdown(
        f"**{count(fault['n_boxes'], 'box', 'boxes')}** ({fault['share']:.1%}) on {count(fault['n_rows'], unit)}"
        + (f", the first {len(fault['rows'])} below" if fault["n_rows"] > len(fault["rows"]) else "")
    )
    if fault["rows"]:
        gallery(
            [GalleryItem(row=row, **captions(run, row)) for row in fault["rows"]],
            key="box_gallery",
            thumbnails_url=RunUrls(run.id, base_path()).thumbnails,
            size_px=112,
            label=f"{unit.capitalize()}s whose boxes have this fault",
        )
