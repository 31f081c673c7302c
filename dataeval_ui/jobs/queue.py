"""The queue as pages and command line use it."""

from __future__ import annotations

import time
from collections.abc import Callable

from dataeval_ui.errors import ParameterError
from dataeval_ui.store.catalog import Catalog
from dataeval_ui.store.records import JobRecord
from dataeval_ui.types import Json

_KEEP_ALIVE_S = 5.0


def submit(catalog: Catalog, kind: str, payload: Json) -> JobRecord:
    """Queue a job. Call `start_worker` after it, not before: a worker that is about to leave looks once more."""
    return catalog.add_job(kind, payload)


def cancel(catalog: Catalog, job_id: str) -> JobRecord:
    """Ask a job to stop: at once if it waits, within a second or a batch if it runs. What was committed stays."""
    return catalog.request_cancel(job_id)


def resume(catalog: Catalog, job_id: str) -> JobRecord:
    """Queue a failed or cancelled job again; it goes on from what was committed.

    Raises
    ------
    ParameterError
        The job is done, or was not stopped.
    """
    job = catalog.get_job(job_id)
    if job.state not in ("failed", "cancelled"):
        raise ParameterError(f"Only a failed or cancelled job can be resumed; job {job_id} is {job.state}.")
    return catalog.requeue_job(job_id)


def wait(
    catalog: Catalog,
    job_id: str,
    *,
    timeout_s: float | None = None,
    poll_s: float = 0.25,
    on_poll: Callable[[JobRecord], None] | None = None,
    keep_alive: Callable[[], object] | None = None,
) -> JobRecord:
    """Wait for a job to end.

    Parameters
    ----------
    catalog : Catalog
    job_id : str
    timeout_s : float or None
        None waits for ever.
    poll_s : float, default 0.25
        Seconds between two looks.
    on_poll : callable, optional
        Gets the job at every look.
    keep_alive : callable, optional
        Called every five seconds; it should start a worker where none lives, which then takes up what a dead one left.

    Raises
    ------
    TimeoutError
        It had not ended in time.
    """
    started = kept = time.monotonic()
    while True:
        job = catalog.get_job(job_id)
        if on_poll is not None:
            on_poll(job)
        if job.is_over:
            return job
        now = time.monotonic()
        if timeout_s is not None and now - started > timeout_s:
            raise TimeoutError(f"Job {job_id} had not ended after {timeout_s:g} s; it is {job.state}.")
        if keep_alive is not None and now - kept > _KEEP_ALIVE_S:
            kept = now
            keep_alive()
        time.sleep(poll_s)
