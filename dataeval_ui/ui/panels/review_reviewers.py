"""Who reviews: how far each is, how far they agree, and the parts that the owner gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.errors import DataEvalUIError
from dataeval_ui.services.access import may
from dataeval_ui.services.assignments import assign_parts, known_reviewers, progress_rows
from dataeval_ui.ui.panels.review_results import render_agreement
from dataeval_ui.ui.text import plain, visible

if TYPE_CHECKING:
    from dataeval_ui.services.access import Viewer
    from dataeval_ui.services.review import Item
    from dataeval_ui.services.run import Run

_WHO, _SHARE, _EACH, _TOLD = "review_assign_who", "review_assign_share", "review_assign_each", "review_assign_told"


def render_reviewers(run: Run, items: Sequence[Item], viewer: Viewer) -> None:
    """Draw progress, agreement, and for the owner the parts."""
    titles = known_reviewers(run, items, viewer=viewer)
    st.subheader("Progress", anchor=False)
    rows = progress_rows(items)
    if rows:
        st.dataframe(
            {
                "Reviewer": [visible(titles.get(str(row["reviewer"]), str(row["reviewer"]))) for row in rows],
                "Assigned": [row["assigned"] for row in rows],
                "Of these decided": [
                    100 * int(str(row["done"])) / int(str(row["assigned"])) if row["assigned"] else None for row in rows
                ],
                "Decided in all": [row["decided"] for row in rows],
                "In conflict": [row["conflicts"] for row in rows],
            },
            column_config={
                "Of these decided": st.column_config.ProgressColumn(format="%.0f%%", min_value=0, max_value=100)
            },
            hide_index=True,
            key="review_progress",
        )
    else:
        st.markdown("Nobody has decided yet.")
    st.subheader("Agreement", anchor=False)
    render_agreement(items, titles)
    if may(viewer, "manage", run.id).allowed:
        _render_parts(run, items, viewer, titles)


def _render_parts(run: Run, items: Sequence[Item], viewer: Viewer, titles: Mapping[str, str]) -> None:
    st.subheader("Parts", anchor=False)
    st.caption(
        "Divide the findings that nobody has decided evenly among reviewers. Each then sees their own part first; a "
        "share goes to several, so that agreement can be measured. Reviewers are added on the page Share, by links "
        "that let them decide."
    )
    if told := st.session_state.pop(_TOLD, None):
        (st.error if told[0] else st.success)(plain(told[1]))
    assigned = {name for item in items for name in item.assigned}
    if _WHO not in st.session_state:
        st.session_state[_WHO] = sorted(assigned & set(titles)) or [name for name in titles if name != "owner"]
    st.multiselect(
        "Reviewers", list(titles), format_func=lambda name: visible(titles.get(name, name), max_chars=80), key=_WHO
    )
    chosen = st.session_state[_WHO]
    with st.container(horizontal=True, gap="small"):
        st.slider("Decided by several, in percent", 0, 100, 20, step=5, key=_SHARE, disabled=len(chosen) < 2)
        st.number_input(
            "By how many",
            2,
            max(2, len(chosen)),
            key=_EACH,
            disabled=len(chosen) < 3,
            help="Reviewers of a shared one.",
        )
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Divide the findings",
            icon=":material/group_add:",
            type="primary",
            disabled=not chosen,
            on_click=_assign,
            args=(run, items, viewer),
            key="review_assign",
        )
        if assigned:
            st.button(
                "Take the parts back",
                icon=":material/group_remove:",
                on_click=_assign,
                args=(run, items, viewer),
                kwargs={"nobody": True},
                key="review_unassign",
            )


def _assign(run: Run, items: Sequence[Item], viewer: Viewer, *, nobody: bool = False) -> None:
    reviewers = [] if nobody else st.session_state[_WHO]
    try:
        parts = assign_parts(
            run,
            items,
            reviewers,
            viewer=viewer,
            overlap=st.session_state.get(_SHARE, 20) / 100,
            n_overlap=min(int(st.session_state.get(_EACH, 2)), max(2, len(reviewers))),
        )
    except DataEvalUIError as error:
        st.session_state[_TOLD] = (True, str(error))
        return
    n_shared = sum(len(names) > 1 for names in parts.values())
    told = f"{len(parts):,} findings are divided, {n_shared:,} of them shared." if parts else "Nobody has a part now."
    st.session_state[_TOLD] = (False, told)
