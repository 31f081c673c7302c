"""Which column is taken for the label, and what is asked about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.labels import label_columns
from dataeval_ui.ui import state
from dataeval_ui.ui.text import visible
from dataeval_ui.ui.viewer import can

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

VIEWS = {
    "errors": "Suspected errors",
    "difficulty": "Difficulty",
    "balance": "Balance and splits",
    "predictors": "What predicts it",
}
_COLUMN, _VIEW = "label_column", "label_view"


def render_choice(run: Run) -> tuple[str, str] | None:
    """Draw the choice of column and view; say how to add labels where there is no column, and return None."""
    columns = label_columns(run)
    if "label" not in columns:
        _render_no_labels(bool(columns))
    if not columns:
        return None
    wanted = state.str_param("column")
    column = wanted if wanted in columns else next(iter(columns))
    view = state.str_param("show")
    view = view if view in VIEWS else "errors"
    st.session_state[_COLUMN], st.session_state[_VIEW] = column, view
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        if len(columns) > 1 or "label" not in columns:
            st.selectbox(
                "Labels",
                list(columns),
                key=_COLUMN,
                format_func=lambda name: visible(columns[name], max_chars=60),
                on_change=_change,
                width=220,
                help="Any column of categories can be asked about.",
            )
        st.segmented_control(
            "View",
            list(VIEWS),
            format_func=VIEWS.__getitem__,
            key=_VIEW,
            required=True,
            on_change=_change,
            label_visibility="collapsed",
        )
    return column, view


def _change() -> None:
    column, view = st.session_state.get(_COLUMN, "label"), st.session_state[_VIEW]
    state.update_address(
        column=None if column == "label" else column, show=None if view == "errors" else view, image=None, cell=None
    )


def _render_no_labels(has_columns: bool) -> None:
    with st.container(border=True):
        st.subheader("No labels yet", icon=":material/label:", anchor=False)
        st.markdown(
            "Put the images into folders named after their classes, or name a column of a table, COCO, YOLO or VOC "
            "annotations as the source of labels; then run the dataset again. Nothing is embedded twice."
            + (" Until then, any other column of categories can be asked about below." if has_columns else "")
        )
        if can("manage"):
            st.page_link("app_pages/datasets.py", label="Open Datasets", icon=":material/folder:")
