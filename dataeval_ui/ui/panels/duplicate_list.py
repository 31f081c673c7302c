"""The list of duplicate groups: kinds, previous and next, overview."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import streamlit as st

from dataeval_ui.services.duplicate_groups import DuplicateGroup, duplicates_table
from dataeval_ui.share.tables import table_bytes
from dataeval_ui.ui import state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.download import render_table_download
from dataeval_ui.ui.text import count, visible

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

Show = Literal["all", "leaks", "labels", "exact", "near", "turned"]
LIST = "duplicate_list"
PAGE_SIZE = 36
_SHOW = "duplicate_show"
_NAMES: dict[Show, str] = {
    "all": "All",
    "leaks": "Across splits",
    "labels": "Labels differ",
    "exact": "Exact",
    "near": "Near",
    "turned": "Mirrored or turned",
}


def of_kind(groups: Sequence[DuplicateGroup], show: Show) -> list[DuplicateGroup]:
    """Return the groups of a kind, in their order."""
    match show:
        case "leaks":
            return [group for group in groups if group.is_leak]
        case "labels":
            return [group for group in groups if group.labels_differ]
        case "exact" | "near" | "turned":
            return [group for group in groups if group.kind == show]
    return list(groups)


def current_show() -> Show:
    """Return which kind the address asks for."""
    wanted = state.str_param("show")
    return wanted if wanted in get_args(Show) else "all"  # type: ignore[return-value]


def shown_groups(every: Sequence[DuplicateGroup]) -> tuple[list[DuplicateGroup], int]:
    """Return the groups of the kind that is shown, and which of them is looked at."""
    groups = of_kind(every, current_show())
    at = state.int_param("at") or 0
    return groups, min(at, max(0, len(groups) - 1))


def go_to(at: int) -> None:
    """Look at a group of the list."""
    state.update_address(at=str(at) if at else None, left=None, right=None)


def representatives(groups: Sequence[DuplicateGroup]) -> list[int]:
    """Return an image for each group, each image once where that is possible.

    Two near pairs may share an image; the list tells them apart by the other one.
    """
    used: set[int] = set()
    chosen = []
    for group in groups:
        row = next((row for row in group.rows if row not in used), group.rows[0])
        used.add(row)
        chosen.append(row)
    return chosen


def take_click(run: Run, every: Sequence[DuplicateGroup]) -> None:
    """Look at the group that was clicked in the list, before anything is drawn."""
    sent: Any = st.session_state.get(LIST)
    row = sent.get("click") if sent else None
    if row is None:
        return
    groups, at = shown_groups(every)
    start = at // PAGE_SIZE * PAGE_SIZE
    shown = representatives(groups[start : start + PAGE_SIZE])
    if row in shown:
        go_to(start + shown.index(row))


def render_navigation(run: Run, every: Sequence[DuplicateGroup], groups: Sequence[DuplicateGroup], at: int) -> int:
    """Draw the kinds, the buttons to the previous and next group, and the download; return where we are."""
    counts = {show: len(of_kind(every, show)) for show in _NAMES}
    kinds = [show for show in _NAMES if counts[show] or show in ("all", current_show())]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.session_state[_SHOW] = current_show()
        st.segmented_control(
            "Which duplicates",
            kinds,
            format_func=lambda show: f"{_NAMES[show]} {counts[show]:,}",
            key=_SHOW,
            required=True,
            on_change=_change_show,
            label_visibility="collapsed",
        )
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            key="previous_group",
            shortcut="Left",
            disabled=at == 0,
            on_click=go_to,
            args=(at - 1,),
        )
        st.button(
            "Next",
            icon=":material/chevron_right:",
            icon_position="right",
            key="next_group",
            shortcut="Right",
            disabled=at + 1 >= len(groups),
            on_click=go_to,
            args=(at + 1,),
        )
        st.markdown(f"**{at + 1:,}** of {len(groups):,}" if groups else "None", width="content")
        render_table_download(
            lambda fmt: table_bytes(duplicates_table(run, groups), fmt),
            about="A row a file: group, kind, turn, path, label, split, similarity.",
            name=f"duplicates-{run.id}",
            key="duplicates_download",
        )
    return at


def _change_show() -> None:
    show = st.session_state[_SHOW]
    state.update_address(show=None if show == "all" else show, at=None, left=None, right=None)


def render_list(run: Run, groups: Sequence[DuplicateGroup], at: int) -> None:
    """Draw the page of the list that holds the group that is looked at."""
    start = at // PAGE_SIZE * PAGE_SIZE
    page = groups[start : start + PAGE_SIZE]
    rows = representatives(page)
    title = count(len(groups), "group")
    if len(groups) > PAGE_SIZE:
        title += f", {start + 1:,} to {start + len(page):,}, the most severe first"
    st.caption(title)
    gallery(
        [
            GalleryItem(
                row=row,
                caption=_caption(group),
                sub=visible(" ↔ ".join(group.splits) if group.is_leak else " ≠ ".join(group.labels), max_chars=60),
                badge="leak" if group.is_leak else "",
            )
            for row, group in zip(rows, page, strict=True)
        ],
        key=LIST,
        thumbnails_url=RunUrls(run.id, base_path()).thumbnails,
        size_px=92,
        selected_row=rows[at - start] if rows else None,
        label="Groups of duplicates, the most severe first",
    )
    if len(groups) > PAGE_SIZE:
        with st.container(horizontal=True):
            st.button(
                "Earlier groups",
                icon=":material/arrow_upward:",
                key="earlier_groups",
                disabled=start == 0,
                on_click=go_to,
                args=(max(0, start - PAGE_SIZE),),
            )
            st.button(
                "Later groups",
                icon=":material/arrow_downward:",
                key="later_groups",
                disabled=start + PAGE_SIZE >= len(groups),
                on_click=go_to,
                args=(start + PAGE_SIZE,),
            )


def _caption(group: DuplicateGroup) -> str:
    if group.kind == "exact":
        return f"{group.n_files} equal files"
    return f"{len(group.rows)} images, {group.similarity:.2f}"
