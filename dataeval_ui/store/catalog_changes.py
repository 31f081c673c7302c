"""Whether a catalog has changed since it was last asked: what was read from it may be kept until then."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class CatalogChanges:
    """Tells of every commit to a SQLite catalog, by any thread of any process.

    Parameters
    ----------
    path : Path or None
        The database's file; None for a catalog elsewhere, of which nothing can be told.

    Notes
    -----
    SQLite's `data_version` of one connection changes with every commit of all others, and this connection commits
    nothing. It is a look at shared memory: some 5 microseconds.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def version(self) -> int | None:
        """Return a number that is another one after every change; None where that cannot be told."""
        if self._path is None:
            return None
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = sqlite3.connect(
                        f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.0, check_same_thread=False
                    )
                row = self._connection.execute("PRAGMA data_version").fetchone()
            except sqlite3.Error:
                self._drop()
                return None
        return int(row[0])

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
