"""One finding with its evidence, and the keys that decide on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.errors import DataEvalUIError
from dataeval_ui.services.access import may
from dataeval_ui.services.review import Item, best_image, decide, undo
from dataeval_ui.ui import state
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.pair import pair
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.duplicate_pair import comparison_html, pair_side, render_evidence, turned_back
from dataeval_ui.ui.panels.picture import facts_html, render_facts_of, render_picture
from dataeval_ui.ui.panels.review_queue import kind_name
from dataeval_ui.ui.text import plain, visible

if TYPE_CHECKING:
    from dataeval_ui.services.access import Viewer
    from dataeval_ui.services.run import Run
    from dataeval_ui.store.catalog_decisions import Verdict

_VERDICTS: tuple[tuple[Verdict, str, str, str], ...] = (
    ("keep", "Keep", ":material/check:", "k"),
    ("remove", "Remove", ":material/delete:", "x"),
    ("relabel", "Relabel", ":material/label:", "l"),
    ("unsure", "Unsure", ":material/help:", "u"),
)
"""R and C are keys of Streamlit's own, so that X removes."""
_FAILED = "review_failed"
MAX_DECISIONS = 8
"""Decisions on a finding that are shown one by one."""


def rows_of(run: Run, item: Item) -> list[int]:
    """Return the rows of a finding's images, the most important first."""
    return [run.row_of[image_id] for image_id in item.finding.image_ids if image_id in run.row_of]


def render_item(run: Run, item: Item) -> None:
    """Draw what was found, its images and what is behind it."""
    finding, rows, urls = item.finding, rows_of(run, item), RunUrls(run.id, base_path())
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(kind_name(finding.kind), color="red" if finding.severity >= 0.8 else "orange")
        st.markdown(plain(finding.sentence, max_chars=400), width="stretch")
    if not rows:
        st.caption("This file cannot be shown.")
        st.html(facts_html([("Path", path) for path in finding.paths[:8]]))
    elif len(rows) == 1:
        render_picture(run, rows[0], urls, height_px=340)
        render_facts_of(run, rows[0])
        if len(finding.paths) > 1:
            st.dataframe({"Files": [visible(path) for path in finding.paths]}, hide_index=True, key="review_files")
    else:
        other = rows[1]
        if len(rows) > 2:
            other = st.segmented_control(
                "Compare the first with",
                rows[1:],
                format_func=lambda row: visible(run.places(row)[0].path.rpartition("/")[2], max_chars=30),
                default=rows[1],
                required=True,
                key=f"review_other_{item.key}",
            )
        second = pair_side(run, other, urls)
        if "turn" in finding.evidence:
            second = turned_back(run, rows[0], other, second)
        pair(pair_side(run, rows[0], urls), second, key="review_pair", height_px=320)
        render_evidence(run, rows[0], other)
        st.html(comparison_html(run, rows[0], other))
    st.caption(plain(finding.advice))


