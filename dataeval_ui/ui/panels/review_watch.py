"""What others decide, on the page Review: drawn in its places within two seconds, while the page stays as it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.held_decisions import last_decision
from dataeval_ui.services.review import Item, review_queue
from dataeval_ui.services.suspects import are_ready
from dataeval_ui.ui import cached
from dataeval_ui.ui.panels.review_item import render_decided
from dataeval_ui.ui.panels.review_queue import render_progress, shown_items

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from dataeval_ui.services.access import Viewer
    from dataeval_ui.services.run import Run

_LOOK_EVERY_S = 1.4
_REDRAW_EVERY_S = 1.0
"""The whole page is drawn anew at most so often, where many decide at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What the page was drawn with, and the places in it that change with what others decide.

    Attributes
    ----------
    keys : tuple of str
        Keys of the findings that the filters left.
    key : str or None
        That of the finding that is looked at, where one is.
    """

    at: float
    state: tuple[int, bool]
    keys: tuple[str, ...] = ()
    key: str | None = None
    progress: DeltaGenerator | None = None
    decided: DeltaGenerator | None = None


@st.fragment(run_every=_LOOK_EVERY_S)
def watch(run: Run, viewer: Viewer, drawn: Drawn) -> None:
    """Draw anew what others' decisions change: their places, or all of the page where it is another one."""
    now = state_of(run)
    items = []
    if drawn.progress is not None:
        items = review_queue(run, of_run_alone=not viewer.is_owner, wait=False)
    if now != drawn.state and time.monotonic() - drawn.at > _REDRAW_EVERY_S and _is_another(items, viewer, drawn, now):
        st.rerun()
    if drawn.progress is not None:
        with drawn.progress:
            render_progress(items, viewer.name)
    if drawn.decided is not None and (item := next((i for i in items if i.key == drawn.key), None)) is not None:
        with drawn.decided:
            render_decided(item, viewer)


def _is_another(items: Sequence[Item], viewer: Viewer, drawn: Drawn, now: tuple[int, bool]) -> bool:
    """Say whether the page would show other findings, or is a view of the decisions themselves."""
    if drawn.key is None or now[1] != drawn.state[1]:
        return True
    shown, _ = shown_items(items, viewer.name)
    return tuple(item.key for item in shown) != drawn.keys


def state_of(run: Run) -> tuple[int, bool]:
    """Return what changes when anybody decides, and whether all that is decided on is there."""
    return last_decision(cached.services().catalog, run.dataset.id), are_ready(run)
