"""Images of a run as a table to take away."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, get_args

import streamlit as st

from dataeval_ui.services.exports import ExportFormat, export_bytes

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int64

_MIME = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "json": "application/json"}


def render_download(run: Run, rows: Int64 | None, *, name: str, key: str) -> None:
    """Draw the popover that offers images of a run as a table.

    Parameters
    ----------
    rows : ndarray of shape (n_rows,), or None
        None: all images.
    name : str
        Beginning of the file's name.
    """
    render_table_download(
        lambda fmt: export_bytes(run, fmt, rows=rows),  # type: ignore[arg-type]
        about="A row an image: path, label, split, cluster, scores, place on the map, your own columns.",
        name=f"{name}-{run.id}",
        key=key,
    )


def render_table_download(
    make: Callable[[ExportFormat], bytes],
    *,
    about: str,
    name: str,
    key: str,
    coco: Callable[[], bytes] | None = None,
) -> None:
    """Draw the popover that offers a table in each format, and as COCO if wanted; it is made when it is asked for."""
    with st.popover("Download", icon=":material/download:", key=key):
        st.caption(about)
        for fmt in get_args(ExportFormat):
            st.download_button(
                {"csv": "CSV", "parquet": "Parquet", "json": "JSON"}[fmt],
                data=partial(make, fmt),
                file_name=f"{name}.{fmt}",
                mime=_MIME[fmt],
                key=f"{key}_{fmt}",
                on_click="ignore",
                width="stretch",
            )
        if coco is not None:
            st.download_button(
                "COCO",
                data=coco,
                file_name=f"{name}-coco.json",
                mime=_MIME["json"],
                key=f"{key}_coco",
                on_click="ignore",
                width="stretch",
            )
