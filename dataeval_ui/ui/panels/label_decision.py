"""The decision on one suspected label: the same decisions that the page Review keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.errors import DataEvalUIError
from dataeval_ui.findings.keys import finding_key
from dataeval_ui.services.access import may
from dataeval_ui.services.held_decisions import held_decisions
from dataeval_ui.services.review import Item, decide, undo
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.text import plain, visible
from dataeval_ui.ui.viewer import current_viewer

if TYPE_CHECKING:
    from dataeval_ui.services.access import Viewer
    from dataeval_ui.services.labels import Classes
    from dataeval_ui.services.run import Run
    from dataeval_ui.store.catalog_decisions import Verdict
    from dataeval_ui.types.labels import LabelErrors

_FAILED, _LABEL = "label_failed", "label_right"


def _items(run: Run, viewer: Viewer) -> dict[int, Item]:
    of_run = None if viewer.is_owner else run.id
    held = held_decisions(run.services.catalog, run.dataset.id, run_id=of_run)
    findings = cached.label_error_findings(run)
    keys = {row: finding_key(finding) for row, finding in findings.items()}
    return {row: Item(key=keys[row], finding=f, held=held.get(keys[row], {})) for row, f in findings.items()}


def decided_rows(run: Run) -> dict[int, str]:
    """Return the suspects that anybody has decided, row to verdict in words."""
    told = {}
    for row, item in _items(run, current_viewer()).items():
        if item.state == "conflict":
            told[row] = "reviewers differ"
        elif item.verdicts:
            [(verdict, label, _)] = item.verdicts
            told[row] = f"now {label}" if verdict == "relabel" else verdict
    return told


def render_decision(run: Run, row: int, classes: Classes, errors: LabelErrors, following: int | None) -> None:
    """Draw the keys that decide on a suspect, and what everybody decided.

    Parameters
    ----------
    following : int or None
        The suspect to look at next.
    """
    viewer = current_viewer()
    item = _items(run, viewer).get(row)
    if item is None:
        return
    if failed := st.session_state.pop(_FAILED, None):
        st.error(plain(failed), icon=":material/error:")
    permission = may(viewer, "decide", run.id)
    suggested = classes.names[int(errors.suggested[row])]
    mine = item.held.get(viewer.name)
    names = list(dict.fromkeys([suggested, *classes.names]))
    st.selectbox(
        "Right label, for Relabel",
        range(len(names)),
        format_func=lambda at: visible(names[at], max_chars=80),
        key=f"{_LABEL}_{row}",
    )
    keys: tuple[tuple[Verdict, str, str, str], ...] = (
        ("relabel", "Relabel", ":material/label:", "l"),
        ("keep", "Keep", ":material/check:", "k"),
        ("remove", "Remove", ":material/delete:", "x"),
        ("unsure", "Unsure", ":material/help:", "u"),
    )
    with st.container(horizontal=True, gap="small"):
        for verdict, title, icon, key in keys:
            st.button(
                title,
                icon=icon,
                key=f"label_{verdict}",
                shortcut=key,
                type="primary" if mine is not None and mine.verdict == verdict else "secondary",
                disabled=not permission.allowed,
                help=plain(permission.reason) if permission.reason else None,
                on_click=_decide,
                args=(run, item, verdict, names, row, following, viewer),
            )
        st.button(
            "Undo", icon=":material/undo:", key="label_undo", shortcut="z", on_click=_undo, args=(run, viewer),
            disabled=not permission.allowed,
        )  # fmt: skip
    for name, decision in item.held.items():
        label = f" as {plain(decision.label, max_chars=60)}" if decision.label else ""
        st.markdown(f"**{plain(name, max_chars=60)}**: {decision.verdict or 'comment'}{label}")
    st.caption("Decisions are kept with the dataset; Review has them all, and the cleaned list to take away.")


def _decide(
    run: Run, item: Item, verdict: Verdict, names: list[str], row: int, following: int | None, viewer: Viewer
) -> None:
    label = names[int(st.session_state.get(f"{_LABEL}_{row}") or 0)]
    try:
        decide(run, item, verdict, viewer=viewer, label=label)
    except DataEvalUIError as error:
        st.session_state[_FAILED] = str(error)
        return
    state.update_address(image=str(row if following is None else following))


def _undo(run: Run, viewer: Viewer) -> None:
    taken_back = undo(run, viewer=viewer)
    if taken_back is None:
        st.toast("There is nothing to undo.")
        return
    st.toast("Taken back.", icon=":material/undo:")
    if taken_back.finding_kind == "label_error" and taken_back.image_ids:
        state.update_address(image=str(run.row_of.get(taken_back.image_ids[0], 0)))
