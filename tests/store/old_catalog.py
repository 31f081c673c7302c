"""A catalog as it was written before it had a version: the tables, and a row in most of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from dataeval_ui.store.migrations.versions import v0001_first
from tests.fakes import KEY

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC).replace(tzinfo=None)
ROWS: dict[str, dict[str, Any]] = {
    "datasets": {
        "id": "d" * 16, "name": "cats", "source": "~/cats", "root": "/data/cats", "rule": {}, "kind": "folder",
        "created_at": AT, "manifest_digest": "ab12", "n_files": 3,
    },
    "runs": {
        "id": "cats-1", "dataset_id": "d" * 16, "name": "first", "backbone": "tiny",
        "key": {name: getattr(KEY, name) for name in type(KEY).__slots__}, "manifest_digest": "ab12",
        "params": {"n_neighbors": 7}, "created_at": AT, "summary": {"n_files": 3},
    },
    "links": {
        "id": "l1", "run_id": "cats-1", "role": "decide", "note": "Ann", "token_hash": "00", "created_at": AT,
        "expires_at": AT, "n_uses": 3,
    },
    "decisions": {
        "id": "decision-1", "run_id": "cats-1", "dataset_id": "d" * 16, "finding_kind": "outlier", "finding_key": "k1",
        "image_ids": ["a", "b"], "verdict": "keep", "label": "", "comment": "tail is gone", "reviewer": "ann",
        "at": AT, "source": "local",
    },
    "audit": {"at": AT, "who": "ann", "source": "local", "action": "decide", "run_id": "cats-1", "what": "outlier k1"},
}  # fmt: skip


def make_old_catalog(engine: sa.Engine, connection: sa.Connection | None = None) -> dict[str, list[tuple[Any, ...]]]:
    """Write it; returns the rows as the database tells them."""
    metadata = v0001_first._tables()
    if connection is None:
        with engine.begin() as own:
            return make_old_catalog(engine, own)
    metadata.create_all(connection)
    told: dict[str, list[tuple[Any, ...]]] = {}
    for name, row in ROWS.items():
        connection.execute(metadata.tables[name].insert().values(**row))
        told[name] = [tuple(r) for r in connection.exec_driver_sql(f"SELECT * FROM {name}")]
    return told
