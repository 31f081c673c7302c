"""Which findings are reviewed: kind and state, where we are, and how far it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from dataeval_ui.services.review import Item
from dataeval_ui.ui import state

_KIND, _STATE = "review_kind", "review_state"
_STATES = {"open": "To decide", "decided": "Decided", "conflict": "Conflicts", "all": "All"}


def kind_name(kind: str) -> str:
    """Name a kind of finding: "Near duplicates"."""
    return kind.replace("_", " ").capitalize()


def render_progress(items: Sequence[Item], reviewer: str) -> None:
    """Draw how many of the findings a reviewer has decided."""
    n_mine = sum(item.is_decided_by(reviewer) for item in items)
    n_any = sum(item.state != "open" for item in items)
    text = f"**{n_mine:,}** of {len(items):,} decided by you, {n_any:,} by anybody"
    st.progress(n_mine / len(items), text=text)


def render_filters(items: Sequence[Item], reviewer: str) -> None:
    """Draw the choice of kind and state."""
    counts = Counter(item.finding.kind for item in items)
    kinds = ["all", *counts]
    wanted = state.str_param("kind")
    st.session_state[_KIND] = wanted if wanted in kinds else "all"
    st.session_state[_STATE] = _wanted_state()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.segmented_control(
            "State",
            list(_STATES),
            format_func=lambda name: f"{_STATES[name]} {sum(_is_in(item, name, reviewer) for item in items):,}",
            key=_STATE,
            required=True,
            on_change=_change,
            label_visibility="collapsed",
        )
        st.selectbox(
            "Kind",
            kinds,
            format_func=lambda kind: (
                f"All kinds {len(items):,}" if kind == "all" else f"{kind_name(kind)} {counts[kind]:,}"
            ),
            key=_KIND,
            on_change=_change,
            label_visibility="collapsed",
            width=260,
        )


def shown_items(items: Sequence[Item], reviewer: str) -> tuple[list[Item], int]:
    """Return the findings that the filters leave, and which is looked at: that of the address or else the first."""
    kind, wanted, at = state.str_param("kind"), _wanted_state(), state.str_param("item")
    shown = [
        item
        for item in items
        if (kind in (None, "all") or item.finding.kind == kind) and (_is_in(item, wanted, reviewer) or item.key == at)
    ]
    return shown, next((i for i, item in enumerate(shown) if item.key == at), 0)


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
    kind, wanted = st.session_state[_KIND], st.session_state[_STATE]
    state.update_address(kind=None if kind == "all" else kind, state=None if wanted == "open" else wanted, item=None)
