"""The run in one file, and the decisions that come back in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.findings.keys import finding_key
from dataeval_ui.services.decision_files import (
    agreement,
    conflicts,
    current_marks,
    import_decisions,
    load_marks,
)
from dataeval_ui.services.offline import offline_parts
from dataeval_ui.ui import cached
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.text import count, visible
from dataeval_ui.ui.viewer import require

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

MAX_FILE_MB = 64


def render_file(run: Run) -> None:
    """Draw the button that makes the file, and where decisions are dropped."""
    with st.container(border=True):
        st.subheader("Or send one file", anchor=False)
        st.markdown(
            "A page with map, thumbnails and findings that opens from the disk, without a network. Reviewers mark and "
            "comment in it, save their decisions as a file, and send that back."
        )
        views = {view.id: view for view in cached.services().catalog.list_views(run.id)}
        chosen = None
        if views:
            chosen = st.selectbox(
                "Opens at",
                [None, *views],
                format_func=lambda view_id: visible(views[view_id].name, max_chars=80) if view_id else "The whole map",
                key="file_view",
                help="A saved view: the file begins with its colours and its image.",
            )
        st.download_button(
            "Make the file",
            data=lambda: "".join(offline_parts(run, views.get(chosen or ""))).encode("utf-8"),
            file_name=f"review-{run.id}.html",
            mime="text/html",
            icon=":material/download:",
            on_click="ignore",
        )
        files = st.file_uploader(
            "Decisions that came back",
            type="json",
            accept_multiple_files=True,
            max_upload_size=MAX_FILE_MB,
            key="decision_files",
            help="Several at once; a file that was taken in before changes nothing.",
        )
        if files:
            with shown_errors():
                require("manage", run.id)
                done = import_decisions(run, [file.getvalue() for file in files], names=[file.name for file in files])
                st.success(
                    f"{count(done.n_new, 'new mark')}, {done.n_known:,} known already"
                    + (f", {done.n_outside:,} on what this run does not have." if done.n_outside else ".")
                )


def render_returned(run: Run) -> None:
    """Draw what came back: who decided how much, how far they agree, and where they differ."""
    held = current_marks(load_marks(run))
    if not held:
        return
    st.subheader("Decisions from files", anchor=False)
    st.dataframe(
        [
            {
                "reviewer": visible(name, max_chars=80),
                **{
                    decision: sum(mark.decision == decision for mark in marks.values())
                    for decision in ("keep", "remove", "relabel", "unsure")
                },
                "comments": sum(bool(mark.comment) for mark in marks.values()),
            }
            for name, marks in sorted(held.items())
        ],
        hide_index=True,
    )
    pairs = agreement(held)
    if pairs:
        st.dataframe(
            [
                {
                    "reviewers": " and ".join(visible(name, max_chars=40) for name in pair.reviewers),
                    "decided by all of them": pair.n_both,
                    "alike": "–" if pair.share is None else f"{pair.share:.0%}",
                    "kappa": "–" if pair.kappa is None else f"{pair.kappa:.2f}",
                }
                for pair in pairs
            ],
            hide_index=True,
        )
        st.caption(
            "Cohen's kappa of two reviewers, Fleiss' of more: 1 is full agreement, 0 what chance alone would give."
        )
    differ = conflicts(held)
    if differ:
        sentences = {f"finding:{finding_key(finding)}": finding.sentence for finding in run.reviewable_findings}
        st.markdown(f"**{count(len(differ), 'conflict')}**, side by side")
        st.dataframe(
            [
                {
                    "about": visible(sentences.get(target) or _path(run, target), max_chars=160),
                    **{
                        visible(name, max_chars=40): mark.decision + (f": {mark.label}" if mark.label else "")
                        for name, mark in sorted(marks.items())
                        if mark.decision
                    },
                }
                for target, marks in differ[:500]
            ],
            hide_index=True,
        )


def _path(run: Run, target: str) -> str:
    row = run.row_of.get(target.removeprefix("image:"))
    return target if row is None else run.places(row)[0].path
