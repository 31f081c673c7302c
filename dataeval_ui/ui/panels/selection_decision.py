"""One decision for all selected images: keep, remove, relabel or unsure, with a comment, and undo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.errors import DataEvalUIError
from dataeval_ui.services.access import may
from dataeval_ui.services.held_decisions import held_decisions
from dataeval_ui.services.image_decisions import MAX_AT_ONCE, decide_images, verdicts_of
from dataeval_ui.services.review import undo
from dataeval_ui.ui.text import count, plain, visible
from dataeval_ui.ui.viewer import current_viewer

if TYPE_CHECKING:
    from dataeval_ui.services.access import Viewer
    from dataeval_ui.services.run import Run
    from dataeval_ui.store.catalog_decisions import Verdict
    from dataeval_ui.types.base import Int64

_LABEL, _COMMENT, _FAILED = "selection_label", "selection_comment", "selection_failed"
_VERDICTS: tuple[tuple[Verdict, str, str], ...] = (
    ("keep", "Keep", ":material/check:"),
    ("remove", "Remove", ":material/delete:"),
    ("relabel", "Relabel", ":material/label:"),
    ("unsure", "Unsure", ":material/help:"),
)


def render_decide_all(run: Run, rows: Int64) -> None:
    """Draw the keys that decide for all selected images, and what holds of them."""
    viewer = current_viewer()
    permission = may(viewer, "decide", run.id)
    unit = "object" if run.is_of_objects else "image"
    with st.expander(f"Decide for all {len(rows):,}", icon=":material/checklist:", key="selection_decide"):
        if failed := st.session_state.pop(_FAILED, None):
            st.error(plain(failed), icon=":material/error:")
        if len(rows) > MAX_AT_ONCE:
            st.caption(f"At most {MAX_AT_ONCE:,} at once; select fewer.")
            return
        names = [visible(label, max_chars=100) for label in run.labels]
        if names:
            st.selectbox(
                "Right label, for Relabel",
                names,
                index=None,
                accept_new_options=True,
                placeholder="Choose or type a label",
                key=_LABEL,
            )
        st.text_input("Comment", key=_COMMENT, max_chars=10_000, placeholder="Why? It is kept with each decision.")
        with st.container(horizontal=True, gap="small"):
            for verdict, title, icon in _VERDICTS:
                if verdict == "relabel" and not names:
                    continue
                st.button(
                    title,
                    icon=icon,
                    key=f"selection_{verdict}",
                    disabled=not permission.allowed,
                    help=plain(permission.reason) if permission.reason else None,
                    on_click=_decide,
                    args=(run, rows, verdict, viewer, unit),
                )
            st.button(
                "Undo",
                icon=":material/undo:",
                key="selection_undo",
                disabled=not permission.allowed,
                on_click=_undo,
                args=(run, viewer, unit),
                help="Takes your last decision back, whichever it was; one for many as a whole.",
            )
        held = held_decisions(run.services.catalog, run.dataset.id, run_id=None if viewer.is_owner else run.id)
        counts = verdicts_of(run, rows, held)
        if counts:
            told = ", ".join(f"{n:,} {plain(name, max_chars=60)}" for name, n in counts.items())
            st.markdown(f"Decided: **{told}**")
        st.caption(
            f"One decision {'an' if unit[0] in 'aeio' else 'a'} {unit}, kept with the dataset. Review lists them, and "
            "its results and the cleaned list follow them."
        )


def _decide(run: Run, rows: Int64, verdict: Verdict, viewer: Viewer, unit: str) -> None:
    typed = str(st.session_state.get(_LABEL) or "")
    label = next((label for label in run.labels if visible(label, max_chars=100) == typed), typed)
    comment = str(st.session_state.get(_COMMENT) or "")
    try:
        n = decide_images(run, rows, verdict, viewer=viewer, label=label, comment=comment)
    except DataEvalUIError as error:
        st.session_state[_FAILED] = str(error)
        return
    said = f"relabel as {plain(label, max_chars=60)}" if verdict == "relabel" else verdict
    st.toast(f"{count(n, unit)}: {said}. Undo takes all of it back.", icon=":material/check:")


def _undo(run: Run, viewer: Viewer, unit: str) -> None:
    taken_back = undo(run, viewer=viewer)
    if taken_back is None:
        st.toast("There is nothing to undo.")
    else:
        st.toast("Taken back.", icon=":material/undo:")
