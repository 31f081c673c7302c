"""What the decisions come to: conflicts, agreement, and the lists to take away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.coco_export import coco_bytes
from dataeval_ui.services.review import Item, agreement_rows, cleaned_manifest, decisions_table
from dataeval_ui.share.tables import table_bytes
from dataeval_ui.ui import state
from dataeval_ui.ui.panels.download import render_table_download
from dataeval_ui.ui.panels.review_queue import kind_name
from dataeval_ui.ui.text import count, plain, visible
from dataeval_ui.ui.viewer import current_viewer

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

_MAX_SHOWN = 50


def render_conflicts(run: Run, items: Sequence[Item]) -> None:
    """Draw the findings on which reviewers differ, everyone's decision side by side."""
    conflicts = [item for item in items if item.state == "conflict"]
    if not conflicts:
        st.markdown("No two reviewers differ.")
    for item in conflicts[:_MAX_SHOWN]:
        with st.container(border=True):
            st.markdown(f"**{kind_name(item.finding.kind)}**: {plain(item.finding.sentence, max_chars=300)}")
            for column, (name, decision) in zip(st.columns(max(2, len(item.held))), item.held.items(), strict=False):
                with column:
                    label = f" as {plain(decision.label, max_chars=60)}" if decision.label else ""
                    st.markdown(f"{plain(name, max_chars=60)}: **{decision.verdict or 'comment'}**{label}")
                    st.caption(plain(decision.comment, max_chars=500))
            st.button(
                "Look at it",
                icon=":material/visibility:",
                key=f"review_look_{item.key}",
                on_click=lambda key=item.key: state.update_address(show=None, state="conflict", kind=None, item=key),
            )
    if len(conflicts) > _MAX_SHOWN:
        st.caption(f"The first {_MAX_SHOWN} of {count(len(conflicts), 'conflict')}; solve these to see more.")


def render_agreement(items: Sequence[Item], titles: Mapping[str, str]) -> None:
    """Draw how far reviewers agree, each by their title."""
    rows = agreement_rows(items)
    if not rows:
        st.markdown("Agreement needs two reviewers. Share the run with a link that lets its holder decide.")
        return
    shown = {
        "Reviewers": [_titled(str(row["reviewers"]), titles) for row in rows],
        "Findings that all decided": [row["findings"] for row in rows],
        "Alike": [row["alike"] for row in rows],
        "Kappa": ["–" if row["kappa"] is None else f"{row['kappa']:.2f}" for row in rows],
    }
    st.dataframe(shown, hide_index=True, key="review_agreement")
    st.caption(
        "Cohen's kappa for two reviewers, Fleiss' for more: 1 is full agreement, 0 what chance alone would give."
    )


def _titled(reviewers: str, titles: Mapping[str, str]) -> str:
    return visible(", ".join(titles.get(name, name) for name in reviewers.split(", ")))


def render_results(run: Run, items: Sequence[Item]) -> None:
    """Draw what becomes of the dataset, and the downloads."""
    for_one_run = current_viewer().run_id is not None  # a link to one run tells nothing of others
    table = cleaned_manifest(run, items)
    actions = Counter(table["action"].to_pylist())
    columns = st.columns(3)
    for column, (action, name) in zip(
        columns, (("keep", "Files kept"), ("relabel", "Relabelled"), ("remove", "Removed")), strict=True
    ):
        column.metric(name, f"{actions[action]:,}", border=True)
    st.caption("Your files are not touched: take the list, and clean with it. Findings in conflict change nothing.")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown("Cleaned manifest", width="content")
        render_table_download(
            lambda fmt: table_bytes(table, fmt),
            about="A row a file: what becomes of it, its new label, and why.",
            name=f"cleaned-{run.id}",
            key="review_manifest",
            coco=lambda: coco_bytes(run, items),
        )
        st.markdown("Decisions", width="content")
        render_table_download(
            lambda fmt: table_bytes(decisions_table(run, of_run_alone=for_one_run), fmt),
            about="Every decision and retraction: finding, verdict, comment, reviewer, when, from where.",
            name=f"decisions-{run.id}",
            key="review_decisions",
            coco=lambda: coco_bytes(run, items, with_decisions=True, of_run_alone=for_one_run),
        )
    changed = [row for row in table.to_pylist() if row["action"] != "keep"][:500]
    if changed:
        st.dataframe(
            {name: [visible(row[name] or "") for row in changed] for name in ("path", "action", "new_label", "reason")},
            hide_index=True,
            key="review_changes",
        )
