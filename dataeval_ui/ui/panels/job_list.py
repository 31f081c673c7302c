"""Jobs: what is going on, and what ended lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.runs import (
    NAMES_JOB,
    PARTS_JOB,
    PLANTED_JOB,
    RUN_JOB,
    active_jobs,
    cancel_job,
    ensure_worker,
    resume_job,
)
from dataeval_ui.ui import cached
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.clock import moment
from dataeval_ui.ui.text import count, duration, plain

if TYPE_CHECKING:
    from dataeval_ui.store.records import JobRecord

REFRESH_S = 1.0
N_PAST = 20

_STAGES = {
    "read": ("Looking at the files", 0.02),
    "prepare": ("Preparing the backbone, once in this workspace", 0.06),
    "embed": ("Reading and embedding images", 0.80),
    "neighbors": ("Finding the nearest neighbours", 0.86),
    "project": ("Drawing the map", 0.94),
    "cluster": ("Clustering", 0.96),
    "findings": ("Looking for outliers and duplicates", 1.0),
}
"""Sentence of each stage, and the share of the bar that is full at its end."""

_CANCEL_HELP = {
    True: "What is embedded is kept; resume goes on from there.",
    False: "This takes a minute or two; nothing is kept before its end.",
}

_OF = {PLANTED_JOB: "planted copies of ", NAMES_JOB: "cluster names of ", PARTS_JOB: "parts of "}

_WATCHED = "dataeval_ui.watched_jobs"


def render_active_jobs() -> None:
    """Draw what is going on, renewed every second while there is something."""
    active = active_jobs(cached.services())
    ids = frozenset(job.id for job in active)
    watched: set[str] = st.session_state.setdefault(_WATCHED, set())
    watched |= ids
    if active:
        ensure_worker(cached.services())  # a queued job whose worker was killed would wait for ever
        st.fragment(_render_running, run_every=REFRESH_S)(ids)
    _render_finished(watched - ids)


def _render_running(shown: frozenset[str]) -> None:
    with shown_errors():
        jobs = active_jobs(cached.services())
        if {job.id for job in jobs} != shown:
            st.rerun()  # one has ended or begun: the rest of the page tells
        for job in jobs:
            _render_job(job)


def _render_job(job: JobRecord) -> None:
    with st.container(border=True, key=f"job_{job.id}"):
        about, actions = st.columns([4, 1], vertical_alignment="center")
        with about:
            st.markdown(f"**{_name(job)}**")
            st.progress(progress_of(job), text=sentence_of(job))
        with actions:
            st.button(
                "Stopping…" if job.cancel_requested else "Cancel",
                icon=":material/stop_circle:",
                key=f"cancel_{job.id}",
                disabled=job.cancel_requested,
                on_click=_cancel,
                args=(job.id,),
                width="stretch",
                help=_CANCEL_HELP[job.kind in (RUN_JOB, PARTS_JOB)],
            )
        st.caption("You may close this page; the run goes on.")


def progress_of(job: JobRecord) -> float:
    """Return how full the bar is, in [0, 1]; it never goes back within a job."""
    if job.stage is None:
        return 0.0
    names = list(_STAGES)
    begin = _STAGES[names[names.index(job.stage) - 1]][1] if job.stage != "read" else 0.0
    end = _STAGES[job.stage][1]
    share = job.n_done / job.n_total if job.n_total > 0 else 0.0
    return min(1.0, begin + (end - begin) * min(1.0, share))


def sentence_of(job: JobRecord) -> str:
    """Return what a running job does: stage, images, images a second, time left."""
    if job.state == "queued" or job.stage is None:
        return "Waiting for the worker to start"
    parts = [_STAGES[job.stage][0]]
    if job.stage in ("read", "embed") and job.n_total > 0:
        parts.append(f"{job.n_done:,} of {count(job.n_total, 'file')}")
    if job.rate_per_s and job.stage == "embed":
        parts.append(f"{job.rate_per_s:.0f} images/s" if job.rate_per_s >= 10 else f"{job.rate_per_s:.1f} images/s")
    if job.eta_s is not None and job.stage == "embed":
        parts.append(f"{duration(job.eta_s)} left")
    if job.stage == "project":
        parts.append("the first map on a machine takes a minute or two longer, while its code is compiled")
    return " · ".join(parts)


def _cancel(job_id: str) -> None:
    with shown_errors():
        cancel_job(cached.services(), job_id)


def _resume(job_id: str) -> None:
    with shown_errors():
        resume_job(cached.services(), job_id)


def _name(job: JobRecord) -> str:
    """Name of the job's dataset and backbone, as Markdown."""
    names = {dataset.id: dataset.name for dataset in cached.services().catalog.list_datasets()}
    name = names.get(str(job.payload.get("dataset")))
    backbone = plain(str(job.payload.get("backbone", "")))
    return f"{_OF.get(job.kind, '')}{plain(name, max_chars=80) if name else 'a removed dataset'} · {backbone}"


def _render_finished(ended: set[str]) -> None:
    """Say how the jobs that were watched on this page have ended."""
    for job in cached.services().catalog.list_jobs(limit=N_PAST):
        if job.id not in ended:
            continue
        if job.state == "done" and job.result:
            with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"ended_{job.id}"):
                images = count(int(job.result.get("n_images", 0)), "image")
                st.markdown(f":material/check_circle: **{_name(job)}** is finished: {images}.", width="content")
                _render_open(job, "Open the map")
        elif job.state == "cancelled":
            with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"ended_{job.id}"):
                st.markdown(
                    f":material/do_not_disturb_on: **{_name(job)}** is cancelled. What is embedded is kept.",
                    width="content",
                )
                _render_resume(job, key=f"resume_ended_{job.id}")
        elif job.state == "failed":
            st.error(f"**{_name(job)}** failed. {plain(job.error or '', max_chars=600)}", icon=":material/error:")


def _render_open(job: JobRecord, label: str) -> None:
    if job.result and job.result.get("run") in {run.id for run in cached.services().catalog.list_runs()}:
        st.page_link(
            "app_pages/explore.py",
            label=label,
            icon=":material/bubble_chart:",
            query_params={"run": str(job.result["run"])},
        )


_OUTCOMES = {
    "done": (":material/check_circle:", "finished"),
    "failed": (":material/error:", "failed"),
    "cancelled": (":material/do_not_disturb_on:", "cancelled"),
}


def render_past_jobs() -> None:
    """Draw the jobs that ended lately, with their sentence and what can be done."""
    past = [job for job in cached.services().catalog.list_jobs(limit=N_PAST + 5) if job.state in _OUTCOMES][:N_PAST]
    if not past:
        return
    st.subheader("Past runs", anchor=False)
    for job in past:
        icon, word = _OUTCOMES[job.state]
        when = job.finished_at or job.created_at
        with st.container(horizontal=True, vertical_alignment="center", key=f"past_{job.id}"):
            with st.container(gap=None, width="stretch"):
                st.markdown(f"{icon} {_name(job)} :gray[{word} {moment(when)}{_took(job)}]")
                if job.error:
                    st.caption(plain(job.error, max_chars=600))
            _render_open(job, "Open")
            if job.state in ("failed", "cancelled"):
                _render_resume(job, key=f"resume_{job.id}")


def _render_resume(job: JobRecord, *, key: str) -> None:
    st.button(
        "Resume",
        icon=":material/resume:",
        key=key,
        on_click=_resume,
        args=(job.id,),
        help="Goes on from what is embedded.",
    )


def _took(job: JobRecord) -> str:
    if job.started_at is None or job.finished_at is None:
        return ""
    return f", {duration((job.finished_at - job.started_at).total_seconds())}"
