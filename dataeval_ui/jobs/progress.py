"""How far work is: written to the catalog for the pages, to the terminal for the command line."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from dataeval_ui.errors import CancelledError, StorageError
from dataeval_ui.store.catalog import Catalog
from dataeval_ui.types import Progress, Stage

logger = logging.getLogger(__name__)

WRITE_INTERVAL_S = 0.25
LOOK_INTERVAL_S = 0.5
HEARTBEAT_S = 2.0

COUNTED: frozenset[Stage] = frozenset({"read", "embed"})
"""Stages whose steps are images; of the others nobody knows what "0 of 1" counts."""

STAGE_TITLES: dict[Stage, str] = {
    "read": "Reading images",
    "embed": "Embedding images",
    "prepare": "Preparing the backbone, once in this workspace",
    "neighbors": "Finding neighbours",
    "project": "Drawing the map (the first one on a machine takes a minute or two more)",
    "cluster": "Clustering",
    "findings": "Collecting findings",
}


class WorkerStoppedError(CancelledError):
    """The worker was told to end; its job goes back to the queue."""


class RateMeter:
    """Items a second over the last seconds of one stage.

    Parameters
    ----------
    window_s : float, default 10
    clock : callable, default `time.monotonic`
    """

    def __init__(self, *, window_s: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._window_s = window_s
        self._clock = clock
        self._stage: Stage | None = None
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, stage: Stage, n_done: int, n_total: int) -> tuple[float | None, float | None]:
        """Take in a report.

        Returns
        -------
        rate_per_s : float or None
            None until two reports of the stage lie apart.
        eta_s : float or None
            Seconds that the stage still takes at this rate.
        """
        now = self._clock()
        if stage != self._stage or (self._seen and n_done < self._seen[-1][1]):
            self._stage = stage
            self._seen.clear()
        self._seen.append((now, n_done))
        # the newest report outside the window stays, so that a slow stage has a rate as well
        while len(self._seen) > 2 and now - self._seen[1][0] >= self._window_s:
            self._seen.popleft()
        then, n_then = self._seen[0]
        n_new = n_done - n_then
        if now <= then or n_new <= 0:
            return None, None
        rate = n_new / (now - then)
        return rate, max(0, n_total - n_done) / rate


class CatalogProgress:
    """Progress of a job, for every page and process to see; used as a context manager.

    Parameters
    ----------
    catalog : Catalog
    job_id : str
        A job that this process runs.
    stopping : threading.Event, optional
        Set when the worker was told to end.

    Notes
    -----
    At most four writes a second. A thread tells that the worker lives, and writes what was held back, also while one
    long call runs. Whether the user cancelled is looked up at most twice a second.
    """

    def __init__(self, catalog: Catalog, job_id: str, *, stopping: threading.Event | None = None) -> None:
        self._catalog = catalog
        self._job_id = job_id
        self._stopping = stopping or threading.Event()
        self._meter = RateMeter()
        self._lock = threading.Lock()
        self._pending: tuple[Stage, int, int, float | None, float | None] | None = None
        self._written_at = -1.0
        self._looked_at = -1.0
        self._lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        with self._lock:
            self._write()

    def report(self, stage: Stage, n_done: int, n_total: int) -> None:
        """Say how far a stage is."""
        with self._lock:
            rate, eta = self._meter.update(stage, n_done, n_total)
            self._pending = (stage, n_done, n_total, rate, eta)
            # the thread writes, so that the work never waits for the disk; without it, as outside `with`, this does
            if not self._thread.is_alive() and time.monotonic() - self._written_at >= WRITE_INTERVAL_S:
                self._write()

    def check_cancelled(self) -> None:
        """Raise CancelledError if the user asked to stop, the worker must end, or the job went to another worker."""
        if self._stopping.is_set():
            raise WorkerStoppedError("The worker was told to end; its job goes back to the queue.")
        now = time.monotonic()
        if not self._lost and now - self._looked_at >= LOOK_INTERVAL_S:
            self._looked_at = now
            if self._catalog.is_cancel_requested(self._job_id):
                self._looked_at = -1.0  # asked once more, it raises once more
                raise CancelledError("Cancelled. What was computed stays, and a later run goes on from it.")
        if self._lost:
            raise CancelledError("Another worker took this job over, since this one was silent for too long.")

    def _write(self) -> None:
        if self._pending is None:
            return
        stage, n_done, n_total, rate, eta = self._pending
        self._pending = None
        self._written_at = time.monotonic()
        kept = self._catalog.update_job_progress(
            self._job_id, stage=stage, n_done=n_done, n_total=n_total, rate_per_s=rate, eta_s=eta
        )
        self._lost = self._lost or not kept

    def _beat(self) -> None:
        beaten_at = time.monotonic()
        while not self._over.wait(WRITE_INTERVAL_S):
            try:
                with self._lock:
                    if time.monotonic() - self._written_at >= WRITE_INTERVAL_S:
                        self._write()
                if time.monotonic() - beaten_at >= HEARTBEAT_S:
                    beaten_at = time.monotonic()
                    if not self._catalog.update_job_progress(self._job_id):
                        self._lost = True
            except StorageError as error:  # the next beat tries again; the work itself does not depend on it
                logger.warning("The progress of job %s could not be written: %s", self._job_id, error)


class TerminalProgress:
    """Progress as text: one line that renews itself on a terminal, a line every few seconds elsewhere.

    Parameters
    ----------
    stream : text stream, default `sys.stderr`
    interval_s : float or None
        Seconds between two lines; None takes 0.1 on a terminal and 5 elsewhere.
    clock : callable, default `time.monotonic`
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        interval_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._interval_s = (0.1 if self._is_terminal else 5.0) if interval_s is None else interval_s
        self._clock = clock
        self._meter = RateMeter(clock=clock)
        self._stage: Stage | None = None
        self._written_at = -1.0
        self._line = ""
        self._is_open = False

    def report(self, stage: Stage, n_done: int, n_total: int) -> None:
        """Write a line, if the last one is old enough or something ended."""
        rate, eta = self._meter.update(stage, n_done, n_total)
        self.show(stage, n_done, n_total, rate, eta)

    def show(self, stage: Stage, n_done: int, n_total: int, rate: float | None, eta: float | None) -> None:
        """Write a line whose rate and remaining seconds are known already."""
        now = self._clock()
        is_new, is_last = stage != self._stage, n_done >= n_total
        if not (is_new or is_last or now - self._written_at >= self._interval_s):
            return
        if is_new and self._is_open:
            self.close()
        self._stage, self._written_at = stage, now
        line = progress_line(stage, n_done, n_total, rate, eta)
        if self._is_terminal:
            self._stream.write(f"\r\x1b[K{line}")
            self._is_open = True
        elif line != self._line:
            self._stream.write(f"{line}\n")
        self._line = line
        self._stream.flush()

    def check_cancelled(self) -> None:
        """Do nothing: in a terminal the user presses Ctrl-C."""

    def close(self) -> None:
        """End the line that renews itself."""
        if self._is_open:
            self._stream.write("\n")
            self._stream.flush()
            self._is_open = False


class CombinedProgress:
    """Several progresses as one."""

    def __init__(self, *progresses: Progress) -> None:
        self._progresses = progresses

    def report(self, stage: Stage, n_done: int, n_total: int) -> None:
        """Tell each."""
        for progress in self._progresses:
            progress.report(stage, n_done, n_total)

    def check_cancelled(self) -> None:
        """Ask each."""
        for progress in self._progresses:
            progress.check_cancelled()


def progress_line(stage: Stage, n_done: int, n_total: int, rate: float | None, eta: float | None) -> str:
    """Say in one line how far a stage is: "Reading images: 256 of 6,900, 110 a second, 1 min 0 s left"."""
    if stage not in COUNTED or n_total <= 0:
        return STAGE_TITLES[stage]
    words = [f"{STAGE_TITLES[stage]}: {n_done:,} of {n_total:,}"]
    if rate is not None and n_done < n_total:
        words.append(f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.1f} a second")
    if eta is not None and n_done < n_total:
        words.append(f"{duration(eta)} left")
    return ", ".join(words)


def duration(seconds: float) -> str:
    """Seconds in words: "40 s", "2 min 5 s", "3 h 4 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
