import logging
import os

import pytest

from dataeval_ui.errors import CancelledError, OutOfMemoryError, SourceError
from dataeval_ui.jobs.queue import cancel, resume, submit, wait
from dataeval_ui.jobs.runner import LocalRunner
from dataeval_ui.store.catalog import Catalog
from dataeval_ui.store.records import JobRecord


def run(catalog: Catalog, execute) -> JobRecord:
    submit(catalog, "run", {"n": 1})
    job = catalog.claim_job(os.getpid())
    assert job is not None
    return LocalRunner(catalog, execute).run(job)


def raising(error: BaseException):
    def execute(_job: JobRecord, _progress) -> dict:
        raise error

    return execute


def test_a_job_that_works_keeps_its_result(catalog: Catalog) -> None:
    ended = run(catalog, lambda job, progress: {"doubled": 2 * job.payload["n"]})
    assert (ended.state, ended.result, ended.error) == ("done", {"doubled": 2}, None)


@pytest.mark.parametrize("error", [SourceError("There is no folder x."), OutOfMemoryError("One image is too large.")])
def test_our_own_error_is_its_sentence(catalog: Catalog, error: Exception) -> None:
    ended = run(catalog, raising(error))
    assert (ended.state, ended.error) == ("failed", str(error))


def test_a_fault_is_a_short_sentence_and_its_traceback_is_in_the_log(
    catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        ended = run(catalog, raising(ZeroDivisionError("secret detail")))
    assert ended.state == "failed"
    assert ended.error == "Something broke that should not (ZeroDivisionError). The worker's log in logs/ says where."
    assert "Traceback" in caplog.text
    assert "secret detail" in caplog.text


def test_a_result_that_is_no_json_is_a_failed_job(catalog: Catalog) -> None:
    assert run(catalog, lambda job, progress: {"x": object()}).state == "failed"


def test_memory_that_ran_out_is_a_sentence(catalog: Catalog) -> None:
    ended = run(catalog, raising(MemoryError()))
    assert ended.error is not None
    assert ended.error.startswith("Memory ran out. Close other programs")


def test_a_cancelled_job_is_cancelled_and_can_be_resumed(catalog: Catalog) -> None:
    def execute(job: JobRecord, progress) -> dict:
        cancel(catalog, job.id)
        progress.check_cancelled()
        return {}

    ended = run(catalog, execute)
    assert (ended.state, ended.error) == ("cancelled", None)
    again = resume(catalog, ended.id)
    assert (again.state, again.cancel_requested) == ("queued", False)
    with pytest.raises(ValueError, match=r"Only a failed or cancelled job can be resumed; job \w+ is queued"):
        resume(catalog, ended.id)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interrupt_gives_the_job_back(catalog: Catalog, interrupt: BaseException) -> None:
    with pytest.raises(type(interrupt)):
        run(catalog, raising(interrupt))
    (job,) = catalog.list_jobs()
    assert (job.state, job.n_attempts) == ("queued", 0)


def test_waiting_has_an_end(catalog: Catalog) -> None:
    job = submit(catalog, "run", {})
    with pytest.raises(TimeoutError, match=r"had not ended after 0\.1 s; it is queued"):
        wait(catalog, job.id, timeout_s=0.1, poll_s=0.02)
    cancel(catalog, job.id)
    seen: list[str] = []
    assert wait(catalog, job.id, on_poll=lambda job: seen.append(job.state)).state == "cancelled"
    assert seen == ["cancelled"]


def test_a_cancelled_error_of_the_work_itself_is_a_cancel(catalog: Catalog) -> None:
    assert run(catalog, raising(CancelledError("Stop."))).state == "cancelled"
