"""Answers of the catalog, kept until it changes by whomever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dataeval_ui.services.context import Services
from dataeval_ui.services.unchanged import unchanged
from dataeval_ui.store.catalog_changes import CatalogChanges
from tests.server.doors import make_door

RENAME = (
    "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(\"UPDATE runs SET name = 'new'\"); c.commit()"
)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return make_door(tmp_path).services


def test_a_question_is_asked_once_until_anything_changes_here_or_elsewhere(services: Services) -> None:
    catalog, asked = services.catalog, list[str]()
    if catalog.path is None:
        pytest.skip("a catalog in PostgreSQL cannot tell of changes")

    def name() -> str:
        asked.append("name")
        return catalog.get_run("fake").name

    before = unchanged(catalog, "name", name)
    assert [unchanged(catalog, "name", name) for _ in range(20)] == [before] * 20
    assert unchanged(catalog, "other", lambda: 7) == 7
    assert len(asked) == 1
    catalog.log_action(who="a", source="b", action="c")
    assert unchanged(catalog, "name", name) == before
    assert len(asked) == 2
    subprocess.run([sys.executable, "-c", RENAME, str(catalog.path)], check=True)
    assert unchanged(catalog, "name", name) == "new"


def test_what_changes_while_it_is_read_is_read_again(services: Services) -> None:
    catalog = services.catalog

    def read_too_early() -> int:
        last = len(catalog.list_audit())
        catalog.log_action(who="a", source="b", action="c")
        return last

    first = unchanged(catalog, "audit", read_too_early)
    assert unchanged(catalog, "audit", lambda: len(catalog.list_audit())) == first + 1


def test_where_changes_cannot_be_told_every_question_is_asked(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CatalogChanges, "version", lambda _: None)
    answers = iter(range(3))
    assert [unchanged(services.catalog, "q", lambda: next(answers)) for _ in range(3)] == [0, 1, 2]
