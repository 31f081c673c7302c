import os
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from dataeval_ui.data.table import list_table
from dataeval_ui.errors import AccessDeniedError, SourceError, UnknownNameError
from dataeval_ui.types import LabelRule
from tests.data.images import encoded, photo

PNG = encoded(photo(8, 8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "train/cat/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(PNG)
    return tmp_path


def write(folder: Path, text: str, name: str = "t.csv") -> Path:
    (folder / name).write_bytes(text.encode("utf-8"))
    return folder / name


def test_columns_become_label_split_and_metadata(folder: Path) -> None:
    path = write(folder, "file,species,fold,weight,day\ntrain/cat/b.png,007,x,2.5,2026-01-02\na.png,,y,3,2026-01-03\n")
    listing = list_table(path, rule=LabelRule(label_from="species", split_from="fold"))
    assert listing.root == str(folder.resolve())
    rows = listing.table.to_pylist()
    assert [(r["path"], r["label"], r["split"], r["meta.weight"]) for r in rows] == [
        ("a.png", None, "y", 3.0),
        ("train/cat/b.png", "007", "x", 2.5),
    ]
    assert [name for name in listing.table.column_names if name.startswith("meta.")] == ["meta.weight", "meta.day"]
    assert rows[0]["n_bytes"] == len(PNG)


def test_a_column_named_label_goes_before_folders_and_a_level_before_it(folder: Path) -> None:
    path = write(folder, "path,label\ntrain/cat/b.png,dog\n")
    [row] = list_table(path, rule=LabelRule()).table.to_pylist()
    assert (row["label"], row["split"]) == ("dog", "train")
    [row] = list_table(path, rule=LabelRule(label_from="folder:2")).table.to_pylist()
    assert (row["label"], row["meta.label"]) == ("cat", "dog")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_and_a_byte_order_mark_are_read(folder: Path, delimiter: str) -> None:
    path = write(folder, f"\ufeffPath{delimiter}n\na.png{delimiter}4\n")
    [row] = list_table(path, rule=LabelRule()).table.to_pylist()
    assert (row["path"], row["status"], row["meta.n"]) == ("a.png", "listed", 4)


def test_parquet_gives_what_csv_gives_and_nested_values_as_text(folder: Path) -> None:
    table = pa.table(
        {
            "image": ["a.png", "train/cat/b.png"],
            "kind": pa.array(["x", "y"]).dictionary_encode(),
            "box": [[1, 2], None],
            "n": pa.array([1, None], pa.int16()),
        }
    )
    parquet.write_table(table, folder / "t.parquet")
    rows = list_table(folder / "t.parquet", rule=LabelRule()).table.to_pylist()
    assert [(r["meta.kind"], r["meta.box"], r["meta.n"]) for r in rows] == [("x", "[1, 2]", 1), ("y", None, None)]


def test_missing_files_and_empty_paths_are_findings(folder: Path) -> None:
    path = write(folder, "path,n\nnone.png,1\n,2\nhttps://example.org/a.png,3\na.png,4\n")
    rows = {row["meta.n"]: row for row in list_table(path, rule=LabelRule()).table.to_pylist()}
    assert [rows[n]["status"] for n in (1, 2, 3, 4)] == ["unreadable"] * 3 + ["listed"]
    assert "does not exist" in rows[1]["reason"]
    assert rows[2]["reason"] == "Row 2 of the table has no path."
    assert "web address" in rows[3]["reason"]


def test_a_path_that_comes_again_is_one_place_and_counted(folder: Path) -> None:
    path = write(folder, "path,box\na.png,1\n./a.png,2\ntrain/cat/b.png,3\ntrain\\cat\\b.png,4\na.png,5\n")
    rows = list_table(path, rule=LabelRule()).table.to_pylist()
    assert [(r["path"], r["meta.box"], r["meta.n_rows"]) for r in rows] == [("a.png", 1, 3), ("train/cat/b.png", 3, 2)]


def test_absolute_paths_get_their_common_parent(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    tables = tmp_path_factory.mktemp("tables")
    path = write(tables, f"path\n{folder / 'a.png'}\n{folder / 'train/cat/b.png'}\n")
    listing = list_table(path, rule=LabelRule())
    assert listing.root == str(folder.resolve())
    assert listing.table["path"].to_pylist() == ["a.png", "train/cat/b.png"]
    climbing = write(folder / "train", "path\n../a.png\ncat/b.png\n")
    assert list_table(climbing, rule=LabelRule()).root == str(folder.resolve())


def test_files_outside_the_allowed_roots_are_refused(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "c.png"
    outside.write_bytes(PNG)
    (folder / "link.png").symlink_to(outside)
    roots = [os.path.realpath(folder)]
    for name in (str(outside), f"../{outside.parent.name}/c.png", "link.png"):
        with pytest.raises(AccessDeniedError, match="outside the folders"):
            list_table(write(folder, f"path\n{name}\n"), rule=LabelRule(), allowed_roots=roots)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,species\na,b\n", "no column of paths; it has name, species"),
        ("path,n\n", "no rows"),
        ("path,n,n\na.png,1,2\n", "'n' twice"),
        ("path,n\na.png\n", "cannot be read as CSV"),
        ("", "cannot be read as CSV"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_a_sentence(folder: Path, text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        list_table(write(folder, text), rule=LabelRule())


def test_text_that_is_not_utf8_and_a_false_parquet_are_refused(folder: Path) -> None:
    (folder / "t.csv").write_bytes(b"path,n\xe9\na.png,1\n")
    with pytest.raises(SourceError, match="UTF-8"):
        list_table(folder / "t.csv", rule=LabelRule())
    (folder / "t.csv").write_bytes(b"path,n\na.png,\xe9\n")
    with pytest.raises(SourceError, match="not UTF-8"):
        list_table(folder / "t.csv", rule=LabelRule())
    (folder / "t.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(SourceError, match="Parquet"):
        list_table(folder / "t.parquet", rule=LabelRule())


def test_an_unknown_column_is_named_with_the_known_ones(folder: Path) -> None:
    path = write(folder, "path,species\na.png,cat\n")
    with pytest.raises(UnknownNameError, match="Did you mean 'species'"):
        list_table(path, rule=LabelRule(label_from="spezies"))
    with pytest.raises(UnknownNameError, match="no column named 'where'"):
        list_table(path, rule=LabelRule(path_column="where"))
