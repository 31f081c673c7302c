"""The version of a catalog's tables: made new, brought up to date, or refused."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from dataeval_ui.errors import StorageError
from dataeval_ui.store.catalog_base import now_utc
from dataeval_ui.store.catalog_tables import METADATA
from dataeval_ui.store.durable import aside_name, fsync_folder, storing

HEAD = "0002"
"""The version of this program's tables: the last module of `migrations/versions`."""

_VERSION = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))
_LOCK = 0x0DA7AE7A
"""PostgreSQL's advisory lock of whoever changes the tables."""


def prepare_tables(engine: sa.Engine) -> None:
    """See that the tables are those of this program; where they are, that is one small query and no more.

    A new catalog gets its tables at once. An older one is taken through the steps of `migrations/`, all or none; of a
    SQLite file a copy is kept first, beside it, as `catalog.before-<version>.<time>.sqlite`.

    Raises
    ------
    StorageError
        A newer program has written the catalog, or the copy cannot be written.
    """
    with engine.connect() as connection, contextlib.suppress(sa.exc.OperationalError, sa.exc.ProgrammingError):
        if _stored(connection) == HEAD:
            return
    with engine.connect() as connection:
        _lock(connection)
        tables = set(sa.inspect(connection).get_table_names())
        version = _stored(connection) if _VERSION.name in tables else None
        if version == HEAD:  # another process was quicker
            return
        if version is None and not tables & set(METADATA.tables):
            METADATA.create_all(connection)
            _VERSION.create(connection, checkfirst=True)
            connection.execute(_VERSION.insert().values(version_num=HEAD))
        else:
            _upgrade(connection, version)
        connection.commit()


def _stored(connection: sa.Connection) -> str | None:
    version = connection.scalar(sa.select(_VERSION.c.version_num))
    return None if version is None else str(version)


def _lock(connection: sa.Connection) -> None:
    """Begin a transaction beside which nobody else changes the tables."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's own begins late and not before a change of tables
    elif connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _upgrade(connection: sa.Connection, version: str | None) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    steps = ScriptDirectory.from_config(config)
    if version is not None and version not in {step.revision for step in steps.walk_revisions()}:
        raise StorageError(
            f"This catalog is of version {version!r}, which a newer DataEval UI has written; this one knows up to "
            f"{HEAD!r}. Install the newer one, or name another workspace."
        )
    file = connection.engine.url.database
    if connection.dialect.name == "sqlite" and file and file != ":memory:":
        copy_sqlite(Path(file), _copy_name(Path(file), version))
    with EnvironmentContext(config, steps, fn=lambda now, _context: steps._upgrade_revs("head", now)) as environment:
        # SQLite changes a column by making the table anew: "batch"
        environment.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
        environment.run_migrations()


def _copy_name(file: Path, version: str | None) -> Path:
    return file.with_name(f"{file.stem}.before-{HEAD}-was-{version or 'none'}.{now_utc():%Y%m%dT%H%M%S%f}.sqlite")


def copy_sqlite(file: Path, out: Path) -> None:
    """Copy a SQLite database as it is at one moment, while others read and write it; `out` is there whole or not.

    Raises
    ------
    StorageError
        The copy cannot be written: no folder, no room.
    """
    aside = aside_name(out)
    try:
        with storing(out):
            os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with (
                contextlib.closing(sqlite3.connect(file, timeout=30)) as source,
                contextlib.closing(sqlite3.connect(aside)) as target,
            ):
                source.backup(target)
                target.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
        except sqlite3.Error as error:
            raise StorageError(f"The catalog cannot be copied to {out}: {error}. Check its disk.") from None
        with storing(out):
            descriptor = os.open(aside, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            aside.replace(out)
            fsync_folder(out.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
