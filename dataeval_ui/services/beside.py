"""Work that goes on in a thread beside the caller's own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from types import TracebackType
from typing import Generic, Self, TypeVar

from dataeval_ui.errors import CancelledError
from dataeval_ui.types import Progress, Stage

T = TypeVar("T")

_LOOK_INTERVAL_S = 0.2


class Beside(Generic[T]):
    """Do work in a thread of its own, for as long as the `with` block lasts.

    What the work reports is passed on only while the caller waits for its result, and by the caller's thread: a
    `Progress` shows one stage at a time. Leaving the block early tells the work to stop, and waits until it has.

    Parameters
    ----------
    work : callable
        Takes the `Progress` to report to; it stops when `check_cancelled` raises.
    progress : Progress
        The caller's.
    """

    def __init__(self, work: Callable[[Progress], T], progress: Progress) -> None:
        self._progress = progress
        self._news = _News()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="beside")
        self._future = self._pool.submit(work, self._news)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._news.stopped.set()
        self._pool.shutdown()

    def result(self) -> T:
        """Wait for the work, and return what it returned or raise what it raised.

        Raises
        ------
        CancelledError
            The caller was asked to stop meanwhile.
        """
        while not wait([self._future], timeout=_LOOK_INTERVAL_S).done:
            self._progress.check_cancelled()
            if (last := self._news.last) is not None:
                self._progress.report(*last)
        return self._future.result()


class _News:
    """The `Progress` of work in another thread: it keeps the last report until the caller asks."""

    def __init__(self) -> None:
        self.last: tuple[Stage, int, int] | None = None
        self.stopped = threading.Event()

    def report(self, stage: Stage, n_done: int, n_total: int) -> None:
        """Keep the report."""
        self.last = stage, n_done, n_total

    def check_cancelled(self) -> None:
        """Raise `CancelledError` if the caller went on without the work."""
        if self.stopped.is_set():
            raise CancelledError("Stopped.")
