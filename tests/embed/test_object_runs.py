from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.compute as pc
import pytest

from dataeval_ui.data import decode_crops
from dataeval_ui.embed import object_places
from dataeval_ui.settings import Settings
from dataeval_ui.store.parts import ImageParts
from dataeval_ui.store.thumbnails import ThumbnailStore
from dataeval_ui.store.workspace import open_workspace
from dataeval_ui.types import Manifest
from tests.data.annotations import coco, coco_image, coco_object, write_coco, write_json
from tests.data.images import encoded, photo
from tests.embed.fakes import TINY
from tests.embed.object_run import run, write_objects


def columns(manifest: Manifest, *names: str) -> list[tuple[object, ...]]:
    return list(zip(*(manifest.table[name].to_pylist() for name in names), strict=True))


def parts(workspace: Path, kind: str) -> dict[str, bytes]:
    found = (workspace / kind).rglob("parts/*.parquet")
    return {path.name: path.read_bytes() for path in found if not path.name.startswith(".")}


def test_every_object_is_a_row_with_its_class_box_and_crop(tmp_path: Path) -> None:
    outcome, runner = run(tmp_path / "workspace", write_coco(tmp_path / "set"))
    manifest = outcome.manifest
    names = ("path", "label", "split", "status", "width_px", "height_px", "file", "object", "box_left_px")
    assert columns(manifest, *names) == [
        ("train2017/1.png#0", "cat", "train", "ok", 12, 12, "train2017/1.png", 0, 0.0),
        ("train2017/1.png#1", "dog", "train", "ok", 10, 10, "train2017/1.png", 1, 20.0),
        ("train2017/1.png#2", "dog", "train", "ok", 5, 5, "train2017/1.png", 2, 0.0),
    ]
    assert columns(manifest, "file_width_px", "file_height_px", "format") == [(40, 20, "PNG")] * 3
    assert outcome.n_embedded == runner.n_images == 3
    assert manifest.objects is None


def test_what_is_stored_of_an_object_is_what_its_crop_gives(tmp_path: Path) -> None:
    root = write_coco(tmp_path / "set")
    manifest = run(tmp_path / "workspace", root)[0].manifest
    settings = Settings(workspace=tmp_path / "workspace")
    data = (root / "train2017/1.png").read_bytes()
    expected = list(decode_crops(data, [(0, 0, 12, 12), (19, 2, 10, 10)], preprocessing=TINY, settings=settings))
    ids = manifest.table["image_id"].to_pylist()[:2]
    workspace = open_workspace(tmp_path / "workspace")
    stored = ImageParts(workspace).read(ids)
    assert stored["phash"].to_pylist() == [image.phash for image in expected]
    assert [ThumbnailStore(workspace).get(image_id) for image_id in ids] == [image.thumbnail for image in expected]


def test_bad_objects_and_unreadable_files_are_rows_with_a_reason(tmp_path: Path) -> None:
    manifest = run(tmp_path / "workspace", write_objects(tmp_path / "set", 4))[0].manifest
    bad = {path: reason for path, status, reason in columns(manifest, "path", "status", "reason") if status != "ok"}
    assert set(bad) == {"images/001.png#2", "images/broken.png#0"}
    assert "outside the image" in str(bad["images/001.png#2"])
    assert "no image of a known format" in str(bad["images/broken.png#0"])


def test_the_same_box_twice_is_the_same_image_twice(tmp_path: Path) -> None:
    outcome, runner = run(tmp_path / "workspace", write_objects(tmp_path / "set", 4))
    ids = dict(columns(outcome.manifest, "path", "image_id"))
    assert ids["images/001.png#0"] == ids["images/001.png#1"]
    assert runner.n_images == outcome.n_embedded == pc.count_distinct(outcome.manifest.table["image_id"]).as_py()


