"""Where an object lies in its image, and the way to the other objects of that image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.map_view import select
from dataeval_ui.ui.text import count, html

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run


def render_object(run: Run, row: int, urls: RunUrls) -> None:
    """Draw the whole image with the object's box; nothing in a run of whole images."""
    found = run.object_of(row)
    if found is None:
        return
    width, height = found.file_size
    picture = html(urls.boxed(row), max_chars=2_000)
    about = f"{html(found.file)}, the whole image with its box, open at full size"
    st.html(
        f'<a href="{picture}" target="_blank" rel="noopener" title="Open the whole image" aria-label="{about}" '
        'style="display:block;border-radius:8px;overflow:hidden">'
        f'<img src="{picture}" alt="" loading="lazy" style="display:block;width:100%;max-height:320px;'
        f'object-fit:contain;aspect-ratio:{width}/{height}"></a>'
    )
    left, top, across, down = found.box
    beside = run.objects_beside(row)
    st.caption(
        f"Object {found.number} of its image, counted from 0: {across:.0f} × {down:.0f} px at ({left:.0f}, {top:.0f})."
        + (" Its mask is tinted." if found.mask else "")
    )
    if len(beside) > 1:
        st.button(
            f"Select the {count(len(beside), 'object')} of this image",
            icon=":material/select_all:",
            key="objects_beside",
            on_click=_select,
            args=(run, beside),
            help="Shows them on the map and in the gallery.",
        )


def _select(run: Run, rows: list[int]) -> None:
    import numpy as np

    select(run, np.array(sorted(rows), dtype=np.int64))
