"""Immutable Parquet parts: the truth of the store.

A part is one committed batch. It is written aside, flushed and renamed, so that it is there whole or not at all, and
its name is the digest of its bytes: committing the same rows twice changes nothing, and two writers never collide.
Where the same id stands in several parts, the first part by name wins.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np

from dataeval_ui.errors import StorageError
from dataeval_ui.store.durable import remove_leftovers, storage_error, storing, write_durably
from dataeval_ui.store.part_format import check_seal, first_of_each, to_parquet
from dataeval_ui.types import digest_of

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)
T = TypeVar("T")

ID_COLUMN = "image_id"
SUFFIX = ".parquet"
COMPACT_ROWS = 65_536
N_RESTARTS = 40
_SETTLING_S = 0.02


class DamagedPartError(StorageError):
    """A part whose bytes are not what was written."""


class _MissingRowsError(StorageError):
    """Ids that no part of one listing holds; the listing may have been taken while parts were being joined."""


class Parts:
    """A growing table, cut into immutable files.

    Parameters
    ----------
    filesystem : pyarrow.fs.FileSystem
    base : str
        Folder of the parts on that file system.
    schema : pyarrow.Schema or None
        Columns of every part; `image_id` (str) among them. None takes the columns of what is appended.
    folder : Path or None
        The same folder where it is local; parts are then flushed to the disk.

    Notes
    -----
    Safe to use from several threads, and beside other processes that append or compact.
    """

    def __init__(self, filesystem: Any, base: str, schema: pa.Schema | None, *, folder: Path | None = None) -> None:
        self.schema = schema
        self._filesystem = filesystem
        self._base = base.rstrip("/")
        self._folder = folder
        self._lock = threading.RLock()
        self._ids_of: dict[str, pa.Array] = {}
        self._id_set: set[str] = set()

    @classmethod
    def local(cls, folder: Path, schema: pa.Schema | None) -> Parts:
        """Open the parts of a local folder, which is made where it is missing; what a killed writer left is removed."""
        from pyarrow import fs

        with storing(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            remove_leftovers(folder)
        return cls(fs.LocalFileSystem(), str(folder), schema, folder=folder)

    @classmethod
    def from_uri(cls, uri: str, schema: pa.Schema | None) -> Parts:
        """Open the parts under a URI that pyarrow knows: `file://`, `s3://`, `gs://`, `hdfs://`."""
        from pyarrow import fs

        filesystem, base = fs.FileSystem.from_uri(uri)
        if isinstance(filesystem, fs.LocalFileSystem):
            return cls.local(Path(base), schema)
        return cls(filesystem, base, schema)

    def append(self, table: pa.Table, *, name: str | None = None) -> str:
        """Commit rows as one part.

        Parameters
        ----------
        table : pyarrow.Table
            Cast to the schema. An empty table commits nothing.
        name : str or None
            Name of the part without its suffix; None takes the digest of its bytes.

        Returns
        -------
        str
            Name of the part's file, or "" for an empty table. Once it is returned the rows outlive a power cut.

        Raises
        ------
        StorageError
            The disk is full or cannot be written; nothing of the batch is there then.
        """
        if table.num_rows == 0:
            return ""
        if self.schema is not None:
            table = table.select(self.schema.names).cast(self.schema)
        data = to_parquet(table)
        file_name = (name or blake2b(data, digest_size=16).hexdigest()) + SUFFIX
        path = f"{self._base}/{file_name}"
        if self._folder is not None:
            place = self._folder / file_name
            if name is not None or not place.exists() or place.stat().st_size != len(data):
                write_durably(place, lambda stream: _write_all(stream, data))
        else:
            with storing(path), self._filesystem.open_output_stream(path) as stream:
                stream.write(data)
        return file_name

    def names(self) -> list[str]:
        """Names of the committed parts, sorted."""
        names = self._list()
        # a listing that a compaction runs through may miss both the small parts and the joined one
        while (again := self._list()) != names:
            names = again
        return names

    def _list(self) -> list[str]:
        from pyarrow import fs

        with storing(self._base):
            infos = self._filesystem.get_file_info(fs.FileSelector(self._base, allow_not_found=True))
        return sorted(
            info.base_name for info in infos if info.base_name.endswith(SUFFIX) and not info.base_name.startswith(".")
        )

    def digest(self) -> str:
        """Digest of the list of parts: it changes exactly when a part comes or goes."""
        return digest_of(self.names())

    def ids(self) -> set[str]:
        """Ids of all committed rows; parts that were read before are not read again."""
        with self._lock:
            self._refresh()
            return set(self._id_set)

    def missing(self, image_ids: Sequence[str]) -> list[str]:
        """Those of `image_ids` that no part holds, in their order."""
        with self._lock:
            self._refresh()
            return [image_id for image_id in image_ids if image_id not in self._id_set]

    def read(self, image_ids: Sequence[str] | None, columns: Sequence[str]) -> pa.Table:
        """Read rows in the order of `image_ids`.

        Parameters
        ----------
        image_ids : sequence of str or None
            An id may stand in it twice. None reads every distinct row, by part and place in it.
        columns : sequence of str

        Raises
        ------
        StorageError
            An id that no part holds, or a part that turned out to be damaged; it is set aside and its images are
            computed again by the next run.
        """
        import pyarrow as pa

        order: list[Any] = []
        tables: list[pa.Table] = []

        def start() -> None:
            order.clear()
            tables.clear()

        for positions, table in self.scan(image_ids, columns, on_restart=start):
            order.append(positions)
            tables.append(table)
        if not tables:
            return self._empty(columns)
        joined = pa.concat_tables(tables, promote_options="permissive")
        return joined.take(np.argsort(np.concatenate(order), kind="stable"))

    def scan(
        self,
        image_ids: Sequence[str] | None,
        columns: Sequence[str],
        *,
        on_restart: Callable[[], None] = lambda: None,
    ) -> Iterator[tuple[Any, pa.Table]]:
        """Stream rows, a row group at a time, each read once.

        Parameters
        ----------
        image_ids : sequence of str or None
            As in `read`.
        columns : sequence of str
        on_restart : callable
            Called when another process compacted the parts meanwhile, before all rows are given once more.

        Yields
        ------
        positions : ndarray of int64
            Places in `image_ids` of the rows of `table`.
        table : pyarrow.Table
        """
        for attempt in range(N_RESTARTS):
            time.sleep(min(0.2, 0.01 * attempt))  # whoever compacts is given time to end
            looked_at = self.names()
            try:
                yield from self._scan_once(image_ids, columns)
            except FileNotFoundError:
                on_restart()
            except _MissingRowsError:
                # A folder that is read while parts come and go may show neither the old ones nor the joined one.
                time.sleep(_SETTLING_S)
                if self.names() == looked_at and looked_at == sorted(self._ids_of):
                    raise
                on_restart()
            else:
                return
        raise StorageError(f"The parts in {self._base} change faster than they can be read. Try again.")

    def iter_tables(self, columns: Sequence[str], *, names: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Stream the parts as they lie, a table a part; an id that stands in several parts comes several times.

        A part that was compacted away meanwhile is passed over, and the parts that took its place follow; a damaged
        one is set aside.
        """
        seen: set[str] = set()
        while True:
            pending = [name for name in (self.names() if names is None else names) if name not in seen]
            if not pending:
                return
            for name in pending:
                seen.add(name)
                with contextlib.suppress(FileNotFoundError, DamagedPartError):
                    yield self._read_part(name, columns)
            if names is not None:
                return

    def compact(self, *, target_rows: int = COMPACT_ROWS) -> int:
        """Join small parts into parts of about `target_rows` rows.

        The joined part is committed before the small ones go, so that a kill leaves rows twice, never none, and a
        reader finds them at any moment.

        Returns
        -------
        int
            Number of small parts that were joined.
        """
        import pyarrow as pa

        with self._lock:
            self._refresh()
            small = [n for n in sorted(self._ids_of) if len(self._ids_of[n]) <= target_rows // 2]
            n_joined = 0
            while len(small) > 1:
                group: list[str] = []
                n_rows = 0
                while small and (not group or n_rows + len(self._ids_of[small[0]]) <= target_rows):
                    n_rows += len(self._ids_of[small[0]])
                    group.append(small.pop(0))
                if len(group) < 2:
                    continue
                try:
                    tables = [self._read_part(name, None) for name in group]
                except (FileNotFoundError, DamagedPartError):  # another process compacts, or the part was set aside
                    continue
                table = first_of_each(ID_COLUMN, pa.concat_tables(tables, promote_options="permissive"))
                joined = self.append(table)
                for name in group:
                    if name != joined:
                        # one that cannot be deleted, because a reader of Windows holds it, is only a row twice
                        with contextlib.suppress(OSError):
                            self._filesystem.delete_file(f"{self._base}/{name}")
                n_joined += len(group)
            self._refresh()
            return n_joined

    def _refresh(self) -> None:
        names = self.names()
        gone = self._ids_of.keys() - set(names)
        for name in gone:
            del self._ids_of[name]
        if gone:
            self._id_set = {image_id for ids in self._ids_of.values() for image_id in ids.to_pylist()}
        for name in names:
            if name not in self._ids_of:
                with contextlib.suppress(FileNotFoundError, DamagedPartError):
                    ids = self._read_part(name, [ID_COLUMN]).column(ID_COLUMN).combine_chunks()
                    self._ids_of[name] = ids
                    self._id_set.update(ids.to_pylist())

    def _scan_once(self, image_ids: Sequence[str] | None, columns: Sequence[str]) -> Iterator[tuple[Any, pa.Table]]:
        import pyarrow as pa
        import pyarrow.compute as pc

        with self._lock:
            self._refresh()
            names = sorted(self._ids_of)
            ids = [self._ids_of[name] for name in names]
        if image_ids is not None and len(image_ids) == 0:
            return
        known = pa.chunked_array(ids, type=pa.string())
        wanted = pc.unique(known) if image_ids is None else pa.array(image_ids, type=pa.string())
        found = pc.index_in(wanted, value_set=known.combine_chunks())  # the first of several
        if found.null_count:
            raise _MissingRowsError(
                f"{found.null_count} of {len(wanted)} images are not in the store ({self._base}). "
                "Run the dataset again to compute them."
            )
        flat = found.to_numpy(zero_copy_only=False).astype(np.int64)
        order = np.argsort(flat, kind="stable")
        flat = flat[order]
        starts = np.concatenate([[0], np.cumsum([len(part) for part in ids])])
        cuts = np.searchsorted(flat, starts)
        for i, name in enumerate(names):
            low, high = cuts[i], cuts[i + 1]
            if low < high:
                yield from self._scan_part(name, columns, flat[low:high] - starts[i], order[low:high])

    def _scan_part(self, name: str, columns: Sequence[str], rows: Any, places: Any) -> Iterator[tuple[Any, pa.Table]]:
        with self._open(name) as parquet:
            first = 0
            for group in range(parquet.metadata.num_row_groups):
                n_rows = parquet.metadata.row_group(group).num_rows
                low, high = np.searchsorted(rows, [first, first + n_rows])
                if low < high:
                    table = self._checked(
                        name, partial(parquet.read_row_group, group, columns=list(columns), use_threads=False)
                    )
                    yield places[low:high], table.take(rows[low:high] - first)
                first += n_rows

    def _read_part(self, name: str, columns: Sequence[str] | None) -> pa.Table:
        with self._open(name) as parquet:
            wanted = None if columns is None else list(columns)
            return self._checked(name, lambda: parquet.read(columns=wanted, use_threads=False))

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[Any]:
        import pyarrow.parquet as pq

        with contextlib.ExitStack() as stack:
            source = self._checked(name, lambda: self._filesystem.open_input_file(f"{self._base}/{name}"))
            stack.enter_context(source)
            self._checked(name, lambda: check_seal(source))
            yield self._checked(name, lambda: pq.ParquetFile(source, page_checksum_verification=True))

    def _checked(self, name: str, read: Callable[[], T]) -> T:
        """Read, telling a damaged part, which is set aside, from a disk that cannot be read."""
        import pyarrow as pa

        try:
            return read()
        except FileNotFoundError:
            raise
        except MemoryError:
            raise
        except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise storage_error(f"{self._base}/{name}", error) from error
            self._set_aside(name, error)
            raise DamagedPartError(
                f"The part {name} in {self._base} was damaged and is set aside. Run again to compute its images anew."
            ) from error

    def _set_aside(self, name: str, error: Exception) -> None:
        path = f"{self._base}/{name}"
        logger.warning("The part %s is damaged (%s); it is kept as %s.damaged and computed again.", path, error, name)
        with contextlib.suppress(OSError), self._lock:  # a read-only store, or another process was first
            self._filesystem.move(path, f"{path}.damaged")
            self._ids_of.pop(name, None)
            self._id_set = {image_id for ids in self._ids_of.values() for image_id in ids.to_pylist()}

    def _empty(self, columns: Sequence[str]) -> pa.Table:
        import pyarrow as pa

        if self.schema is not None:
            return self.schema.empty_table().select(list(columns))
        return pa.table({name: pa.array([], type=pa.string() if name == ID_COLUMN else pa.null()) for name in columns})


def _write_all(stream: BinaryIO, data: bytes) -> None:
    stream.write(data)
