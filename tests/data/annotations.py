"""Tiny datasets in each format of annotations, written on the spot: two images of 40 x 20 pixels, three objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dataeval_ui.data import list_source
from dataeval_ui.settings import Settings
from dataeval_ui.types import LabelRule, Listing
from tests.data.images import encoded, photo

WIDTH, HEIGHT = 40, 20


def write_photo(path: Path, seed: int, **options: Any) -> Path:
    """Write a picture of 40 x 20 pixels, as a PNG unless the ending says JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(photo(WIDTH, HEIGHT, seed=seed), "JPEG" if path.suffix == ".jpg" else "PNG", **options))
    return path


def write_json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def coco(images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    """COCO's JSON with the classes cat (1) and dog (7)."""
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "cat"}, {"id": 7, "name": "dog"}],
    }


def coco_image(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT, **more}


def coco_object(image: int, category: int, box: list[float], **more: Any) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": box, "iscrowd": 0, **more}


def write_coco(root: Path) -> Path:
    """`annotations/instances_train2017.json` and `..._val2017.json` beside `train2017` and `val2017`."""
    write_photo(root / "train2017/1.png", 1)
    write_photo(root / "val2017/2.png", 2)
    objects = [coco_object(1, 1, [0, 0, 10, 10]), coco_object(1, 7, [20, 5, 8, 4]), coco_object(1, 7, [0, 10, 4, 4])]
    write_json(root / "annotations/instances_train2017.json", coco([coco_image(1, "1.png")], objects))
    write_json(root / "annotations/instances_val2017.json", coco([coco_image(2, "2.png")], []))
    return root


def write_yolo(root: Path, yaml: str | None = None) -> Path:
    """`images/{train,val}` and `labels/{train,val}` with a `data.yaml`."""
    write_photo(root / "images/train/1.png", 1)
    write_photo(root / "images/val/2.png", 2)
    (root / "labels/train").mkdir(parents=True)
    (root / "labels/val").mkdir()
    (root / "labels/train/1.txt").write_text("0 0.125 0.25 0.25 0.5\n1 0.6 0.35 0.2 0.2\n1 0.05 0.6 0.1 0.2\n")
    (root / "labels/val/2.txt").write_text("")
    text = "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n"
    (root / "data.yaml").write_text(text if yaml is None else yaml)
    return root


def voc_xml(*objects: tuple[str, int, int, int, int], size: str | None = None) -> str:
    """An annotation of Pascal VOC with (name, xmin, ymin, xmax, ymax)."""
    boxes = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
        "</bndbox></object>"
        for name, x0, y0, x1, y1 in objects
    )
    size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>" if size is None else size
    return f"<annotation><filename>../../etc/passwd</filename>{size}{boxes}</annotation>"


def write_voc(root: Path) -> Path:
    """Annotations, JPEGImages and ImageSets/Main."""
    write_photo(root / "JPEGImages/a1.jpg", 1)
    write_photo(root / "JPEGImages/a2.jpg", 2)
    (root / "Annotations").mkdir()
    (root / "Annotations/a1.xml").write_text(
        voc_xml(("cat", 1, 1, 10, 10), ("dog", 21, 6, 28, 9), ("dog", 1, 11, 4, 14))
    )
    (root / "ImageSets/Main").mkdir(parents=True)
    (root / "ImageSets/Main/train.txt").write_text("a1\n")
    (root / "ImageSets/Main/val.txt").write_text("a2\n")
    return root


def listed(source: Path | str, workspace: Path, **rule: Any) -> Listing:
    settings = Settings(workspace=workspace)
    return list_source(source, rule=LabelRule(**rule), settings=settings)


def rows(listing: Listing, *names: str) -> list[tuple[Any, ...]]:
    """Some columns of the places."""
    return list(zip(*(listing.table[name].to_pylist() for name in names), strict=True))


def objects(listing: Listing, *names: str) -> list[tuple[Any, ...]]:
    """Some columns of the objects."""
    assert listing.objects is not None
    return list(zip(*(listing.objects[name].to_pylist() for name in names), strict=True))


def reasons(listing: Listing) -> list[str | None]:
    assert listing.objects is not None
    return list(listing.objects["reason"].to_pylist())
