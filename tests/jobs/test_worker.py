"""Real worker processes: started, killed, told to end, raced."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dataeval_ui.jobs.queue import cancel, submit, wait
from dataeval_ui.jobs.worker import start_worker, worker_pid
from dataeval_ui.store.catalog import Catalog
from dataeval_ui.store.records import JobRecord
from dataeval_ui.store.workspace import Workspace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")

WORKER = """
    import logging, sys, time
    from pathlib import Path
    from dataeval_ui.jobs.worker import work
    from dataeval_ui.store.catalog import open_catalog
    from dataeval_ui.store.workspace import open_workspace

    logging.basicConfig(level=logging.INFO)
    workspace = open_workspace(Path(sys.argv[1]))
    done = workspace.root / "done.txt"

    def execute(job, progress):
        # resumable work: each step is committed as a line
        n_before = len(done.read_text().split()) if done.exists() else 0
        for n in range(n_before, job.payload["n"]):
            progress.check_cancelled()
            time.sleep(job.payload["step_s"])
            with done.open("a") as stream:
                stream.write(f"{n}\\n")
            progress.report("embed", n + 1, job.payload["n"])
        return {"n_before": n_before}

    print("jobs:", work(open_catalog(workspace.catalog_url), execute, workspace=workspace,
                        idle_exit_s=float(sys.argv[2])))
