"""The list of datasets, each with its runs and what can be done with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.datasets import remove_dataset
from dataeval_ui.services.runs import active_jobs, list_runs, remove_run
from dataeval_ui.ui import cached
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.clock import moment
from dataeval_ui.ui.panels.run_choice import run_title
from dataeval_ui.ui.text import count, plain

if TYPE_CHECKING:
    from dataeval_ui.store.records import DatasetRecord, JobRecord, RunRecord

_KINDS = {
    "folder": (":material/folder:", "folder"),
    "archive": (":material/folder_zip:", "archive"),
    "table": (":material/table:", "table"),
    "upload": (":material/upload:", "upload"),
    "demo": (":material/play_circle:", "demo"),
}


def render_datasets(datasets: Sequence[DatasetRecord]) -> None:
    """Draw a card for each dataset, the newest first."""
    ours = cached.services()
    runs: dict[str, list[RunRecord]] = {}
    for run in list_runs(ours):
        runs.setdefault(run.dataset_id, []).append(run)
    jobs = {str(job.payload.get("dataset")): job for job in active_jobs(ours)}
    for dataset in sorted(datasets, key=lambda d: d.created_at, reverse=True):
        _render_dataset(dataset, runs.get(dataset.id, []), jobs.get(dataset.id))


def _render_dataset(dataset: DatasetRecord, runs: Sequence[RunRecord], job: JobRecord | None) -> None:
    icon, kind = _KINDS.get(dataset.kind, _KINDS["folder"])
    with st.container(border=True, key=f"dataset_{dataset.id}"):
        about, actions = st.columns([3, 2], vertical_alignment="center")
        with about:
            lines = [f"{icon} **{plain(dataset.name, max_chars=120)}**"]
            facts = [kind, count(dataset.n_files, "file") if dataset.n_files is not None else "not read yet"]
            facts.append(count(len(runs), "run"))
            if runs:
                facts.append(f"last run {moment(runs[0].created_at)}")
            lines.append(f":small[:gray[{' · '.join(facts)}]]")
            if dataset.kind not in ("upload", "demo"):  # their places are the workspace's own
                lines.append(f":small[:gray[{plain(dataset.source, max_chars=110)}]]")
            if runs:
                lines.append(f":small[{_found(runs[0])}]")
            st.markdown("  \n".join(lines))
        with actions, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
            if job is not None:
                st.page_link(
                    "app_pages/run.py",
                    label=f"{job.state.capitalize()}…",
                    icon=":material/progress_activity:",
                    query_params={"dataset": dataset.id},
                )
            elif runs:
                st.page_link(
                    "app_pages/explore.py",
                    label="Open the latest run",
                    icon=":material/bubble_chart:",
                    query_params={"run": runs[0].id},
                )
            st.page_link(
                "app_pages/run.py",
                label="Run again" if runs else "Run",
                icon=":material/play_arrow:",
                query_params={"dataset": dataset.id},
            )
            if len(runs) > 1:
                with st.popover("Runs", icon=":material/history:", key=f"runs_{dataset.id}"):
                    _render_runs(runs)
            if st.button(
                "Remove",
                icon=":material/delete:",
                type="tertiary",
                key=f"remove_{dataset.id}",
                help="Forget this dataset and its runs. Asks first.",
            ):
                _confirm_removal(dataset, len(runs))


def _found(run: RunRecord) -> str:
    """Say in one line what a run found."""
    n = {name: int(run.summary.get(name, 0)) for name in ("n_clusters", "n_outliers", "n_leaks")}
    n_duplicates = int(run.summary.get("n_exact_duplicate_groups", 0)) + int(
        run.summary.get("n_near_duplicate_groups", 0)
    )
    found = [
        count(n["n_clusters"], "cluster"),
        count(n_duplicates, "group of duplicates", "groups of duplicates"),
        count(n["n_outliers"], "outlier"),
    ]
    if n["n_leaks"]:
        found.append(f":red[{count(n['n_leaks'], 'leak')} across splits]")
    return " · ".join(found)


def _render_runs(runs: Sequence[RunRecord]) -> None:
    for run in runs:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(
                "app_pages/explore.py",
                label=plain(run_title(run)),
                icon=":material/bubble_chart:",
                query_params={"run": run.id},
            )
            st.button(
                "Remove this run",
                icon=":material/delete:",
                type="tertiary",
                key=f"remove_run_{run.id}",
                on_click=_remove_run,
                args=(run.id,),
                help="Deletes the run's results. Embeddings are kept, so the same run is back within moments.",
            )


def _remove_run(run_id: str) -> None:
    with shown_errors():
        remove_run(cached.services(), run_id)


@st.dialog("Remove this dataset?", icon=":material/delete:")
def _confirm_removal(dataset: DatasetRecord, n_runs: int) -> None:
    st.markdown(f"**{plain(dataset.name, max_chars=120)}** and {count(n_runs, 'run')} of it will be forgotten.")
    if dataset.kind in ("upload", "archive"):
        st.markdown("The copy of its images inside the workspace is deleted. Your own files are not touched.")
    else:
        st.markdown("Your images are not touched.")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep it", key="keep_dataset"):
            st.rerun()
        if st.button("Remove it", type="primary", key="confirm_removal"):
            with shown_errors():
                remove_dataset(cached.services(), dataset.id)
                st.rerun()
