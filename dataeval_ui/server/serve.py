"""`dataeval-ui serve`: the same server as `streamlit run app.py`, from an installed package."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import webbrowser
from typing import TYPE_CHECKING

from dataeval_ui.errors import ParameterError
from dataeval_ui.server.access import is_loopback
from dataeval_ui.settings import environment_of, in_environment

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings

N_PORTS_TRIED = 50


def serve(settings: Settings, *, open_browser: bool, page: str = "") -> None:
    """Serve the pages until the process is stopped.

    Parameters
    ----------
    settings : Settings
        `host` and `port`; all of them reach the pages and the worker through the environment.
    open_browser : bool
    page : str, default ""
        Path and query to open, such as "explore?run=...".

    Raises
    ------
    AccessDeniedError
        A host that others can reach without a password or a provider.
    ParameterError
        No free port.
    """
    with in_environment(environment_of(settings)):
        _serve(settings, open_browser=open_browser, page=page)


def _serve(settings: Settings, *, open_browser: bool, page: str) -> None:
    from dataeval_ui.services.login import login_mode
    from dataeval_ui.services.shared import shared_services

    login_mode(shared_services(), is_loopback=is_loopback(settings.host))
    port = free_port(settings.host, settings.port)
    if port != settings.port:
        print(f"Port {settings.port} is in use; serving at {port} instead.", file=sys.stderr)  # noqa: T201

    from dataeval_ui.server.app import build_app
    from dataeval_ui.server.options import STREAMLIT_OPTIONS

    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{port}{settings.base_path}/{page}"
    app = build_app(settings, on_start=lambda: _announce_soon(settings.host, port, url, open_browser=open_browser))
    here = {"server.address": settings.host, "server.port": port, "server.baseUrlPath": settings.base_path.strip("/")}
    app.run(config={**STREAMLIT_OPTIONS, **here})


def free_port(host: str, port: int) -> int:
    """Return the first free port from `port` on; any free one for 0.

    Raises
    ------
    ParameterError
        All of the next 50 are in use, or the host is none of this machine's.
    """
    if not 0 <= port <= 65535:
        raise ParameterError(f"port must be in [0, 65535], got {port}.")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except socket.gaierror:
        raise ParameterError(f"There is no host named {host!r}; use 127.0.0.1.") from None
    for candidate in range(port, min(port + N_PORTS_TRIED, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # on Windows this option would share a port in use
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ParameterError(f"Ports {port} to {port + N_PORTS_TRIED - 1} are all in use; choose another with --port.")


def _announce_soon(host: str, port: int, url: str, *, open_browser: bool) -> None:
    """Print the address as soon as the server answers at it, and open a browser there."""

    def announce() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                socket.create_connection((host, port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        print(f"DataEval UI is at {url} (Ctrl+C stops it)", flush=True)  # noqa: T201
        if open_browser:
            webbrowser.open(url)

    threading.Thread(target=announce, name="announce", daemon=True).start()
