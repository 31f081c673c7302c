"""The detached worker: one process a workspace that takes jobs from the catalog and stays warm."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from dataeval_ui.errors import StorageError
from dataeval_ui.jobs.runner import Execute, LocalRunner
from dataeval_ui.store.catalog import Catalog
from dataeval_ui.store.durable import read_json, storing, write_json_durably
from dataeval_ui.store.processes import birth_of, lives
from dataeval_ui.store.workspace import Workspace

logger = logging.getLogger(__name__)

POLL_S = 0.25
STALE_LOOK_S = 10.0
N_LOGS_KEPT = 20

_children: list[subprocess.Popen[bytes]] = []


def work(
    catalog: Catalog,
    execute: Execute,
    *,
    workspace: Workspace,
    idle_exit_s: float | None = None,
    warm_up: Callable[[], object] | None = None,
) -> int:
    """Take jobs from the queue and carry them out, one after the other. Call it in the main thread.

    Parameters
    ----------
    catalog : Catalog
    execute : callable
        The work itself.
    workspace : Workspace
        One worker serves a workspace; a second one returns at once.
    idle_exit_s : float or None
        Seconds without a job after which it returns; None stays for ever.
    warm_up : callable, optional
        Called once in a thread beside the first job, such as to compile.

    Returns
    -------
    int
        Number of jobs carried out.

    Notes
    -----
    SIGTERM gives the job in hand back to the queue at its next look for a cancel, and returns.
    """
    n_jobs = 0
    warming: threading.Thread | None = None
    with _stopped_by_sigterm() as stopping:
        runner = LocalRunner(catalog, execute, stopping=stopping)
        while True:
            with _sole_worker(workspace) as is_sole:
                if not is_sole:
                    logger.info("Another worker serves this workspace.")
                    return n_jobs
                if warming is None and warm_up is not None:
                    warming = threading.Thread(target=_logged, args=(warm_up,), name="warm-up", daemon=True)
                    warming.start()
                n_jobs += _serve(catalog, runner, stopping, idle_exit_s)
            # who queued a job a moment ago may have seen this worker and started none: look again now that it is gone
            if stopping.is_set() or not catalog.list_jobs(["queued"], limit=1):
                break
        if warming is not None and not stopping.is_set():
            warming.join()
    return n_jobs


def start_worker(workspace: Workspace, argv: Sequence[str], env: Mapping[str, str] | None = None) -> int:
    """Start a worker that outlives this process, unless one serves the workspace already.

    Parameters
    ----------
    workspace : Workspace
    argv : sequence of str
        The command; no shell reads it.
    env : mapping, optional
        Its environment; None passes this process's on.

    Returns
    -------
    int
        Its process id, or that of the one that lives.

    Raises
    ------
    StorageError
        The log cannot be written, or the command cannot be started.
    """
    _children[:] = [child for child in _children if child.poll() is None]
    if (pid := worker_pid(workspace)) is not None:
        return pid
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    with storing(argv[0]), _new_log(workspace.logs_dir) as log:
        child = subprocess.Popen(
            list(argv), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env, **options
        )
    _children.append(child)
    return child.pid


def worker_pid(workspace: Workspace) -> int | None:
    """Process id of the worker that serves a workspace from this machine, or None."""
    path = _card(workspace)
    try:
        card = read_json(path)
        pid, birth, host = int(card["pid"]), float(card["birth"]), card["host"]
    except (StorageError, KeyError, TypeError, ValueError):
        return None
    return pid if host == socket.gethostname() and lives(pid, birth=birth) else None


def _serve(catalog: Catalog, runner: LocalRunner, stopping: threading.Event, idle_exit_s: float | None) -> int:
    n_jobs = 0
    idle_since = time.monotonic()
    looked_at = -STALE_LOOK_S
    while not stopping.is_set():
        now = time.monotonic()
        if now - looked_at >= STALE_LOOK_S:
            looked_at = now
            for job_id in catalog.requeue_stale_jobs():
                logger.warning("Job %s had lost its worker.", job_id)
        if (job := catalog.claim_job(os.getpid())) is not None:
            logger.info("Job %s (%s) begins.", job.id, job.kind)
            ended = runner.run(job)
            logger.info("Job %s is %s.", job.id, ended.state)
            n_jobs += ended.is_over
            idle_since = time.monotonic()
        elif idle_exit_s is not None and now - idle_since >= idle_exit_s:
            break
        else:
            stopping.wait(POLL_S)
    return n_jobs


def _logged(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:
        logger.exception("The warm-up failed; the first job compiles instead.")


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[threading.Event]:
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    if threading.current_thread() is not threading.main_thread():  # only that one may set handlers
        yield stopping
        return
    earlier = signal.signal(signal.SIGTERM, stop)
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _card(workspace: Workspace) -> Path:
    return workspace.root / "worker.json"


@contextlib.contextmanager
def _sole_worker(workspace: Workspace) -> Iterator[bool]:
    """Hold the workspace's lock; False if another process holds it. The system frees it when its holder dies."""
    with storing(workspace.root / "worker.lock"):
        stream = (workspace.root / "worker.lock").open("ab")
    with stream:
        if not _lock(stream):
            yield False
            return
        card = {"pid": os.getpid(), "birth": birth_of(os.getpid()), "host": socket.gethostname()}
        write_json_durably(_card(workspace), card)
        try:
            yield True
        finally:
            _card(workspace).unlink(missing_ok=True)


def _lock(stream: BinaryIO) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            # a record lock, not flock: children that were forked must not keep it after their parent died
            fcntl.lockf(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _new_log(folder: Path) -> BinaryIO:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    numbers = sorted(int(m[1]) for p in folder.iterdir() if (m := re.fullmatch(r"worker-(\d+)\.log", p.name)))
    for number in numbers[: -(N_LOGS_KEPT - 1)]:
        (folder / f"worker-{number}.log").unlink(missing_ok=True)
    number = (numbers or [0])[-1]
    while True:
        number += 1
        with contextlib.suppress(FileExistsError):
            return (folder / f"worker-{number}.log").open("xb")