def render_decision(run: Run, shown: Sequence[Item], at: int, viewer: Viewer) -> None:
    """Draw the keys and the comment."""
    item = shown[at]
    if failed := st.session_state.pop(_FAILED, None):
        st.error(plain(failed), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for name, step, icon, key in (("Previous", -1, "left", "Left"), ("Next", 1, "right", "Right")):
            st.button(
                name,
                icon=f":material/chevron_{icon}:",
                key=f"review_{name}",
                shortcut=key,
                disabled=not 0 <= at + step < len(shown),
                on_click=lambda step=step: state.update_address(item=shown[at + step].key),
            )
        st.markdown(f"**{at + 1:,}** of {len(shown):,}", width="content")
    _render_keep(run, item)
    may_decide = may(viewer, "decide", run.id)
    known = [] if not rows_of(run, item) else list(run.labels)
    if known:
        st.selectbox(
            "Right label, for Relabel",
            [visible(label, max_chars=100) for label in known],
            index=None,
            accept_new_options=True,
            placeholder="Choose or type a label",
            key=f"review_label_{item.key}",
        )
    st.text_input(
        "Comment",
        key=f"review_comment_{item.key}",
        max_chars=10_000,
        placeholder="Why? It is kept with the decision.",
    )
    with st.container(horizontal=True, gap="small"):
        for verdict, name, icon, key in _VERDICTS:
            if verdict == "relabel" and not known:
                continue
            mine = item.held.get(viewer.name)
            st.button(
                name,
                icon=icon,
                key=f"review_{verdict}",
                shortcut=key,
                type="primary" if mine is not None and mine.verdict == verdict else "secondary",
                disabled=not may_decide.allowed,
                help=permission_help(may_decide.reason),
                on_click=_decide,
                args=(run, shown, at, verdict, viewer, known),
            )
        st.button("Undo", icon=":material/undo:", key="review_undo", shortcut="z", on_click=_undo, args=(run, viewer))
    if not may_decide.allowed and may(viewer, "comment", run.id).allowed:
        st.button("Comment", icon=":material/comment:", on_click=_decide, args=(run, shown, at, None, viewer, known))


def render_decided(item: Item, viewer: Viewer) -> None:
    """Draw what everybody decided, the viewer first and then the last ones, in one element: there may be many."""
    held = sorted(item.held.items(), key=lambda named: (named[0] == viewer.name, named[1].at), reverse=True)
    lines = []
    for name, decision in held[:MAX_DECISIONS]:
        label = f" as {plain(decision.label, max_chars=60)}" if decision.label else ""
        comment = f"  \n:gray[{plain(decision.comment, max_chars=300)}]" if decision.comment else ""
        lines.append(f"**{plain(name, max_chars=60)}**: {decision.verdict or 'comment'}{label}{comment}")
    if len(held) > MAX_DECISIONS:
        counts = Counter(decision.verdict or "comment" for _, decision in held[MAX_DECISIONS:])
        lines.append("and earlier " + ", ".join(f"{n:,} {verdict}" for verdict, n in counts.most_common()))
    # always an element: a fragment may write later only to where it wrote when the page was drawn
    st.markdown("\n\n".join(lines), width="stretch")
    if item.state == "conflict":
        st.badge("Reviewers differ: nothing is changed", icon=":material/warning:", color="orange")


def permission_help(reason: str) -> str | None:
    """Return a reason for a tooltip; None where there is none."""
    return plain(reason) if reason else None


def _render_keep(run: Run, item: Item) -> None:
    if len(rows_of(run, item)) < 2:
        return
    key, best = f"review_keep_{item.key}", best_image(run, item.finding)
    if key not in st.session_state:
        st.session_state[key] = best
    st.selectbox(
        "Remove all but",
        [image_id for image_id in item.finding.image_ids if image_id in run.row_of],
        format_func=lambda image_id: visible(run.places(run.row_of[image_id])[0].path, max_chars=70),
        key=key,
        help="Proposed by split (test and validation first), then resolution, then sharpness.",
    )


def _decide(
    run: Run, shown: Sequence[Item], at: int, verdict: Verdict | None, viewer: Viewer, known: Sequence[str]
) -> None:
    item = shown[at]
    typed = st.session_state.get(f"review_label_{item.key}") or ""
    label = next((label for label in known if visible(label, max_chars=100) == typed), typed)
    try:
        decide(
            run,
            item,
            verdict,
            viewer=viewer,
            label=label,
            comment=st.session_state.get(f"review_comment_{item.key}") or "",
            keep=st.session_state.get(f"review_keep_{item.key}"),
        )
    except DataEvalUIError as error:
        st.session_state[_FAILED] = str(error)
        return
    state.update_address(item=shown[at + 1].key if at + 1 < len(shown) else None)


def _undo(run: Run, viewer: Viewer) -> None:
    taken_back = undo(run, viewer=viewer)
    if taken_back is None:
        st.toast("There is nothing to undo.")
    else:
        state.update_address(item=taken_back.finding_key)
        st.toast("Taken back.", icon=":material/undo:")
