"""Thumbnails by image id: a disposable SQLite database that follows the image parts."""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dataeval_ui.errors import StorageError
from dataeval_ui.store.parts import ImageParts
from dataeval_ui.store.workspace import Workspace

logger = logging.getLogger(__name__)

_TABLES = """
CREATE TABLE IF NOT EXISTS thumbnails (image_id TEXT PRIMARY KEY, jpeg BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS parts (name TEXT PRIMARY KEY);
"""
_N_VARIABLES = 500


class ThumbnailStore:
    """Thumbnails of a workspace, for many threads at once.

    Parameters
    ----------
    workspace : Workspace

    Notes
    -----
    An unknown id makes it look for new image parts. A damaged database is thrown away and built again.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._path = workspace.views_dir / "thumbnails.sqlite"
        self._images = ImageParts(workspace)
        self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        self._lock = threading.Lock()

    def get(self, image_id: str) -> bytes | None:
        """Thumbnail of one image as JPEG bytes, or None for an unknown one."""
        return self.get_many([image_id]).get(image_id)

    def get_many(self, image_ids: Sequence[str]) -> dict[str, bytes]:
        """Thumbnails by image id; unknown ids are left out."""
        try:
            return self._get_many(image_ids)
        except sqlite3.OperationalError:
            return self._get_many_anew(image_ids)
        except sqlite3.DatabaseError as error:
            logger.warning("The thumbnail database %s is damaged (%s); it is built again.", self._path, error)
            self._discard()
            return self._get_many(image_ids)

    def refresh(self) -> int:
        """Take in image parts that are not in the database yet.

        Returns
        -------
        int
            Number of thumbnails added.
        """
        with self._lock, self._connection() as connection:
            known = {name for (name,) in connection.execute("SELECT name FROM parts")}
            n_added = 0
            for name in self._images.parts.names():
                if name not in known:
                    n_added += self._take_in(connection, name)
            return n_added

    def close(self) -> None:
        """Close the idle connections."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def _get_many(self, image_ids: Sequence[str]) -> dict[str, bytes]:
        found = self._select(image_ids)
        if len(found) < len(set(image_ids)):
            self.refresh()  # 0 where another thread took the part in meanwhile, so look in any case
            found = self._select(image_ids)
        return found

    def _get_many_anew(self, image_ids: Sequence[str]) -> dict[str, bytes]:
        """Read by new connections: the old ones may hold a database that was thrown away meanwhile."""
        self.close()
        try:
            return self._get_many(image_ids)
        except sqlite3.OperationalError as error:
            raise StorageError(
                f"The thumbnails in {self._path} cannot be read or written: {error}. Check the disk; "
                "the file may be deleted, it is built again."
            ) from error

    def _select(self, image_ids: Sequence[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        with self._connection() as connection:
            for start in range(0, len(image_ids), _N_VARIABLES):
                some = list(image_ids[start : start + _N_VARIABLES])
                marks = ",".join("?" * len(some))
                query = f"SELECT image_id, jpeg FROM thumbnails WHERE image_id IN ({marks})"  # noqa: S608 - marks only
                found.update(connection.execute(query, some))
        return found

    def _take_in(self, connection: sqlite3.Connection, name: str) -> int:
        n_before = connection.total_changes
        # a part that another process compacted away is not recorded: the part that took its place is
        for ids in self._images.parts.iter_tables(["image_id"], names=[name]):
            wanted = set(ids.column(0).to_pylist()) - self._known(connection, ids.column(0).to_pylist())
            connection.execute("BEGIN IMMEDIATE")
            is_whole = not wanted
            with connection:
                if wanted:
                    for table in self._images.parts.iter_tables(["image_id", "thumbnail"], names=[name]):
                        connection.executemany(
                            "INSERT OR IGNORE INTO thumbnails VALUES (?, ?)",
                            zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True),
                        )
                        is_whole = True
                n_added = connection.total_changes - n_before
                if is_whole:  # a damaged part comes again under its name, once its images are computed anew
                    connection.execute("INSERT OR IGNORE INTO parts VALUES (?)", (name,))
            return n_added
        return 0

    def _known(self, connection: sqlite3.Connection, image_ids: Sequence[str]) -> set[str]:
        known: set[str] = set()
        for start in range(0, len(image_ids), _N_VARIABLES):
            some = list(image_ids[start : start + _N_VARIABLES])
            marks = ",".join("?" * len(some))
            query = f"SELECT image_id FROM thumbnails WHERE image_id IN ({marks})"  # noqa: S608 - marks only
            known.update(image_id for (image_id,) in connection.execute(query, some))
        return known

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = _connect(self._path)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.put(connection)

    def _discard(self) -> None:
        with self._lock:
            self.close()
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    connection = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(_TABLES)
    except BaseException:
        connection.close()
        raise
    return connection


def thumbnail_reader(workspace: Workspace, image_ids: Sequence[str]) -> Callable[[Sequence[int]], list[bytes]]:
    """Return a function that gives the thumbnails of some rows, in their order; StorageError where one was lost."""
    store = ThumbnailStore(workspace)

    def read(rows: Sequence[int]) -> list[bytes]:
        ids = [image_ids[row] for row in rows]
        found = store.get_many(ids)
        if n_lost := len(set(ids)) - len(found):
            raise StorageError(
                f"{n_lost} thumbnails were lost with a part that was damaged and is set aside. "
                "Run again to compute its images anew."
            )
        return [found[image_id] for image_id in ids]

    return read
