import io
import os
import threading
import time

import pytest

from dataeval_ui.errors import CancelledError
from dataeval_ui.jobs.progress import (
    LOOK_INTERVAL_S,
    STAGE_TITLES,
    CatalogProgress,
    CombinedProgress,
    RateMeter,
    TerminalProgress,
    WorkerStoppedError,
    duration,
    progress_line,
)
from dataeval_ui.store.catalog import Catalog
from dataeval_ui.store.records import JobRecord


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class CountingCatalog(Catalog):
    """Counts what is written and looked up."""

    n_writes = 0
    n_looks = 0

    def update_job_progress(self, *args, **kwargs) -> bool:
        self.n_writes += 1
        return super().update_job_progress(*args, **kwargs)

    def is_cancel_requested(self, job_id: str) -> bool:
        self.n_looks += 1
        return super().is_cancel_requested(job_id)


@pytest.fixture
def job(catalog: Catalog) -> JobRecord:
    catalog.add_job("run", {})
    claimed = catalog.claim_job(os.getpid())
    assert claimed is not None
    return claimed


def test_the_rate_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    meter = RateMeter(window_s=10, clock=clock)
    assert meter.update("embed", 0, 1000) == (None, None)
    for _ in range(20):  # 1 a second, then 10 a second
        clock.now += 1
        rate, _ = meter.update("embed", int(clock.now), 1000)
    assert rate == pytest.approx(1.0)
    for i in range(1, 21):
        clock.now += 1
        rate, eta = meter.update("embed", 20 + 10 * i, 1000)
    assert rate == pytest.approx(10.0)
    assert eta == pytest.approx((1000 - 220) / 10)


def test_a_stage_slower_than_the_window_has_a_rate_as_well() -> None:
    clock = Clock()
    meter = RateMeter(window_s=10, clock=clock)
    meter.update("project", 0, 3)
    clock.now = 60
    assert meter.update("project", 1, 3) == (pytest.approx(1 / 60), pytest.approx(120))


def test_images_that_were_there_before_do_not_count_as_speed() -> None:
    clock = Clock()
    meter = RateMeter(clock=clock)
    meter.update("embed", 5000, 6000)
    clock.now = 2
    assert meter.update("embed", 5020, 6000)[0] == pytest.approx(10)


def test_a_new_stage_begins_anew() -> None:
    clock = Clock()
    meter = RateMeter(clock=clock)
    meter.update("embed", 0, 10)
    clock.now = 1
    meter.update("embed", 10, 10)
    assert meter.update("neighbors", 0, 10) == (None, None)


def test_what_is_reported_arrives_and_the_last_report_always(catalog: Catalog, job: JobRecord) -> None:
    with CatalogProgress(catalog, job.id) as progress:
        for n in range(1001):
            progress.report("embed", n, 1000)
    told = catalog.get_job(job.id)
    assert (told.stage, told.n_done, told.n_total) == ("embed", 1000, 1000)


def test_many_reports_are_few_writes(catalog: Catalog, job: JobRecord) -> None:
    counting = CountingCatalog(catalog._engine)
    started = time.monotonic()
    with CatalogProgress(counting, job.id) as progress:
        while time.monotonic() - started < 0.6:
            progress.report("embed", 1, 1000)
            progress.check_cancelled()
    assert counting.n_writes <= 4 * (time.monotonic() - started) + 2
    assert counting.n_looks <= 2 * (time.monotonic() - started) + 2


def test_reports_outside_a_with_block_are_written_as_well(catalog: Catalog, job: JobRecord) -> None:
    CatalogProgress(catalog, job.id).report("embed", 3, 9)
    assert catalog.get_job(job.id).n_done == 3


def test_it_tells_that_it_lives_while_one_long_call_runs(
    catalog: Catalog, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dataeval_ui.jobs.progress.HEARTBEAT_S", 0.3)
    with CatalogProgress(catalog, job.id):
        time.sleep(1.0)  # a call that reports nothing
    beat = catalog.get_job(job.id).heartbeat_at
    assert beat is not None
    assert job.heartbeat_at is not None
    assert (beat - job.heartbeat_at).total_seconds() > 0.25


def test_a_cancel_is_raised_at_every_look_until_the_work_ends(catalog: Catalog, job: JobRecord) -> None:
    progress = CatalogProgress(catalog, job.id)
    progress.check_cancelled()
    catalog.request_cancel(job.id)
    time.sleep(LOOK_INTERVAL_S)
    for _ in range(2):
        with pytest.raises(CancelledError, match="What was computed stays"):
            progress.check_cancelled()


def test_a_worker_that_is_told_to_end_stops_at_once(catalog: Catalog, job: JobRecord) -> None:
    stopping = threading.Event()
    progress = CatalogProgress(catalog, job.id, stopping=stopping)
    progress.check_cancelled()
    stopping.set()
    with pytest.raises(WorkerStoppedError, match="goes back to the queue"):
        progress.check_cancelled()


def test_a_worker_whose_job_went_to_another_stops(catalog: Catalog, job: JobRecord) -> None:
    progress = CatalogProgress(catalog, job.id)
    catalog.requeue_job(job.id)
    progress.report("embed", 1, 2)
    with pytest.raises(CancelledError, match="Another worker took this job over"):
        progress.check_cancelled()


def test_a_line_says_stage_count_rate_and_time_left() -> None:
    assert progress_line("embed", 256, 6900, 110.4, 60.2) == (
        "Embedding images: 256 of 6,900, 110 a second, 1 min 0 s left"
    )
    assert progress_line("project", 0, 1, None, None) == STAGE_TITLES["project"]
    assert progress_line("findings", 351, 351, 9.0, 0.0) == "Collecting findings"
    assert progress_line("read", 9, 9, 2.0, 0.0) == "Reading images: 9 of 9"
    assert [duration(s) for s in (0, 59.4, 125, 11_040)] == ["0 s", "59 s", "2 min 5 s", "3 h 4 min"]


def test_every_stage_has_words() -> None:
    from typing import get_args

    from dataeval_ui.types import Stage

    assert set(STAGE_TITLES) == set(get_args(Stage))


def test_a_log_gets_a_line_every_few_seconds() -> None:
    clock, stream = Clock(), io.StringIO()
    progress = TerminalProgress(stream, clock=clock)
    for n in range(101):
        progress.report("embed", n, 100)
        clock.now += 0.125
    lines = stream.getvalue().splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "Embedding images: 0 of 100",
        "Embedding images: 40 of 100",
        "Embedding images: 80 of 100",
        "Embedding images: 100 of 100",
    ]


def test_a_terminal_gets_one_line_a_stage_that_renews_itself() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    progress = TerminalProgress(stream, interval_s=0)
    for stage in ("embed", "neighbors"):
        for n in range(3):
            progress.report(stage, n, 2)
    progress.close()
    assert stream.getvalue().count("\n") == 2
    assert stream.getvalue().count("\r\x1b[K") == 6


def test_several_progresses_are_told_and_asked_as_one() -> None:
    class Recording:
        def __init__(self) -> None:
            self.reports: list[tuple[str, int, int]] = []

        def report(self, stage, n_done: int, n_total: int) -> None:
            self.reports.append((stage, n_done, n_total))

        def check_cancelled(self) -> None:
            raise CancelledError("Stop.")

    first, second = Recording(), Recording()
    both = CombinedProgress(first, second)
    both.report("embed", 1, 2)
    assert first.reports == second.reports == [("embed", 1, 2)]
    with pytest.raises(CancelledError):
        both.check_cancelled()