def test_a_second_run_reads_no_file_and_one_after_a_changed_box_decodes_its_image_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_objects(tmp_path / "set", 12)
    first, _ = run(tmp_path / "workspace", root)
    read: list[str] = []
    monkeypatch.setattr("dataeval_ui.embed.crop_plans.read_bytes", noting(read))
    again, runner = run(tmp_path / "workspace", root, previous=first.manifest)
    assert (runner.n_images, [Path(path).name for path in read]) == (0, ["broken.png"])
    assert again.manifest.digest == first.manifest.digest
    assert again.manifest.table.equals(first.manifest.table)
    content = json.loads((root / "labels.json").read_text())
    content["annotations"][3]["bbox"] = [0, 0, 20, 20]
    write_json(root / "labels.json", content)
    read.clear()
    changed, runner = run(tmp_path / "workspace", root, previous=first.manifest)
    assert runner.n_images == 1
    assert len(read) == 2
    assert changed.manifest.digest != first.manifest.digest


def noting(read: list[str]):
    from dataeval_ui.data import read_bytes

    def note(path: str, *, settings: Settings):
        read.append(path)
        return read_bytes(path, settings=settings)

    return note


def test_another_margin_is_another_image(tmp_path: Path) -> None:
    root = write_coco(tmp_path / "set")
    first, _ = run(tmp_path / "workspace", root)
    other, runner = run(tmp_path / "workspace", root, object_margin=0.3, previous=first.manifest)
    assert runner.n_images == 3
    assert other.manifest.digest != first.manifest.digest


@pytest.mark.parametrize("n_decoders", [1, 2])
def test_decoder_processes_give_what_this_process_gives(n_decoders: int, tmp_path: Path) -> None:
    root = write_objects(tmp_path / "set", 25)
    here, _ = run(tmp_path / "here", root)
    there, _ = run(tmp_path / "there", root, n_decoders)
    assert there.manifest.table.equals(here.manifest.table)
    for kind in ("images", "embeddings"):
        assert parts(tmp_path / "there", kind) == parts(tmp_path / "here", kind)


def test_a_file_with_many_objects_is_decoded_in_shares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/1.png").write_bytes(encoded(photo(40, 20)))
    boxes = [coco_object(1, 1, [x, y, 6, 6]) for x in range(10) for y in range(3)]
    write_json(tmp_path / "set/labels.json", coco([coco_image(1, "1.png")], boxes))
    whole, _ = run(tmp_path / "whole", tmp_path / "set")
    monkeypatch.setattr(object_places, "MAX_CROPS", 7)
    read: list[str] = []
    monkeypatch.setattr("dataeval_ui.embed.crop_plans.read_bytes", noting(read))
    shares, _ = run(tmp_path / "shares", tmp_path / "set")
    assert len(read) == 5
    assert shares.manifest.table.equals(whole.manifest.table)


@pytest.mark.slow
def test_a_killed_run_of_objects_ends_with_the_bytes_of_one_that_was_not(tmp_path: Path) -> None:
    root = write_objects(tmp_path / "set", 40)
    expected, _ = run(tmp_path / "whole", root)
    workspace = tmp_path / "killed"
    for kind, n_parts in (("images", 0), ("images", 1), ("embeddings", 3), ("images", 6), ("embeddings", 9)):
        command = [sys.executable, "-m", "tests.embed.object_run", str(workspace), str(root), "1"]
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        deadline = time.monotonic() + 120
        while len(parts(workspace, kind)) < n_parts:
            assert process.poll() is None, "the run ended before its moment"
            assert time.monotonic() < deadline
        process.kill()
        process.wait()
    outcome, runner = run(workspace, root)
    assert 0 < runner.n_images < expected.n_embedded
    assert outcome.manifest.table.equals(expected.manifest.table)
    for kind in ("images", "embeddings"):
        assert parts(workspace, kind) == parts(tmp_path / "whole", kind)


def test_a_listing_without_objects_cannot_be_run_by_them(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set/1.png").write_bytes(encoded(photo(40, 20)))
    with pytest.raises(ValueError, match="no objects"):
        run(tmp_path / "workspace", tmp_path / "set")
