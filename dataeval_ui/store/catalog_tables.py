"""The catalog's tables, in SQL that SQLite and PostgreSQL share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Dialect
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """Moments, stored as UTC without a zone since SQLite knows none, and read back with it."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn into UTC without a zone."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that it is UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


METADATA = sa.MetaData()

DATASETS = sa.Table(
    "datasets",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("root", sa.Text, nullable=False),
    sa.Column("rule", sa.JSON, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("manifest_digest", sa.String(64)),
    sa.Column("n_files", sa.Integer),
)

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", sa.String(80), primary_key=True),
    sa.Column("dataset_id", sa.String(32), sa.ForeignKey("datasets.id"), nullable=False, index=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("backbone", sa.String(255), nullable=False),
    sa.Column("key", sa.JSON, nullable=False),
    sa.Column("manifest_digest", sa.String(64), nullable=False),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("summary", sa.JSON, nullable=False),
    sa.Column("base_run_id", sa.String(80)),
)

JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("stage", sa.String(16)),
    sa.Column("n_done", sa.BigInteger, nullable=False),
    sa.Column("n_total", sa.BigInteger, nullable=False),
    sa.Column("rate_per_s", sa.Float),
    sa.Column("eta_s", sa.Float),
    sa.Column("error", sa.Text),
    sa.Column("result", sa.JSON(none_as_null=True)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("started_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("heartbeat_at", UtcDateTime),
    sa.Column("worker_pid", sa.Integer),
    sa.Column("worker_host", sa.String(255)),
    sa.Column("cancel_requested", sa.Boolean, nullable=False),
    sa.Column("n_attempts", sa.Integer, nullable=False),
)

LINKS = sa.Table(
    "links",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("run_id", sa.String(80), nullable=False, index=True),
    sa.Column("view_id", sa.String(32)),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("note", sa.String(255), nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("max_uses", sa.Integer),
    sa.Column("n_uses", sa.Integer, nullable=False),
    sa.Column("last_used_at", UtcDateTime),
)

SAVED_VIEWS = sa.Table(
    "saved_views",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("run_id", sa.String(80), nullable=False, index=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("page", sa.String(64), nullable=False),
    sa.Column("address", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("run_id", "name"),
)

_SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite counts up in a column of this type alone

DECISIONS = sa.Table(
    "decisions",
    METADATA,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(64), nullable=False, unique=True),
    sa.Column("run_id", sa.String(80), nullable=False),
    sa.Column("dataset_id", sa.String(32), nullable=False, index=True),
    sa.Column("finding_kind", sa.String(64), nullable=False),
    sa.Column("finding_key", sa.String(64), nullable=False),
    sa.Column("image_ids", sa.JSON, nullable=False),
    sa.Column("verdict", sa.String(16)),
    sa.Column("label", sa.String(255), nullable=False),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("reviewer", sa.String(255), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("source", sa.String(255), nullable=False),
    sa.Column("retracts", sa.String(64)),
    sqlite_autoincrement=True,
)

AUDIT = sa.Table(
    "audit",
    METADATA,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("who", sa.String(255), nullable=False),
    sa.Column("source", sa.String(255), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("run_id", sa.String(80), index=True),
    sa.Column("what", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)


ASSIGNMENTS = sa.Table(
    "assignments",
    METADATA,
    sa.Column("run_id", sa.String(80), primary_key=True),
    sa.Column("finding_key", sa.String(64), primary_key=True),
    sa.Column("reviewer", sa.String(255), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
)


def connect(url: str) -> sa.Engine:
    """Make the engine of a catalog, with its tables as this program knows them.

    Parameters
    ----------
    url : str
        SQLAlchemy's address; `postgresql://` and `postgres://` mean psycopg.
    """
    from dataeval_ui.store.schema import prepare_tables

    address = sa.make_url(url)
    if address.drivername in ("postgresql", "postgres"):
        address = address.set(drivername="postgresql+psycopg")
    is_sqlite = address.get_backend_name() == "sqlite"
    waits = {"connect_timeout": 10} if address.drivername == "postgresql+psycopg" else {}
    engine = sa.create_engine(address, pool_pre_ping=not is_sqlite, connect_args=waits, hide_parameters=True)
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        if address.database and address.database != ":memory:":
            # the names of datasets and files are nobody else's business
            Path(address.database).touch(mode=0o600)
    try:
        prepare_tables(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout=30000")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
