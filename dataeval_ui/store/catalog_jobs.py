"""Jobs in the catalog: a queue that several workers take from, each job by one of them."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from dataeval_ui.store.catalog_base import CatalogBase, new_id, now_utc
from dataeval_ui.store.processes import lives
from dataeval_ui.store.records import JobRecord
from dataeval_ui.types import JobState, Json, Stage

MAX_ATTEMPTS = 3
"""A job whose worker died this often fails, so that it does not take every later worker down as well."""

_FRESH: dict[str, Any] = {
    "stage": None,
    "n_done": 0,
    "n_total": 0,
    "rate_per_s": None,
    "eta_s": None,
    "started_at": None,
    "finished_at": None,
    "heartbeat_at": None,
    "worker_pid": None,
    "worker_host": None,
}


class CatalogJobs(CatalogBase):
    """The jobs of a catalog."""

    def add_job(self, kind: str, payload: Json) -> JobRecord:
        """Put a job into the queue."""
        from dataeval_ui.store.catalog_tables import JOBS

        job_id = new_id()
        values = {"id": job_id, "kind": kind, "payload": payload, "state": "queued", "created_at": now_utc()}
        self._insert(
            JOBS, {**_FRESH, **values, "error": None, "result": None, "cancel_requested": False, "n_attempts": 0}
        )
        return self.get_job(job_id)

    def get_job(self, job_id: str) -> JobRecord:
        """Look a job up; raises UnknownNameError."""
        from dataeval_ui.store.catalog_tables import JOBS

        rows = self._rows(JOBS.select().where(JOBS.c.id == job_id))
        if not rows:
            raise self._unknown("job", job_id, JOBS.c.id)
        return JobRecord(**rows[0])

    def list_jobs(self, states: Sequence[JobState] | None = None, limit: int | None = 100) -> list[JobRecord]:
        """List jobs, newest first."""
        from dataeval_ui.store.catalog_tables import JOBS

        query = JOBS.select().order_by(JOBS.c.created_at.desc(), JOBS.c.id.desc()).limit(limit)
        if states is not None:
            query = query.where(JOBS.c.state.in_(list(states)))
        return [JobRecord(**row) for row in self._rows(query)]

    def claim_job(self, worker_pid: int, *, job_id: str | None = None) -> JobRecord | None:
        """Take the oldest queued job, or None where there is none. Of several workers one alone gets a job.

        Parameters
        ----------
        worker_pid : int
        job_id : str, optional
            Take this job alone, or None if another was quicker.
        """
        from dataeval_ui.store.catalog_tables import JOBS

        oldest = JOBS.select().where(JOBS.c.state == "queued").order_by(JOBS.c.created_at, JOBS.c.id).limit(1)
        if job_id is not None:
            oldest = oldest.where(JOBS.c.id == job_id)
        while rows := self._rows(oldest):
            found = rows[0]["id"]
            now = now_utc()
            taken = self._update(
                JOBS,
                (JOBS.c.id == found) & (JOBS.c.state == "queued"),
                {
                    "state": "running",
                    "started_at": now,
                    "heartbeat_at": now,
                    "worker_pid": worker_pid,
                    "worker_host": socket.gethostname(),
                    "n_attempts": JOBS.c.n_attempts + 1,
                    "error": None,
                },
            )
            if taken:
                return self.get_job(found)
        return None

    def update_job_progress(
        self,
        job_id: str,
        *,
        stage: Stage | None = None,
        n_done: int | None = None,
        n_total: int | None = None,
        rate_per_s: float | None = None,
        eta_s: float | None = None,
        worker_pid: int | None = None,
    ) -> bool:
        """Say how far a running job is, and that its worker lives. Without a stage it only says the latter.

        Parameters
        ----------
        job_id : str
        worker_pid : int or None
            Who says it; None is this process.

        Returns
        -------
        bool
            False if the job is no longer this worker's: it was taken for dead and another has the job. It must stop.
        """
        changes: dict[str, Any] = {"heartbeat_at": now_utc()}
        if stage is not None:
            changes |= {
                "stage": stage,
                "n_done": n_done or 0,
                "n_total": n_total or 0,
                "rate_per_s": rate_per_s,
                "eta_s": eta_s,
            }
        return self._update_own(job_id, worker_pid, changes)

    def finish_job(
        self,
        job_id: str,
        state: JobState,
        *,
        result: Json | None = None,
        error: str | None = None,
        worker_pid: int | None = None,
    ) -> bool:
        """Close a running job as "done", "failed" or "cancelled"; False if it is no longer this worker's."""
        changes = {"state": state, "result": result, "error": error, "finished_at": now_utc(), "eta_s": None}
        return self._update_own(job_id, worker_pid, changes)

    def request_cancel(self, job_id: str) -> JobRecord:
        """Ask a job to stop: a queued one is cancelled at once, a running one at its next look."""
        from dataeval_ui.store.catalog_tables import JOBS

        self.get_job(job_id)
        self._update(JOBS, (JOBS.c.id == job_id) & JOBS.c.state.in_(["queued", "running"]), {"cancel_requested": True})
        self._update(
            JOBS,
            (JOBS.c.id == job_id) & (JOBS.c.state == "queued"),
            {"state": "cancelled", "finished_at": now_utc()},
        )
        return self.get_job(job_id)

    def is_cancel_requested(self, job_id: str) -> bool:
        """Whether a job was asked to stop. One small query."""
        from dataeval_ui.store.catalog_tables import JOBS

        rows = self._rows(JOBS.select().with_only_columns(JOBS.c.cancel_requested).where(JOBS.c.id == job_id))
        return bool(rows and rows[0]["cancel_requested"])

    def requeue_job(self, job_id: str) -> JobRecord:
        """Put a job that failed, was cancelled or lost its worker back into the queue; what it committed is reused."""
        from dataeval_ui.store.catalog_tables import JOBS

        self.get_job(job_id)
        self._update(
            JOBS,
            (JOBS.c.id == job_id) & JOBS.c.state.in_(["failed", "cancelled", "running"]),
            {**_FRESH, "state": "queued", "error": None, "result": None, "cancel_requested": False, "n_attempts": 0},
        )
        return self.get_job(job_id)

    def release_job(self, job_id: str, *, worker_pid: int | None = None) -> bool:
        """Give a running job of this worker back to the queue, because the worker ends."""
        from dataeval_ui.store.catalog_tables import JOBS

        # an end in good order is no attempt that failed
        return self._update_own(job_id, worker_pid, {**_FRESH, "state": "queued", "n_attempts": JOBS.c.n_attempts - 1})

    def requeue_stale_jobs(self, *, older_than_s: float = 120.0) -> list[str]:
        """Put running jobs whose worker is gone back into the queue; those that were asked to stop are cancelled.

        Parameters
        ----------
        older_than_s : float, default 120
            A worker that was silent for longer counts as gone; so does one of this machine whose process is no more.

        Returns
        -------
        list of str
            Ids of the jobs.
        """
        from dataeval_ui.store.catalog_tables import JOBS

        now, host = now_utc(), socket.gethostname()
        stale = []
        for job in self.list_jobs(["running"], limit=None):
            silent = job.heartbeat_at is None or now - job.heartbeat_at > timedelta(seconds=older_than_s)
            dead = job.worker_host == host and job.worker_pid is not None and not lives(job.worker_pid)
            if not (silent or dead):
                continue
            # the heartbeat is part of the condition: a worker that spoke up meanwhile keeps its job
            unchanged = (JOBS.c.id == job.id) & (JOBS.c.state == "running") & (JOBS.c.heartbeat_at == job.heartbeat_at)
            changes = {**_FRESH, "state": "queued"}
            if job.n_attempts >= MAX_ATTEMPTS:
                error = (
                    f"Its worker died {job.n_attempts} times, as it does when the system runs out of memory. "
                    "Free memory or choose a smaller batch, then resume: what was committed stays."
                )
                changes = {"state": "failed", "error": error, "finished_at": now, "eta_s": None}
            if job.cancel_requested:
                changes = {"state": "cancelled", "finished_at": now, "eta_s": None}
            if self._update(JOBS, unchanged, changes):
                stale.append(job.id)
        return stale

    def _update_own(self, job_id: str, worker_pid: int | None, changes: dict[str, Any]) -> bool:
        from dataeval_ui.store.catalog_tables import JOBS

        own = (
            (JOBS.c.id == job_id)
            & (JOBS.c.state == "running")
            & (JOBS.c.worker_pid == (os.getpid() if worker_pid is None else worker_pid))
            & (JOBS.c.worker_host == socket.gethostname())
        )
        return self._update(JOBS, own, changes) == 1
