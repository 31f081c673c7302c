"""Files that could not be read, each with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.share.tables import table_bytes
from dataeval_ui.ui.panels.download import render_table_download
from dataeval_ui.ui.text import count

if TYPE_CHECKING:
    import pyarrow as pa

    from dataeval_ui.services.run import Run


def unreadable_table(run: Run) -> pa.Table:
    """Return path, reason and size of the files that are no usable image, in path order."""
    import pyarrow.compute as pc

    table = run.manifest.filter(pc.equal(run.manifest["status"], "unreadable"))
    return table.select(["path", "reason", "n_bytes"])


def render_unreadable(run: Run) -> None:
    """Draw the list."""
    table = unreadable_table(run)
    if not table.num_rows:
        st.markdown(":material/check_circle: Every file of this run could be read.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{count(table.num_rows, 'file')}** could not be read; they are in no other number of this run.",
            width="content",
        )
        render_table_download(
            lambda fmt: table_bytes(table, fmt),
            about="A row a file: path, reason, bytes.",
            name=f"unreadable-{run.id}",
            key="unreadable_download",
        )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "path": st.column_config.TextColumn("Path", width="medium"),
            "reason": st.column_config.TextColumn("Reason", width="large"),
            "n_bytes": st.column_config.NumberColumn("Bytes", format="localized"),
        },
        key="unreadable_files",
        alt="Unreadable files with their reasons",
    )
    st.caption("Mend or remove them, then run the dataset again: only changed files are read.")
