"""Who carries a job out: this process now, a cluster later."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from dataeval_ui.errors import CancelledError, DataEvalUIError
from dataeval_ui.jobs.progress import CatalogProgress, WorkerStoppedError
from dataeval_ui.store.catalog import Catalog
from dataeval_ui.store.records import JobRecord
from dataeval_ui.types import Json, Progress

logger = logging.getLogger(__name__)

Execute = Callable[[JobRecord, Progress], Json]


class Runner(Protocol):
    """Carries out a job that was claimed, and closes it in the catalog.

    Notes
    -----
    Whatever the machines, a runner keeps this:

    - The job ends as done, failed or cancelled with one sentence, or goes back to the queue. It never raises for a job
      that fails.
    - It embeds with the same `Embedder` class and commits through the same parts, so that a key names the same bytes;
      work that is given twice, because a machine died, is harmless since rows resolve by id.
    - It tells the catalog at least every 30 seconds that it lives, and how far it is.
    - It looks for a request to cancel at least once a second or a batch; what was committed stays.
    - A job that a dead runner left is taken up from what is committed.
    """

    def run(self, job: JobRecord) -> JobRecord:
        """Carry out a job in state "running", and return it as it ended."""


class LocalRunner:
    """Carries jobs out in this process, one at a time.

    Parameters
    ----------
    catalog : Catalog
    execute : callable
        The work: takes the job and a `Progress`, returns its result as JSON.
    stopping : threading.Event, optional
        Set when this process was told to end; the job then goes back to the queue at its next look.
    """

    def __init__(self, catalog: Catalog, execute: Execute, *, stopping: threading.Event | None = None) -> None:
        self._catalog = catalog
        self._execute = execute
        self._stopping = stopping or threading.Event()

    def run(self, job: JobRecord) -> JobRecord:
        """Carry out a job that this process claimed, and return it as it ended."""
        error: str | None = None
        try:
            with CatalogProgress(self._catalog, job.id, stopping=self._stopping) as progress:
                result = self._execute(job, progress)
            self._catalog.finish_job(job.id, "done", result=result)
        except WorkerStoppedError:
            self._catalog.release_job(job.id)
        except CancelledError:
            self._catalog.finish_job(job.id, "cancelled")
        except DataEvalUIError as failure:
            error = str(failure)
        except MemoryError:
            logger.exception("Job %s ran out of memory", job.id)
            error = "Memory ran out. Close other programs or choose a smaller batch, and resume: finished work stays."
        except Exception as failure:
            logger.exception("Job %s failed", job.id)
            error = f"Something broke that should not ({type(failure).__name__}). The worker's log in logs/ says where."
        except BaseException:  # Ctrl-C, or an exit: the job is not lost
            self._catalog.release_job(job.id)
            raise
        if error is not None:
            self._catalog.finish_job(job.id, "failed", error=error)
        return self._catalog.get_job(job.id)
