"""Two filters of one run as reference and test: their fields, what can be written, and how many images they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.drift_sets import REST, chosen_rows
from dataeval_ui.services.image_filters import MAX_CHARS, filter_names
from dataeval_ui.ui import state
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.text import count, plain

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int64

_REFERENCE, _TEST = "drift_reference_filter", "drift_test_filter"
_HELP = (
    "Such as: label in (cat, dog) and not brightness < 0.3. Signs are = != < <= > >= and ~ for a pattern with \\*; "
    "conditions are joined by and, or, not and brackets; text that is not one word stands in quotes."
)


def render_filters(run: Run) -> tuple[str, str]:
    """Draw both fields, and return what stands in the address."""
    found = (state.str_param("reference") or "").strip(), (state.str_param("test") or REST).strip()
    for key, title, value, example in (
        (_REFERENCE, "Reference", found[0], "label = cat"),
        (_TEST, "Test", found[1], f"label = dog, or {REST}"),
    ):
        st.session_state[key] = value
        st.text_input(
            title,
            key=key,
            placeholder=example,
            max_chars=MAX_CHARS,
            help=_HELP
            if key == _REFERENCE
            else f"{_HELP} The word {REST} is all images that the reference leaves out.",
            on_change=_write_filters,
            width=230,
        )
    with st.popover("Columns", icon=":material/help:", key="drift_filter_names"):
        names = filter_names(run)
        st.dataframe(
            {"Name": list(names), "Values": list(names.values())}, hide_index=True, width=420, key="drift_filter_table"
        )
    return found


def render_filter_counts(run: Run, pair: tuple[str, str]) -> bool:
    """Say how many images both filters mean, or what is wrong with them; tell whether they can be compared."""
    if not pair[0]:
        st.caption(
            "Write which images of this run are the reference, and which the test set; a saved view is "
            "`view = 'its name'`."
        )
        return False
    rows: tuple[Int64, ...] = ()
    with shown_errors():
        rows = chosen_rows(run, run, filters=pair)
        st.caption(
            f"{count(len(rows[0]), 'reference image')} ({plain(pair[0], max_chars=200)}) and "
            f"{count(len(rows[1]), 'test image')} ({plain(pair[1], max_chars=200)})."
        )
    return bool(rows)


def _write_filters() -> None:
    reference, test = st.session_state[_REFERENCE].strip(), st.session_state[_TEST].strip()
    state.update_address(**{"with": "filters", "reference": reference or None, "test": test or None, "tested": None})
