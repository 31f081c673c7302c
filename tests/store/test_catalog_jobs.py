import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

from dataeval_ui.store.catalog import Catalog


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_jobs_are_taken_oldest_first_and_once(catalog: Catalog) -> None:
    first, second = catalog.add_job("run", {"n": 1}), catalog.add_job("run", {"n": 2})
    taken = [catalog.claim_job(os.getpid()) for _ in range(3)]
    assert [job and job.id for job in taken] == [first.id, second.id, None]
    assert taken[0] is not None
    assert (taken[0].state, taken[0].worker_pid, taken[0].payload) == ("running", os.getpid(), {"n": 1})


def test_threads_never_take_one_job_twice(catalog: Catalog) -> None:
    added = {catalog.add_job("run", {}).id for _ in range(40)}
    with ThreadPoolExecutor(8) as threads:
        taken = [job.id for job in threads.map(lambda n: catalog.claim_job(n + 1), range(48)) if job is not None]
    assert len(taken) == 40
    assert set(taken) == added


def test_two_processes_race_for_jobs_and_each_job_is_taken_once(catalog: Catalog, catalog_url: str) -> None:
    added = sorted(catalog.add_job("run", {}).id for _ in range(60))
    code = """
        import os, sys
        from dataeval_ui.store.catalog import open_catalog
        catalog = open_catalog(sys.argv[1])
        while job := catalog.claim_job(os.getpid()):
            print(job.id)
    """
    argv = [sys.executable, "-c", textwrap.dedent(code), catalog_url]
    workers = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    taken = [line for worker in workers for line in worker.communicate()[0].split()]
    assert sorted(taken) == added


def test_progress_is_kept_and_only_its_worker_may_tell_it(catalog: Catalog) -> None:
    job = catalog.add_job("run", {})
    catalog.claim_job(os.getpid())
    assert catalog.update_job_progress(job.id, stage="embed", n_done=3, n_total=9, rate_per_s=1.5, eta_s=4.0)
    assert catalog.update_job_progress(job.id)
    told = catalog.get_job(job.id)
    assert (told.stage, told.n_done, told.n_total, told.rate_per_s, told.eta_s) == ("embed", 3, 9, 1.5, 4.0)
    assert not catalog.update_job_progress(job.id, stage="embed", n_done=4, n_total=9, worker_pid=1)
    assert not catalog.finish_job(job.id, "done", worker_pid=1)
    assert catalog.finish_job(job.id, "done", result={"run": "cats-1"})
    ended = catalog.get_job(job.id)
    assert (ended.state, ended.result, ended.is_over) == ("done", {"run": "cats-1"}, True)
    assert not catalog.update_job_progress(job.id)


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_is_asked(catalog: Catalog) -> None:
    running, waiting = catalog.add_job("run", {}), catalog.add_job("run", {})
    catalog.claim_job(os.getpid())
    assert catalog.request_cancel(waiting.id).state == "cancelled"
    asked = catalog.request_cancel(running.id)
    assert (asked.state, asked.cancel_requested) == ("running", True)
    assert catalog.is_cancel_requested(running.id)
    assert catalog.claim_job(os.getpid()) is None


def test_a_finished_job_cannot_be_cancelled(catalog: Catalog) -> None:
    job = catalog.add_job("run", {})
    catalog.claim_job(os.getpid())
    catalog.finish_job(job.id, "done", result={})
    assert catalog.request_cancel(job.id).cancel_requested is False


def test_a_failed_job_that_is_queued_again_starts_clean(catalog: Catalog) -> None:
    job = catalog.add_job("run", {"n": 1})
    catalog.claim_job(os.getpid())
    catalog.finish_job(job.id, "failed", error="No.")
    again = catalog.requeue_job(job.id)
    assert (again.state, again.error, again.worker_pid, again.cancel_requested) == ("queued", None, None, False)
    assert again.payload == {"n": 1}
    taken = catalog.claim_job(os.getpid())
    assert taken is not None
    assert taken.id == job.id


def test_the_job_of_a_dead_worker_is_queued_again_and_that_of_a_live_one_is_not(catalog: Catalog) -> None:
    lost, kept = catalog.add_job("run", {}), catalog.add_job("run", {})
    catalog.claim_job(dead_pid())
    catalog.claim_job(os.getpid())
    assert catalog.requeue_stale_jobs() == [lost.id]
    assert catalog.get_job(lost.id).state == "queued"
    assert catalog.get_job(kept.id).state == "running"


def test_a_worker_that_was_silent_for_too_long_loses_its_job(catalog: Catalog) -> None:
    job = catalog.add_job("run", {})
    catalog.claim_job(os.getpid())
    assert catalog.requeue_stale_jobs(older_than_s=60) == []
    assert catalog.requeue_stale_jobs(older_than_s=0) == [job.id]
    assert not catalog.update_job_progress(job.id)


def test_a_dead_workers_job_that_was_to_be_cancelled_is(catalog: Catalog) -> None:
    job = catalog.add_job("run", {})
    catalog.claim_job(dead_pid())
    catalog.request_cancel(job.id)
    catalog.requeue_stale_jobs()
    assert catalog.get_job(job.id).state == "cancelled"


def test_a_job_that_kills_its_workers_fails_with_a_sentence(catalog: Catalog) -> None:
    job = catalog.add_job("run", {})
    for _ in range(3):
        assert catalog.claim_job(dead_pid()) is not None
        catalog.requeue_stale_jobs()
    failed = catalog.get_job(job.id)
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.startswith("Its worker died 3 times")


def test_a_worker_that_ends_in_good_order_does_not_count_against_its_job(catalog: Catalog) -> None:
    job = catalog.add_job("run", {})
    for _ in range(5):
        assert catalog.claim_job(os.getpid()) is not None
        assert catalog.release_job(job.id)
    assert catalog.get_job(job.id).n_attempts == 0


@pytest.mark.parametrize("limit", [1, 2])
def test_jobs_are_listed_newest_first_by_state(catalog: Catalog, limit: int) -> None:
    jobs = [catalog.add_job("run", {}).id for _ in range(3)]
    assert [job.id for job in catalog.list_jobs(limit=limit)] == jobs[::-1][:limit]
    catalog.claim_job(os.getpid())
    assert [job.id for job in catalog.list_jobs(["queued"])] == [jobs[2], jobs[1]]
    assert [job.id for job in catalog.list_jobs(["running", "failed"])] == [jobs[0]]
