import tarfile
from pathlib import Path

import pytest

from dataeval_ui.data import list_source
from dataeval_ui.errors import AccessDeniedError, SourceError, UnknownNameError
from dataeval_ui.types import LabelRule
from tests.data.images import SETTINGS, encoded, photo

PNG = encoded(photo(8, 8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("train/cat/1.png", "test/dog/2.png"):
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        (tmp_path / "set" / name).write_bytes(PNG)
    return tmp_path / "set"


def test_a_folder_an_archive_and_a_table_of_the_same_files_list_alike(folder: Path) -> None:
    with tarfile.open(folder.parent / "a.tgz", "w:gz") as file:
        file.add(folder, "wrapper")
    (folder / "files.csv").write_text("path\ntrain/cat/1.png\ntest/dog/2.png\n")
    sources = [folder, folder.parent / "a.tgz", folder / "files.csv"]
    listings = [
        list_source(str(source), rule=LabelRule(), settings=SETTINGS, workspace_sources=folder.parent / "ws")
        for source in sources
    ]
    columns = ["path", "label", "split", "n_bytes", "status"]
    first, *others = [listing.table.select(columns).to_pylist() for listing in listings]
    assert [(row["path"], row["label"], row["split"]) for row in first] == [
        ("test/dog/2.png", "dog", "test"),
        ("train/cat/1.png", "cat", "train"),
    ]
    assert others == [first, first]
    assert list_source(folder, rule=LabelRule(), settings=SETTINGS).table.equals(listings[0].table)


def test_the_home_folder_is_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    assert list_source("~/set", rule=LabelRule(), settings=SETTINGS).n_files == 2


def test_sources_that_are_none_are_refused_in_a_sentence(folder: Path) -> None:
    (folder / "a.mp4").write_bytes(b"x")
    for source, says in [
        (folder / "nowhere", "There is no file or folder"),
        (folder / "a.mp4", "is no source of images"),
        ("", "empty"),
        ("a\0b", "NUL"),
    ]:
        with pytest.raises(SourceError, match=says):
            list_source(source, rule=LabelRule(), settings=SETTINGS)


def test_a_source_outside_the_allowed_roots_is_refused_before_it_is_looked_at(folder: Path) -> None:
    for source in (folder, folder.parent / "does-not-exist"):
        with pytest.raises(AccessDeniedError, match="DATAEVAL_UI_DATA_ROOTS"):
            list_source(source, rule=LabelRule(), settings=SETTINGS, allowed_roots=[folder / "train"])
    inside = list_source(folder / "train", rule=LabelRule(), settings=SETTINGS, allowed_roots=[folder])
    assert inside.n_files == 1


def test_a_folder_has_no_columns(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'folder'"):
        list_source(folder, rule=LabelRule(label_from="folders"), settings=SETTINGS)


def test_an_archive_without_images_is_named_and_not_the_folder_that_it_is_unpacked_to(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("no image")
    with tarfile.open(tmp_path / "texts.tgz", "w:gz") as file:
        file.add(tmp_path / "readme.txt", "readme.txt")
    with pytest.raises(SourceError, match=r"^The archive texts\.tgz holds no images") as error:
        list_source(
            tmp_path / "texts.tgz", rule=LabelRule(), settings=SETTINGS, workspace_sources=tmp_path / "workspace"
        )
    assert str(tmp_path) not in str(error.value)
