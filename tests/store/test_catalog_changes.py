"""Whether a catalog has changed, told without reading it."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from dataeval_ui.store.catalog import Catalog, open_catalog
from dataeval_ui.store.catalog_base import now_utc
from dataeval_ui.store.catalog_changes import CatalogChanges
from dataeval_ui.store.catalog_sharing import LinkRecord
from dataeval_ui.store.workspace import open_workspace

WRITE = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM links'); c.commit()"


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return open_catalog(open_workspace(tmp_path / "workspace").catalog_url)


def add_link(catalog: Catalog, link_id: str = "ab") -> None:
    now = now_utc()
    catalog.add_link(
        LinkRecord(
            id=link_id, run_id="r", view_id=None, role="view", note="", token_hash=link_id, created_at=now,
            expires_at=now + timedelta(days=1), max_uses=None,
        )
    )  # fmt: skip


def test_every_commit_changes_the_version_and_nothing_else_does(catalog: Catalog) -> None:
    changes = CatalogChanges(catalog.path)
    seen = [changes.version()]
    for number in range(20):
        add_link(catalog, f"{number:016x}")
        assert changes.version() not in seen
        seen.append(changes.version())
    catalog.list_links()
    assert changes.version() == seen[-1]


def test_a_commit_of_another_process_changes_it_too(catalog: Catalog) -> None:
    add_link(catalog)
    changes = CatalogChanges(catalog.path)
    before = changes.version()
    subprocess.run([sys.executable, "-c", WRITE, str(catalog.path)], check=True)
    assert changes.version() != before


def test_nothing_is_told_of_a_catalog_elsewhere_or_one_that_is_gone(tmp_path: Path) -> None:
    assert CatalogChanges(None).version() is None
    assert CatalogChanges(tmp_path / "none.sqlite").version() is None
    assert not (tmp_path / "none.sqlite").exists()


def test_a_version_is_told_while_somebody_writes(catalog: Catalog) -> None:
    import sqlite3

    changes = CatalogChanges(catalog.path)
    before = changes.version()
    assert catalog.path is not None
    writer = sqlite3.connect(catalog.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM links")
    assert changes.version() == before
    writer.execute("COMMIT")
    writer.close()
