"""Which findings are reviewed: kind and state, where we are, and how far it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.assignments import known_reviewers
from dataeval_ui.services.review import Item
from dataeval_ui.ui import state
from dataeval_ui.ui.text import visible

if TYPE_CHECKING:
    from dataeval_ui.services.access import Viewer
    from dataeval_ui.services.run import Run

_KIND, _STATE, _WHO = "review_kind", "review_state", "review_who"
_EVERYBODY = "*"
_STATES = {"open": "To decide", "decided": "Decided", "conflict": "Conflicts", "all": "All"}


def kind_name(kind: str) -> str:
    """Name a kind of finding: "Near duplicates"."""
    return kind.replace("_", " ").capitalize()


def render_progress(items: Sequence[Item], reviewer: str) -> None:
    """Draw how many of the findings a reviewer has decided, of their part where they have one."""
    part = [item for item in items if reviewer in item.assigned]
    mine = part or items
    n_mine = sum(item.is_decided_by(reviewer) for item in mine)
    n_any = sum(item.state != "open" for item in items)
    whose = "in your part decided" if part else "decided by you"
    n_conflicts = sum(item.state == "conflict" for item in items)
    conflicts = f", {n_conflicts:,} in conflict" if n_conflicts else ""
    st.progress(n_mine / len(mine), text=f"**{n_mine:,}** of {len(mine):,} {whose}, {n_any:,} by anybody{conflicts}")


def render_filters(run: Run, items: Sequence[Item], viewer: Viewer) -> None:
    """Draw the choice of state, kind and reviewer."""
    who = wanted_reviewer(items, viewer.name)
    shown = [item for item in items if _is_of(item, who)]
    counts = Counter(item.finding.kind for item in shown)
    kinds = ["all", *counts]
    wanted = state.str_param("kind")
    st.session_state[_KIND] = wanted if wanted in kinds else "all"
    st.session_state[_STATE] = _wanted_state()
    states = {
        name: f"{title} {sum(_is_in(item, name, who or viewer.name) for item in shown):,}"
        for name, title in _STATES.items()
    }
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.segmented_control(
            "State",
            list(_STATES),
            format_func=states.__getitem__,
            key=_STATE,
            required=True,
            on_change=_change,
            label_visibility="collapsed",
        )
        st.selectbox(
            "Kind",
            kinds,
            format_func=lambda kind: (
                f"All kinds {len(shown):,}" if kind == "all" else f"{kind_name(kind)} {counts[kind]:,}"
            ),
            key=_KIND,
            on_change=_change,
            label_visibility="collapsed",
            width=220,
        )
        names = sorted({name for item in items for name in (*item.assigned, *item.held)})
        if names:
            st.session_state[_WHO] = who or _EVERYBODY
            titles = {**known_reviewers(run, items, viewer=viewer), _EVERYBODY: "Everybody's", viewer.name: "Mine"}
            st.selectbox(
                "Reviewer",
                [_EVERYBODY, *names],
                format_func=lambda name: visible(titles.get(str(name), str(name)), max_chars=60),
                key=_WHO,
                on_change=_change,
                label_visibility="collapsed",
                width=220,
            )


def wanted_reviewer(items: Sequence[Item], viewer: str) -> str | None:
    """Return whose findings are shown: as the address says, or the viewer's own part if there is one; None: all."""
    wanted = state.str_param("who")
    if wanted is None:
        return viewer if any(viewer in item.assigned for item in items) else None
    known = any(wanted in item.assigned or wanted in item.held for item in items)
    return wanted if known else None


def shown_items(items: Sequence[Item], reviewer: str) -> tuple[list[Item], int]:
    """Return the findings that the filters leave, and which is looked at: that of the address or else the first."""
    kind, wanted, at = state.str_param("kind"), _wanted_state(), state.str_param("item")
    who = wanted_reviewer(items, reviewer)
    shown = [
        item
        for item in items
        if item.key == at
        or (kind in (None, "all", item.finding.kind) and _is_of(item, who) and _is_in(item, wanted, who or reviewer))
    ]
    return shown, next((i for i, item in enumerate(shown) if item.key == at), 0)


def _is_of(item: Item, who: str | None) -> bool:
    return who is None or who in item.assigned or item.is_decided_by(who)


def _is_in(item: Item, wanted: str, reviewer: str) -> bool:
    match wanted:
        case "open":
            return not item.is_decided_by(reviewer)
        case "decided":
            return item.is_decided_by(reviewer)
        case "conflict":
            return item.state == "conflict"
    return True


def _wanted_state() -> str:
    wanted = state.str_param("state")
    return wanted if wanted in _STATES else "open"


def _change() -> None:
    kind, wanted, who = st.session_state[_KIND], st.session_state[_STATE], st.session_state.get(_WHO)
    changes = {"who": who} if who is not None else {}
    state.update_address(
        kind=None if kind == "all" else kind, state=None if wanted == "open" else wanted, item=None, **changes
    )
