from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataeval_ui.data import list_source
from dataeval_ui.data.huggingface import INDEX_NAME
from dataeval_ui.errors import AccessDeniedError, ParameterError, SourceError, UnknownNameError, UnsafeArchiveError
from dataeval_ui.settings import Settings
from dataeval_ui.types import LabelRule
from tests.data.annotations import listed, objects, reasons, rows
from tests.data.images import encoded, photo

PNG = [encoded(photo(40, 20, seed=seed)) for seed in range(4)]
CLASSES = {"_type": "ClassLabel", "names": ["cat", "dog"]}
IMAGE = {"_type": "Image"}


def table(values: dict[str, Any], features: dict[str, Any] | None = None) -> pa.Table:
    """A table as the `datasets` library writes it."""
    made = pa.table(values)
    if features is None:
        return made
    return made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def images(*values: tuple[bytes | None, str | None]) -> pa.Array:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.array([{"bytes": data, "path": path} for data, path in values], kind)


def write_shards(root: Path) -> Path:
    """Two splits of Parquet shards."""
    (root / "data").mkdir(parents=True)
    features = {"image": IMAGE, "label": CLASSES, "weather": {"dtype": "string", "_type": "Value"}}
    train = {"image": images((PNG[0], "a.png"), (PNG[1], "b.png")), "label": [1, 0], "weather": ["sun", None]}
    pq.write_table(table(train, features), root / "data/train-00000-of-00001.parquet")
    valid = {"image": images((PNG[2], None)), "label": [-1], "weather": ["rain"]}
    pq.write_table(table(valid, features), root / "data/validation-00000-of-00001.parquet")
    return root


def test_labels_splits_and_columns_come_from_the_shards(tmp_path: Path) -> None:
    listing = listed(write_shards(tmp_path / "set"), tmp_path / "workspace")
    assert rows(listing, "path", "label", "split", "meta.weather") == [
        ("train/00000000-a.png", "dog", "train", "sun"),
        ("train/00000001-b.png", "cat", "train", None),
        ("val/00000002.png", None, "val", "rain"),
    ]
    assert Path(listing.root).parent == (tmp_path / "workspace/sources").resolve()
    assert [(Path(listing.root) / path).read_bytes() for (path,) in rows(listing, "path")] == PNG[:3]
    assert listing.objects is None


def test_images_are_written_once_and_anew_when_a_shard_changes(tmp_path: Path) -> None:
    root = write_shards(tmp_path / "set")
    first = listed(root, tmp_path / "workspace")
    again = listed(root, tmp_path / "workspace")
    assert again.table.equals(first.table)
    (root / "data/validation-00000-of-00001.parquet").unlink()
    assert listed(root, tmp_path / "workspace").root != first.root


