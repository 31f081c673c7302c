"""The catalog's version: migrations lead where the tables are, older catalogs come along, newer ones are refused."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import sqlalchemy as sa

from dataeval_ui.errors import ParameterError, StorageError
from dataeval_ui.store import schema
from dataeval_ui.store.catalog import open_catalog
from dataeval_ui.store.catalog_tables import METADATA
from dataeval_ui.store.workspace import Workspace
from tests.store.old_catalog import make_old_catalog


def described(url: str) -> dict[str, object]:
    """Tell everything of a database's tables that a program could notice."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    inspector = sa.inspect(engine)
    told = {
        table: {
            "columns": [
                (c["name"], str(c["type"]), c["nullable"], c.get("autoincrement"), c["default"])
                for c in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "foreign": [(f["constrained_columns"], f["referred_table"]) for f in inspector.get_foreign_keys(table)],
            "unique": sorted(u["column_names"] for u in inspector.get_unique_constraints(table)),
            "indexes": sorted((i["name"], i["column_names"], bool(i["unique"])) for i in inspector.get_indexes(table)),
        }
        for table in METADATA.tables
    }
    engine.dispose()
    return told


def test_the_steps_lead_to_the_tables_of_this_program(catalog_url: str, tmp_path: Path) -> None:
    open_catalog(catalog_url).close()
    made_at_once = described(catalog_url)
    engine = sa.create_engine(catalog_url.replace("postgresql://", "postgresql+psycopg://"))
    METADATA.drop_all(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
        connection.exec_driver_sql("CREATE TABLE datasets_of_another_program (id INTEGER)")
    make_old_catalog(engine)
    engine.dispose()
    open_catalog(catalog_url).close()
    assert described(catalog_url) == made_at_once


def test_the_last_step_is_the_version_of_this_program_and_names_every_table() -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    folder = Path(schema.__file__).with_name("migrations")
    assert ScriptDirectory(folder).get_heads() == [schema.HEAD]
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        make_old_catalog(engine, connection)
        schema._upgrade(connection, None)
        found = compare_metadata(MigrationContext.configure(connection), METADATA)
    assert found == []


def test_an_older_catalog_keeps_every_row_and_a_copy_stays_beside_it(workspace: Workspace) -> None:
    """`old_catalog.sql` is the dump of one that the last program without versions wrote."""
    file = workspace.root / "catalog.sqlite"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.executescript(Path(__file__).with_name("old_catalog.sql").read_text())
        before = all_rows(connection)
    assert sum(map(len, before.values())) >= 7
    catalog = open_catalog(workspace.catalog_url)
    assert [d.rule.label_from for d in catalog.list_datasets()] == ["folder:2"]
    assert [r.params.n_neighbors for r in catalog.list_runs()] == [7]
    assert [d.comment for d in catalog.list_decisions("d" * 16)] == ["tail is gone"]
    assert (catalog.list_links()[0].n_uses, catalog.list_jobs()[0].payload) == (3, {"n": 1})
    catalog.close()
    with contextlib.closing(sqlite3.connect(file)) as connection:
        after = all_rows(connection)
        assert {name: after[name] for name in before} == before
    fresh = f"sqlite:///{workspace.root}/fresh.sqlite"
    open_catalog(fresh).close()
    assert described(workspace.catalog_url) == described(fresh)
    [copy] = workspace.root.glob("catalog.before-*.sqlite")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        assert all_rows(connection) == before
    open_catalog(workspace.catalog_url).close()
    assert len(list(workspace.root.glob("catalog.before-*.sqlite"))) == 1


def all_rows(connection: sqlite3.Connection) -> dict[str, list[tuple[object, ...]]]:
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names if "sqlite_" not in name}


def test_a_newer_catalog_is_refused_and_left_as_it_is(catalog_url: str) -> None:
    open_catalog(catalog_url).close()
    engine = sa.create_engine(catalog_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match=r"version '9999', which a newer DataEval UI has written"):
        open_catalog(catalog_url)
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "9999"
    engine.dispose()


def test_a_step_that_fails_changes_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic.operations import Operations

    engine = sa.create_engine(workspace.catalog_url)
    rows = make_old_catalog(engine)
    engine.dispose()

    def fail(*args: object, **kwargs: object) -> None:
        raise sa.exc.OperationalError("CREATE TABLE", {}, Exception("database or disk is full"))

    monkeypatch.setattr(Operations, "create_table", fail)
    with pytest.raises(StorageError, match="disk is full"):
        open_catalog(workspace.catalog_url)
    with sqlite3.connect(workspace.root / "catalog.sqlite") as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert not names & {"alembic_version", "assignments"}
        assert connection.execute("SELECT * FROM runs").fetchall() == rows["runs"]


def test_several_processes_may_bring_one_catalog_up_to_date(catalog_url: str) -> None:
    engine = sa.create_engine(catalog_url.replace("postgresql://", "postgresql+psycopg://"))
    make_old_catalog(engine)
    engine.dispose()
    code = "import sys; from dataeval_ui.store.catalog import open_catalog; open_catalog(sys.argv[1]).close()"
    others = [subprocess.Popen([sys.executable, "-c", code, catalog_url]) for _ in range(3)]
    assert [other.wait() for other in others] == [0, 0, 0]


def test_a_catalog_that_is_up_to_date_is_opened_without_alembic(workspace: Workspace) -> None:
    open_catalog(workspace.catalog_url).close()
    code = """
        import sys
        from dataeval_ui.store.catalog import open_catalog
        for url in sys.argv[1:]:
            open_catalog(url).close()
        assert "alembic" not in sys.modules
    """
    new = f"sqlite:///{workspace.root}/new.sqlite"
    subprocess.run([sys.executable, "-c", textwrap.dedent(code), workspace.catalog_url, new], check=True)


@pytest.mark.parametrize("url", ["postgresql://me:se/cr@et@host:x/db", "nonsense", "postgresql://me:secret@host:1x/db"])
def test_an_address_that_cannot_be_read_shows_nothing_of_the_password(url: str) -> None:
    with pytest.raises(ParameterError, match="cannot be used: write postgresql://user:password@host") as caught:
        open_catalog(url)
    assert not any(part in str(caught.value) for part in ("se/cr", "secret", "et@"))


@pytest.mark.postgres
def test_a_server_that_refuses_is_a_sentence_without_the_password(postgres_url: str) -> None:
    where = postgres_url.partition("?host=")[2]
    url = f"postgresql://nobody:topsecret@/nothere?host={where}&password=topsecret2"
    with pytest.raises(StorageError, match="cannot be read or written") as caught:
        open_catalog(url)
    assert "topsecret" not in str(caught.value)
