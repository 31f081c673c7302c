from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from dataeval_ui.errors import ParameterError, StorageError, UnknownNameError
from dataeval_ui.store.catalog import Catalog, open_catalog
from dataeval_ui.store.records import DatasetRecord, RunRecord
from dataeval_ui.store.workspace import Workspace
from dataeval_ui.types import AnalysisParams, LabelRule
from tests.fakes import KEY


def add_dataset(catalog: Catalog, name: str = "cats") -> DatasetRecord:
    return catalog.add_dataset(
        name=name, source="~/cats", root="/data/cats", rule=LabelRule(label_from="folder:2"), kind="folder"
    )


def add_run(catalog: Catalog, dataset: DatasetRecord, run_id: str = "cats-1") -> RunRecord:
    return catalog.add_run(
        id=run_id,
        dataset_id=dataset.id,
        name="first",
        backbone="tiny",
        key=KEY,
        manifest_digest="ab12",
        params=AnalysisParams(n_neighbors=7, min_cluster_size=None),
    )


def test_a_dataset_comes_back_by_id_and_by_name(catalog: Catalog) -> None:
    dataset = add_dataset(catalog)
    assert catalog.get_dataset(dataset.id) == catalog.get_dataset("cats") == dataset
    assert dataset.created_at.utcoffset() == timedelta(0)
    assert len(dataset.id) == 16


def test_an_unknown_name_suggests_the_nearest(catalog: Catalog) -> None:
    dataset = add_dataset(catalog)
    add_run(catalog, dataset)
    with pytest.raises(UnknownNameError, match=r"There is no dataset named 'cat'\. Did you mean 'cats'\?"):
        catalog.get_dataset("cat")
    with pytest.raises(UnknownNameError, match=r"There is no run named 'cats-2'\. Did you mean 'cats-1'\?"):
        catalog.get_run("cats-2")
    with pytest.raises(UnknownNameError, match="There is no job named 'x'"):
        catalog.get_job("x")


def test_a_name_is_given_once(catalog: Catalog) -> None:
    add_dataset(catalog)
    other = add_dataset(catalog, "dogs")
    with pytest.raises(ParameterError, match="There is a dataset named 'cats' already"):
        add_dataset(catalog)
    with pytest.raises(ParameterError, match="There is a dataset named 'cats' already"):
        catalog.update_dataset(other.id, name="cats")
    with pytest.raises(ParameterError, match="has 1 to 255 characters, got 0"):
        add_dataset(catalog, "  ")
    assert [dataset.name for dataset in catalog.list_datasets()] == ["cats", "dogs"]


def test_changes_of_a_dataset_are_kept(catalog: Catalog) -> None:
    dataset = add_dataset(catalog)
    catalog.update_dataset(dataset.id, manifest_digest="ff00", n_files=9, rule=LabelRule(split_from="none"))
    changed = catalog.get_dataset(dataset.id)
    assert (changed.manifest_digest, changed.n_files, changed.rule) == ("ff00", 9, LabelRule(split_from="none"))
    with pytest.raises(TypeError, match="has no field 'colour'"):
        catalog.update_dataset(dataset.id, colour="red")
    with pytest.raises(UnknownNameError):
        catalog.update_dataset("nobody", n_files=1)


def test_a_run_comes_back_whole_and_changes_are_kept(catalog: Catalog) -> None:
    run = add_run(catalog, add_dataset(catalog))
    assert catalog.get_run("cats-1") == run
    moment = datetime(2026, 5, 4, 12, tzinfo=timezone(timedelta(hours=2)))
    changed = catalog.update_run("cats-1", finished_at=moment, summary={"n_files": 3, "seconds": {"read": 0.5}})
    assert changed.finished_at == moment
    assert changed.finished_at is not None
    assert changed.finished_at.tzinfo is UTC
    assert changed.summary == {"n_files": 3, "seconds": {"read": 0.5}}
    with pytest.raises(ParameterError, match="There is a run 'cats-1' already"):
        add_run(catalog, catalog.get_dataset("cats"))


def test_a_run_needs_its_dataset_and_goes_with_it(catalog: Catalog) -> None:
    first, second = add_dataset(catalog), add_dataset(catalog, "dogs")
    add_run(catalog, first, "a")
    add_run(catalog, second, "b")
    assert [run.id for run in catalog.list_runs(first.id)] == ["a"]
    catalog.remove_dataset(first.id)
    assert [run.id for run in catalog.list_runs()] == ["b"]
    with pytest.raises(UnknownNameError):
        add_run(catalog, first, "c")
    catalog.remove_run("b")
    assert catalog.list_runs() == []
    with pytest.raises(UnknownNameError):
        catalog.remove_run("b")


def test_runs_are_listed_newest_first(catalog: Catalog) -> None:
    dataset = add_dataset(catalog)
    for run_id in ("a", "b", "c"):
        add_run(catalog, dataset, run_id)
    assert [run.id for run in catalog.list_runs()] == ["c", "b", "a"]


def test_hostile_names_are_data(catalog: Catalog) -> None:
    name = "'; DROP TABLE datasets; -- <script> \U0001f431"
    assert catalog.get_dataset(add_dataset(catalog, name).id).name == name


def test_threads_share_a_catalog(catalog: Catalog) -> None:
    with ThreadPoolExecutor(8) as threads:
        names = list(threads.map(lambda n: add_dataset(catalog, f"d{n:02d}").name, range(40)))
    assert [dataset.name for dataset in catalog.list_datasets()] == sorted(names)


def test_two_processes_may_make_the_tables_at_once(catalog_url: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        opened = list(threads.map(lambda _: open_catalog(catalog_url), range(6)))
    for catalog in opened:
        assert catalog.list_datasets() == []
        catalog.close()


def test_a_catalog_that_is_no_database_is_a_sentence(workspace: Workspace) -> None:
    (workspace.root / "catalog.sqlite").write_bytes(b"no database at all, but long enough to look like one" * 20)
    with pytest.raises(StorageError, match=r"The catalog .* cannot be read or written: file is not a database"):
        open_catalog(workspace.catalog_url)


def test_a_catalog_that_cannot_be_reached_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"The catalog .* cannot be read or written"):
        open_catalog(f"sqlite:///{tmp_path}/missing/catalog.sqlite")


def test_an_address_that_cannot_be_used_shows_no_password() -> None:
    with pytest.raises(ParameterError, match="cannot be used") as caught:
        open_catalog("nosuchdatabase://me:secret@host/name")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("column", ["key", "params", "summary"])
def test_a_damaged_record_is_a_sentence(tmp_path: Path, column: str) -> None:
    import sqlite3

    catalog = open_catalog(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    add_run(catalog, add_dataset(catalog))
    with sqlite3.connect(tmp_path / "catalog.sqlite") as connection:
        connection.execute(f"UPDATE runs SET {column} = '{{'")
    with pytest.raises(StorageError, match="cannot be read"):
        catalog.list_runs()