def test_a_dataset_saved_by_the_library_is_read_without_it(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    values = {"image": [np.full((20, 40, 3), 10 * i, np.uint8) for i in range(3)], "label": [0, 1, 1]}
    saved = datasets.Dataset.from_dict(values, features=features)
    datasets.DatasetDict({"train": saved, "test": saved.select([2])}).save_to_disk(tmp_path / "both")
    saved.save_to_disk(tmp_path / "one")
    saved.to_parquet(tmp_path / "shard.parquet")
    both = listed(tmp_path / "both", tmp_path / "workspace")
    assert rows(both, "label", "split") == [("dog", "test"), ("cat", "train"), ("dog", "train"), ("dog", "train")]
    assert rows(listed(tmp_path / "one", tmp_path / "workspace"), "label", "split")[0] == ("cat", None)
    assert rows(listed(tmp_path / "shard.parquet", tmp_path / "workspace"), "label") == [("cat",), ("dog",), ("dog",)]


@pytest.mark.parametrize("as_list", [False, True])
def test_a_column_of_objects_gives_boxes_and_classes(as_list: bool, tmp_path: Path) -> None:
    boxes, numbers = [[0, 0, 10, 10], [20, 5, 8, 4], [0.0, 10, float("nan"), 4], [0, 0, 5, 5]], [0, 1, 1, 7]
    value: Any = {"bbox": boxes, "category": numbers}
    if as_list:
        value = [{"bbox": box, "category": number} for box, number in zip(boxes, numbers, strict=True)]
    features = {"image": IMAGE, "objects": {"feature": {"bbox": {}, "category": CLASSES}, "_type": "Sequence"}}
    made = table({"image": images((PNG[0], "a.png")), "objects": [value], "width": [40], "height": [20]}, features)
    pq.write_table(made, tmp_path / "set.parquet")
    listing = listed(tmp_path / "set.parquet", tmp_path / "workspace")
    assert rows(listing, "label", "meta.n_objects", "meta.width") == [("cat", 4, 40)]
    assert objects(listing, "label", "x", "width", "frame_width")[:2] == [("cat", 0, 10, 40), ("dog", 20, 8, 40)]
    assert reasons(listing)[:2] == [None, None]
    assert "not finite" in str(reasons(listing)[2])
    assert "no class of the number 7" in str(reasons(listing)[3])


def test_a_label_column_can_be_named_and_folders_cannot(tmp_path: Path) -> None:
    root = write_shards(tmp_path / "set")
    assert rows(listed(root, tmp_path / "w", label_from="weather"), "label", "meta.label") == [
        ("sun", "dog"),
        (None, "cat"),
        ("rain", None),
    ]
    assert rows(listed(root, tmp_path / "w", label_from="none", split_from="none"), "label", "split")[0] == (None, None)
    with pytest.raises(UnknownNameError, match="no column named 'species'"):
        listed(root, tmp_path / "w", label_from="species")
    with pytest.raises(ParameterError, match="name a column"):
        listed(root, tmp_path / "w", label_from="folder:2")


def test_a_path_without_bytes_is_never_followed(tmp_path: Path) -> None:
    values = images((None, "/etc/passwd"), (None, "../../x.png"), (None, None), (PNG[0], "../../../x.png"))
    pq.write_table(table({"image": values}, {"image": IMAGE}), tmp_path / "set.parquet")
    listing = listed(tmp_path / "set.parquet", tmp_path / "workspace")
    assert rows(listing, "path", "status") == [
        ("data/00000000-passwd", "unreadable"),
        ("data/00000001-x", "unreadable"),
        ("data/00000002", "unreadable"),
        ("data/00000003-x.png", "listed"),
    ]
    written = {path.relative_to(listing.root).as_posix() for path in Path(listing.root).rglob("*") if path.is_file()}
    assert written == {INDEX_NAME, "data/00000003-x.png"}
    assert "only a path" in str(rows(listing, "reason")[0])


def test_hostile_names_of_columns_files_and_splits_stay_inside(tmp_path: Path) -> None:
    made = table({"image": images((PNG[0], "a\0b/../../../c d.png")), "_path": ["/etc/x"], "blob": [b"\xff"]})
    (tmp_path / "set").mkdir()
    pq.write_table(made, tmp_path / "set/x%2f..-0000-of-0001.parquet")
    [(path, status)] = rows(listed(tmp_path / "set", tmp_path / "workspace"), "path", "status")
    assert (path, status) == ("x_2f_/00000000-c_d.png", "listed")


def test_too_many_bytes_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    root = write_shards(tmp_path / "set")
    settings = Settings(workspace=tmp_path / "w", max_archive_bytes=len(PNG[0]) + 1)
    with pytest.raises(UnsafeArchiveError, match="max_archive_bytes"):
        list_source(root, rule=LabelRule(), settings=settings)
    with pytest.raises(UnsafeArchiveError, match="max_archive_files"):
        list_source(root, rule=LabelRule(), settings=Settings(workspace=tmp_path / "w", max_archive_files=2))
    assert list((tmp_path / "w/sources").iterdir()) == []


@pytest.mark.parametrize("description", ['{"_data_files": [{"filename": "../x.arrow"}]}', "[]", "{", "[" * 10**5])
def test_a_hostile_description_is_one_sentence(description: str, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/state.json").write_text(description)
    (tmp_path / "set/dataset_info.json").write_text("{}")
    with pytest.raises(SourceError, match=r"outside its folder|no JSON|not the description"):
        listed(tmp_path / "set", tmp_path / "workspace")


def test_a_damaged_or_missing_arrow_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/state.json").write_text('{"_data_files": [{"filename": "x.arrow"}]}')
    (tmp_path / "set/dataset_info.json").write_text("{}")
    with pytest.raises(SourceError, match=r"x\.arrow cannot be read"):
        listed(tmp_path / "set", tmp_path / "workspace")
    (tmp_path / "set/x.arrow").write_bytes(b"no arrow at all, but long enough")
    with pytest.raises(SourceError, match="cannot be read"):
        listed(tmp_path / "set", tmp_path / "workspace")


def test_a_shard_outside_the_allowed_roots_is_refused(tmp_path: Path) -> None:
    root = write_shards(tmp_path / "set")
    shard = root / "data/train-00000-of-00001.parquet"
    shard.rename(tmp_path / "elsewhere.parquet")
    shard.symlink_to(tmp_path / "elsewhere.parquet")
    settings = Settings(workspace=tmp_path / "w")
    with pytest.raises(AccessDeniedError):
        list_source(root, rule=LabelRule(), settings=settings, allowed_roots=[root])
    assert list_source(root, rule=LabelRule(), settings=settings).n_files == 3


def test_a_table_of_paths_is_no_dataset_of_images(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG[0])
    pq.write_table(pa.table({"path": ["a.png"], "label": ["cat"]}), tmp_path / "set.parquet")
    assert rows(listed(tmp_path / "set.parquet", tmp_path / "w"), "path", "label") == [("a.png", "cat")]
    assert rows(listed(tmp_path, tmp_path / "w"), "path")[0] == ("a.png",)


class FakeSplit:
    def __init__(self, made: pa.Table) -> None:
        self.made = made

    def with_format(self, name: str) -> FakeSplit:
        assert name == "arrow"
        return self

    def iter(self, batch_size: int) -> Any:
        yield self.made.slice(0, batch_size)


def fake_library(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[tuple[str, str | None]]:
    asked: list[tuple[str, str | None]] = []

    def load_dataset(name: str, config: str | None) -> Any:
        asked.append((name, config))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load_dataset))
    return asked


def test_a_dataset_of_the_hub_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = table({"image": images((PNG[0], "a.png")), "label": [1]}, {"image": IMAGE, "label": CLASSES})
    asked = fake_library(monkeypatch, {"train": FakeSplit(made), "validation": FakeSplit(made)})
    first = listed("hf://owner/animals#small", tmp_path)
    assert rows(first, "path", "label", "split") == [
        ("train/00000000-a.png", "dog", "train"),
        ("val/00000001-a.png", "dog", "val"),
    ]
    assert listed("hf://owner/animals#small", tmp_path).table.equals(first.table)
    offline = Settings(workspace=tmp_path, offline=True)
    assert list_source("hf://owner/animals#small", rule=LabelRule(), settings=offline).n_files == 2
    assert asked == [("owner/animals", "small")]


def test_a_dataset_of_the_hub_that_cannot_be_had_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_library(monkeypatch, ConnectionError("Couldn't reach the hub.\ntraceback"))
    with pytest.raises(
        SourceError, match=r"cannot be fetched from the hub .Couldn't reach the hub.: check name and net"
    ):
        listed("hf://owner/animals", tmp_path)
    with pytest.raises(SourceError, match="the settings say offline"):
        list_source("hf://owner/animals", rule=LabelRule(), settings=Settings(workspace=tmp_path, offline=True))
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(SourceError, match=r'pip install "dataeval-ui\[hf\]"'):
        listed("hf://owner/animals", tmp_path)
