"""The catalog as it was before it had a version: whatever table it lacks is made, and what is there stays."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SEQ = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables that are missing; earlier programs made some of them alone."""
    _tables().create_all(op.get_bind(), checkfirst=True)


def _tables() -> sa.MetaData:
    """Return the tables as they were, whatever `catalog_tables` says by now."""
    metadata = sa.MetaData()
    sa.Table(
        "datasets",
        metadata,
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False, unique=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("root", sa.Text, nullable=False),
        sa.Column("rule", sa.JSON, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("manifest_digest", sa.String(64)),
        sa.Column("n_files", sa.Integer),
    )
    sa.Table(
        "runs",
        metadata,
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("dataset_id", sa.String(32), sa.ForeignKey("datasets.id"), nullable=False, index=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("backbone", sa.String(255), nullable=False),
        sa.Column("key", sa.JSON, nullable=False),
        sa.Column("manifest_digest", sa.String(64), nullable=False),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("summary", sa.JSON, nullable=False),
        sa.Column("base_run_id", sa.String(80)),
    )
    sa.Table(
        "jobs",
        metadata,
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
        sa.Column("result", sa.JSON),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("started_at", sa.DateTime),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("heartbeat_at", sa.DateTime),
        sa.Column("worker_pid", sa.Integer),
        sa.Column("worker_host", sa.String(255)),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("n_attempts", sa.Integer, nullable=False),
    )
    sa.Table(
        "links",
        metadata,
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("run_id", sa.String(80), nullable=False, index=True),
        sa.Column("view_id", sa.String(32)),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("note", sa.String(255), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("expires_at", sa.DateTime, nullable=False),
        sa.Column("revoked_at", sa.DateTime),
        sa.Column("max_uses", sa.Integer),
        sa.Column("n_uses", sa.Integer, nullable=False),
        sa.Column("last_used_at", sa.DateTime),
    )
    sa.Table(
        "saved_views",
        metadata,
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("run_id", sa.String(80), nullable=False, index=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("page", sa.String(64), nullable=False),
        sa.Column("address", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("run_id", "name"),
    )
    sa.Table(
        "decisions",
        metadata,
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
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("retracts", sa.String(64)),
        sqlite_autoincrement=True,
    )
    sa.Table(
        "audit",
        metadata,
        sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(80), index=True),
        sa.Column("what", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    return metadata
