"""A whole catalog in one SQLite file, from either back end and back into either."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.errors import ParameterError
from dataeval_ui.store.catalog_base import CatalogBase, catalog_error
from dataeval_ui.store.durable import aside_name, write_durably

if TYPE_CHECKING:
    import sqlalchemy as sa

_BATCH_ROWS = 1000


class CatalogCopies(CatalogBase):
    """Copies of a catalog."""

    def write_copy(self, out: Path) -> None:
        """Write the catalog as it is at one moment to a SQLite file, while others read and write it.

        Raises
        ------
        StorageError
            The file cannot be written: no folder, no room.
        """
        from dataeval_ui.store.schema import copy_sqlite

        url = self._engine.url
        if url.get_backend_name() == "sqlite":
            copy_sqlite(Path(str(url.database)), out)
            return
        import sqlalchemy as sa

        from dataeval_ui.store.catalog_tables import connect

        aside = aside_name(out)
        try:
            target = connect(f"sqlite:///{aside}")
            try:
                with (
                    self._engine.connect().execution_options(isolation_level="REPEATABLE READ") as source,
                    target.begin() as connection,
                ):
                    _copy_tables(source, connection)
                with target.connect() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
            finally:
                target.dispose()
            with aside.open("rb") as stream:
                write_durably(out, lambda to: shutil.copyfileobj(stream, to, 1 << 20), mode=0o600)
        except (sa.exc.DBAPIError, OSError) as error:
            raise catalog_error(url, error) from error
        finally:
            for name in (aside, *(aside.with_name(aside.name + end) for end in ("-wal", "-shm"))):
                with contextlib.suppress(OSError):
                    name.unlink(missing_ok=True)

    def is_empty(self) -> bool:
        """Whether it has no row at all."""
        from dataeval_ui.store.catalog_tables import METADATA

        return not any(self._rows(table.select().limit(1)) for table in METADATA.tables.values())

    def fill_from(self, file: Path) -> None:
        """Take in all rows of a SQLite file that `write_copy` made, all or none; an older one is brought up to date.

        Jobs that were waiting or running are cancelled: their workers are elsewhere.

        Parameters
        ----------
        file : Path
            Changed where it is of an older program.

        Raises
        ------
        ParameterError
            This catalog is not empty.
        StorageError
            A newer program has written the file, or it cannot be read.
        """
        import sqlalchemy as sa

        from dataeval_ui.store.catalog_tables import JOBS, connect

        if not self.is_empty():
            raise ParameterError("This catalog is not empty. Restore into a new workspace, with a database of its own.")
        try:
            source = connect(f"sqlite:///{file}")
        except sa.exc.DBAPIError as error:
            raise catalog_error(sa.make_url("sqlite:///backup"), error) from error
        try:
            with source.connect() as read, self._transaction() as connection:
                _copy_tables(read, connection)
                waiting = JOBS.c.state.in_(("queued", "running"))
                connection.execute(JOBS.update().where(waiting).values(state="cancelled", worker_pid=None))
                if connection.dialect.name == "postgresql":
                    _advance_numbers(connection)
        except (sa.exc.DBAPIError, ValueError, TypeError) as error:
            raise catalog_error(sa.make_url("sqlite:///backup"), error) from error
        finally:
            source.dispose()


def _copy_tables(source: sa.Connection, target: sa.Connection) -> None:
    from dataeval_ui.store.catalog_tables import METADATA

    for table in METADATA.sorted_tables:
        rows = source.execution_options(stream_results=True).execute(table.select()).mappings()
        for batch in rows.partitions(_BATCH_ROWS):
            target.execute(table.insert(), [dict(row) for row in batch])


def _advance_numbers(connection: sa.Connection) -> None:
    """Let PostgreSQL count on from the largest number: it does not see those that were given."""
    import sqlalchemy as sa

    from dataeval_ui.store.catalog_tables import AUDIT, DECISIONS

    for table in (DECISIONS, AUDIT):
        last = connection.scalar(sa.select(sa.func.max(table.c.seq)))
        if last is not None:
            connection.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence(table.name, "seq"), last)))
