"""A real server of the product, for the browser tests of its pages."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
STARTS_WITHIN_S = 60


@dataclass(frozen=True)
class Server:
    """A running server and its workspace."""

    url: str
    workspace: Path


def free_port() -> int:
    """Find a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def without_settings() -> dict[str, str]:
    """Return the environment without settings of ours: neither those of whoever runs the tests nor of a test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DATAEVAL_UI_")}


@contextmanager
def serving(
    workspace: Path, *, port: int | None = None, cwd: Path = ROOT, settings: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start `dataeval-ui serve` on a workspace; stop it, and the worker that it started, at the end."""
    port = free_port() if port is None else port
    argv = [sys.executable, "-m", "dataeval_ui", "serve", "--no-browser", "--offline", "--port", str(port)]
    process = subprocess.Popen(
        [*argv, "--workspace", str(workspace)],
        cwd=cwd,
        env={**without_settings(), "PYTHONPATH": str(ROOT), **(settings or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process)
        yield Server(url=url, workspace=workspace)
    finally:
        process.terminate()
        process.wait(timeout=20)
        _stop_worker(workspace)


def _wait_for(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("The server did not answer within a minute.")


def _stop_worker(workspace: Path) -> None:
    """Stop the worker that the server started; it would wait for more work for half an hour."""
    from dataeval_ui.services.context import open_services
    from dataeval_ui.settings import load_settings

    services = open_services(load_settings({"workspace": workspace}, environment={}))
    for job in services.catalog.list_jobs():
        if job.worker_pid and job.worker_pid != os.getpid():  # a run that the test did itself
            subprocess.run(["kill", str(job.worker_pid)], check=False, capture_output=True)


def settled(page: Page) -> None:
    """Wait until the page has drawn what it was asked for."""
    page.wait_for_timeout(300)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
