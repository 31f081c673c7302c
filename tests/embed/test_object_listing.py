"""Whole-image runs over datasets with objects."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dataeval_ui.data import list_source
from dataeval_ui.embed.pipeline import embed_listing
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import open_workspace
from dataeval_ui.types import LabelRule, Manifest, Silent
from tests.data.annotations import (
    coco,
    coco_image,
    coco_object,
    write_coco,
    write_json,
    write_photo,
    write_voc,
    write_yolo,
)
from tests.embed.fakes import CountingRunner, tiny_embedder


def run(root: Path, workspace: Path) -> Manifest:
    settings = Settings(workspace=workspace, n_decoders=0)
    return embed_listing(
        list_source(root, rule=LabelRule(), settings=settings),
        embedder=tiny_embedder(CountingRunner()),
        workspace=open_workspace(workspace),
        previous=None,
        settings=settings,
        progress=Silent(),
    ).manifest


def boxes(manifest: Manifest) -> list[tuple[object, ...]]:
    assert manifest.objects is not None
    names = ("label", "x_px", "y_px", "width_px", "height_px", "status")
    return list(zip(*(manifest.objects[name].to_pylist() for name in names), strict=True))


@pytest.mark.parametrize("write", [write_coco, write_yolo, write_voc])
def test_the_same_objects_are_found_in_each_format(write, tmp_path: Path) -> None:
    manifest = run(write(tmp_path / "set"), tmp_path / "workspace")
    assert manifest.table["status"].to_pylist() == ["ok", "ok"]
    found = boxes(manifest)
    assert [(label, status) for label, *_, status in found] == [("cat", "ok"), ("dog", "ok"), ("dog", "ok")]
    for (_, *box, _), expected in zip(found, [(0, 0, 10, 10), (20, 5, 8, 4), (0, 10, 4, 4)], strict=True):
        assert box == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("declared", ["stored", "upright", "other"])
def test_boxes_follow_the_exif_orientation_of_what_was_annotated(declared: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    write_photo(tmp_path / "set/1.jpg", 1, exif=exif)  # stored as 40 x 20, upright 20 x 40
    size = {"stored": (40, 20), "upright": (20, 40), "other": (41, 20)}[declared]
    image = coco_image(1, "1.jpg", width=size[0], height=size[1])
    write_json(tmp_path / "set/labels.json", coco([image], [coco_object(1, 1, [2, 3, 5, 7])]))
    manifest = run(tmp_path / "set", tmp_path / "workspace")
    assert [manifest.table[name].to_pylist() for name in ("width_px", "height_px")] == [[20], [40]]
    expected = {"stored": (10, 2, 7, 5, "ok"), "upright": (2, 3, 5, 7, "ok"), "other": (None,) * 4 + ("unusable",)}
    assert boxes(manifest) == [("cat", *expected[declared])]


def test_a_changed_box_is_another_manifest_and_a_plain_folder_has_no_objects(tmp_path: Path) -> None:
    root = write_coco(tmp_path / "set")
    first = run(root, tmp_path / "workspace")
    assert run(root, tmp_path / "workspace").digest == first.digest
    objects = [coco_object(1, 1, [0, 0, 10, 11])]
    write_json(root / "annotations/instances_train2017.json", coco([coco_image(1, "1.png")], objects))
    assert run(root, tmp_path / "workspace").digest != first.digest
    (root / "annotations/instances_train2017.json").unlink()
    (root / "annotations/instances_val2017.json").unlink()
    assert run(root, tmp_path / "workspace").objects is None
