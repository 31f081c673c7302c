"""A PostgreSQL of the tests' own: a fresh cluster in a temporary folder, reached by a socket in it alone."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REQUIRED = os.environ.get("DATAEVAL_UI_REQUIRE_POSTGRES") == "1"
"""Where set, a test marked `postgres` that is skipped fails instead."""

MISSING = "No PostgreSQL server was found: install Debian's postgresql, or name the folder of initdb in PATH."
STARTS_WITHIN_S = 60


def find_postgres() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest first; None without."""
    debians = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True)
    for folder in debians:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    found = shutil.which("initdb")
    return None if found is None or shutil.which("postgres") is None else Path(found).parent


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses root: run it as somebody who may do nothing."""
    if os.name == "nt" or os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return {}


@contextmanager
def postgres_server(programs: Path) -> Iterator[str]:
    """Start a server; its address is that of a database that is empty. The server and its files are gone at the end."""
    who = _unprivileged()
    # whoever it runs as must reach its folder, which lies not in one of root's own
    folder = Path(tempfile.mkdtemp(prefix="dataeval-ui-pg-", dir="/tmp" if who else None))
    process = None
    try:
        if who:
            os.chown(folder, who["user"], who["group"])
        quiet: dict[str, Any] = {**who, "cwd": folder, "stdin": subprocess.DEVNULL}
        made = subprocess.run(
            [programs / "initdb", "-D", folder / "data", "-U", "dataeval", "--auth=trust", "--no-sync",
             "--encoding=UTF8", "--locale=C"],
            capture_output=True, text=True, check=False, **quiet,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        options = {"listen_addresses": "", "fsync": "off", "synchronous_commit": "off", "shared_buffers": "32MB"}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", "-k", folder,
                 *(part for name, value in options.items() for part in ("-c", f"{name}={value}"))],
                stdout=log, stderr=log, **quiet,
            )  # fmt: skip
        url = f"postgresql://dataeval@/postgres?host={folder}"
        _wait_for(url, process, folder / "log")
        yield url
    finally:
        if process is not None:
            process.send_signal(2)  # a fast end: it asks nobody to leave first
            process.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise AssertionError(f"PostgreSQL did not answer within a minute: {log.read_text()}")


def emptied(url: str) -> str:
    """Drop everything in the database."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = error")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url