"""


@pytest.fixture
def argv(workspace: Workspace) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(WORKER), str(workspace.root), "0.5"]


@pytest.fixture(autouse=True)
def _no_worker_outlives_its_test(workspace: Workspace) -> Iterator[None]:
    yield
    if (pid := worker_pid(workspace)) is not None:
        os.kill(pid, signal.SIGKILL)


def wait_until(holds: Callable[[], bool], timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def running(catalog: Catalog, job_id: str) -> bool:
    job = catalog.get_job(job_id)
    return job.state == "running" and job.n_done >= 2


def steps(workspace: Workspace) -> list[int]:
    path = workspace.root / "done.txt"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def started(
    catalog: Catalog, workspace: Workspace, argv: list[str], *, n: int = 100, step_s: float = 0.02
) -> JobRecord:
    job = submit(catalog, "run", {"n": n, "step_s": step_s})
    start_worker(workspace, argv)
    return job


def test_a_worker_does_the_job_tells_its_progress_and_leaves_when_idle(
    catalog: Catalog, workspace: Workspace, argv: list[str]
) -> None:
    job = started(catalog, workspace, argv, n=5)
    ended = wait(catalog, job.id, timeout_s=20)
    assert (ended.state, ended.n_done, ended.n_total) == ("done", 5, 5)
    wait_until(lambda: worker_pid(workspace) is None)
    (log,) = workspace.logs_dir.iterdir()
    wait_until(lambda: "jobs: 1" in log.read_text())
    assert log.name == "worker-1.log"


def test_a_worker_is_a_session_of_its_own_so_nothing_that_ends_here_ends_it(
    catalog: Catalog, workspace: Workspace, argv: list[str]
) -> None:
    job = submit(catalog, "run", {"n": 30, "step_s": 0.02})
    code = """
        import sys
        from pathlib import Path
        from dataeval_ui.jobs.worker import start_worker
        from dataeval_ui.store.workspace import open_workspace
        print(start_worker(open_workspace(Path(sys.argv[1])), sys.argv[2:]), flush=True)
        import time; time.sleep(60)
    """
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(workspace.root), *argv],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert server.stdout is not None
    pid = int(server.stdout.readline())
    assert os.getsid(pid) == pid
    os.killpg(server.pid, signal.SIGKILL)  # the server and all that it started in its session
    server.communicate()
    assert wait(catalog, job.id, timeout_s=20).state == "done"


def test_a_second_worker_leaves_at_once_and_starting_one_again_gives_the_first(
    catalog: Catalog, workspace: Workspace, argv: list[str]
) -> None:
    job = started(catalog, workspace, argv)
    wait_until(lambda: running(catalog, job.id))
    pid = worker_pid(workspace)
    assert start_worker(workspace, argv) == pid
    second = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True)
    assert second.stdout == "jobs: 0\n"
    assert catalog.get_job(job.id).worker_pid == pid


def test_a_job_whose_worker_was_killed_is_finished_by_the_next_from_what_was_committed(
    catalog: Catalog, workspace: Workspace, argv: list[str]
) -> None:
    job = started(catalog, workspace, argv, n=40)
    wait_until(lambda: running(catalog, job.id))
    pid = worker_pid(workspace)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: worker_pid(workspace) is None)
    assert catalog.get_job(job.id).state == "running"  # nobody could say that it ended
    ended = wait(catalog, job.id, timeout_s=30, keep_alive=lambda: start_worker(workspace, argv))
    assert ended.state == "done"
    assert ended.result is not None
    assert ended.result["n_before"] >= 2
    assert steps(workspace) == list(range(40))


def test_sigterm_gives_the_job_back_and_ends_the_worker(
    catalog: Catalog, workspace: Workspace, argv: list[str]
) -> None:
    job = started(catalog, workspace, argv)
    wait_until(lambda: running(catalog, job.id))
    pid = worker_pid(workspace)
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: worker_pid(workspace) is None, timeout_s=5)
    back = catalog.get_job(job.id)
    assert (back.state, back.n_attempts) == ("queued", 0)


def test_a_cancel_takes_effect_within_a_second_and_the_worker_stays(
    catalog: Catalog, workspace: Workspace, argv: list[str]
) -> None:
    job = started(catalog, workspace, argv, n=1000)
    wait_until(lambda: running(catalog, job.id))
    cancel(catalog, job.id)
    n_steps = len(steps(workspace))
    assert wait(catalog, job.id, timeout_s=10).state == "cancelled"
    assert len(steps(workspace)) - n_steps <= 1.5 / 0.02
    assert worker_pid(workspace) is not None


def test_two_jobs_are_done_by_one_worker_one_after_the_other(
    catalog: Catalog, workspace: Workspace, argv: list[str]
) -> None:
    first = started(catalog, workspace, argv, n=3)
    second = started(catalog, workspace, argv, n=6)
    ended = [wait(catalog, job.id, timeout_s=20) for job in (first, second)]
    assert [job.state for job in ended] == ["done", "done"]
    assert ended[0].worker_pid == ended[1].worker_pid
    assert ended[1].result == {"n_before": 3}


def test_no_job_is_left_when_it_is_queued_while_the_worker_leaves(
    catalog: Catalog, workspace: Workspace, argv: list[str]
) -> None:
    argv = [*argv[:-1], "0"]  # leaves as soon as the queue is empty
    for n in range(1, 7):
        job = started(catalog, workspace, argv, n=n, step_s=0.0)
        assert wait(catalog, job.id, timeout_s=20, poll_s=0.01).state == "done"


def test_a_card_of_a_process_that_is_gone_or_another_one_is_no_worker(workspace: Workspace) -> None:
    from dataeval_ui.store.durable import write_json_durably

    for card in ({"pid": os.getpid(), "birth": 1.0, "host": "x"}, {"pid": "x"}, [1]):
        write_json_durably(workspace.root / "worker.json", card)
        assert worker_pid(workspace) is None


def test_old_logs_go(workspace: Workspace, tmp_path: Path) -> None:
    for number in range(1, 31):
        (workspace.logs_dir / f"worker-{number}.log").touch()
    start_worker(workspace, [sys.executable, "-c", ""])
    numbers = sorted(int(path.stem.split("-")[1]) for path in workspace.logs_dir.iterdir())
    assert numbers == list(range(12, 32))


def test_a_command_that_cannot_be_started_is_a_sentence(workspace: Workspace) -> None:
    from dataeval_ui.errors import StorageError

    with pytest.raises(StorageError, match="cannot be written or read: No such file"):
        start_worker(workspace, ["/no/such/program"])
