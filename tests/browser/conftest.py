"""A server for the browser tests of the components, and a page in a browser on it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

ROOT = Path(__file__).resolve().parent.parent.parent
STARTS_WITHIN_S = 60

OpenPage = Callable[..., "Page"]


@pytest.fixture(scope="session")
def components_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server of the test pages."""
    workspace = tmp_path_factory.mktemp("workspace")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = workspace / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "tests/browser/components_app.py", "--server.port", str(port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "DATAEVAL_UI_WORKSPACE": str(workspace)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(f"{url}/api/health", server, log)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=20)


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers; fail with its log when it does not."""
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The server did not start:\n{log.read_text()}")


def is_ours(message: ConsoleMessage) -> bool:
    """Tell an error of ours from Streamlit's search for its own health route, which fails below the first page."""
    return message.type == "error" and "/_stcore/" not in message.location["url"]


@pytest.fixture
def open_page(browser: Browser, components_url: str) -> Iterator[OpenPage]:
    """Open a test page; fails the test when the page logs an error."""
    contexts = []
    errors: list[str] = []

    def open_(path: str, *, of: Browser | None = None, **context_options: Any) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}, **context_options}
        context = (of or browser).new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if is_ours(message) else None)
        page.goto(f"{components_url}{path}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []
