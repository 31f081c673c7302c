"""What the decisions make of a dataset, as COCO: what is kept, or everything with what was decided of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dataeval_ui.services.review import Item, cleaned_manifest, decisions_table

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types import Json

_PLACE = ("path", "image_id", "label", "split", "status", "width_px", "height_px")
_OBJECT = (
    "file", "object", "file_id", "file_width_px", "file_height_px", "box_left_px", "box_top_px", "box_width_px",
    "box_height_px", "is_crowd",
)  # fmt: skip


def coco_bytes(run: Run, items: Sequence[Item], *, with_decisions: bool = False, of_run_alone: bool = False) -> bytes:
    """Return `coco_document` as JSON in UTF-8."""
    document = coco_document(run, items, with_decisions=with_decisions, of_run_alone=of_run_alone)
    return json.dumps(document, indent=1).encode()


def coco_document(run: Run, items: Sequence[Item], *, with_decisions: bool = False, of_run_alone: bool = False) -> Json:
    """Make a COCO document of a run's dataset.

    In a run of objects every object is an annotation with its box; removing one removes its annotation, and its image
    stays. In a run of whole images of an annotated dataset the images' own objects are the annotations, with their
    masks. Without annotations each image with a label has one whose box is the whole image, which every reader of COCO
    takes.

    Parameters
    ----------
    items : sequence of Item
        Of `review_queue`.
    with_decisions : bool, default False
        Leave nothing out: images and annotations keep their labels and get `decision` (action, new_label, reason)
        where something is to change, and all decisions stand under `decisions`. Else what is removed is left out, and
        relabelled ones have their new labels.
    of_run_alone : bool, default False
        Of the decisions those of this run alone, for whom a link lets see no other.

    Returns
    -------
    dict
        `info`, `images` (id, file_name relative to the dataset's folder, width, height in pixels, split), `categories`
        and `annotations` (id, image_id, category_id, bbox as left, top, width, height in pixels, area, iscrowd,
        segmentation where there is a mask).
    """
    rows = {row["path"]: row for row in cleaned_manifest(run, items).to_pylist()}
    names = [*_PLACE, *(_OBJECT if run.is_of_objects else ())]
    places = [place for place in run.manifest.select(names).to_pylist() if place["path"] in rows]
    made = _Document(with_decisions=with_decisions)
    if run.is_of_objects:
        _add_objects(made, places, rows)
    else:
        _add_images(made, places, rows, _objects_of(run))
    document = made.document(run)
    if with_decisions:
        document["decisions"] = decisions_table(run, of_run_alone=of_run_alone).to_pylist()
    return document


class _Document:
    """Images, categories and annotations while they are numbered."""

    def __init__(self, *, with_decisions: bool) -> None:
        self.with_decisions = with_decisions
        self.images: dict[str, Json] = {}
        self.annotations: list[Json] = []
        self.categories: dict[str, int] = {}

    def left_out(self, row: Mapping[str, Any]) -> bool:
        return bool(row["action"] == "remove") and not self.with_decisions

    def image(self, path: str, width: Any, height: Any, split: str | None) -> Json:
        image: Json = self.images.get(path) or {
            "id": len(self.images) + 1,
            "file_name": path,
            "width": width,
            "height": height,
            "split": split,
        }
        self.images[path] = image
        return image

    def label_of(self, row: Mapping[str, Any]) -> str | None:
        new = None if self.with_decisions else row["new_label"]
        label: str | None = new or row["label"]
        return label

    def annotate(self, image: Json, label: str | None, box: Sequence[float], **more: Any) -> Json:
        number = self.categories.setdefault(label or "unlabelled", len(self.categories) + 1)
        annotation = {
            "id": len(self.annotations) + 1,
            "image_id": image["id"],
            "category_id": number,
            "bbox": list(box),
            "area": box[2] * box[3],
            "iscrowd": 0,
        } | more
        self.annotations.append(annotation)
        return annotation

    def tell(self, what: Json, row: Mapping[str, Any]) -> None:
        if self.with_decisions and row["action"] != "keep":
            what["decision"] = {name: row[name] for name in ("action", "new_label", "reason")}

    def document(self, run: Run) -> Json:
        return {
            "info": {"description": f"{run.dataset.name}, run {run.id}, by DataEval UI"},
            "images": list(self.images.values()),
            "categories": [{"id": number, "name": name} for name, number in self.categories.items()],
            "annotations": self.annotations,
        }


def _add_objects(made: _Document, places: Sequence[Json], rows: Mapping[str, Json]) -> None:
    for place in places:
        row = rows[place["path"]]
        image = made.image(place["file"], place["file_width_px"], place["file_height_px"], place["split"])
        box = [place[f"box_{side}_px"] for side in ("left", "top", "width", "height")]
        if place["object"] is None or None in box or made.left_out(row):
            continue
        annotation = made.annotate(image, made.label_of(row), box, iscrowd=int(bool(place["is_crowd"])))
        made.tell(annotation, row)


def _add_images(
    made: _Document, places: Sequence[Json], rows: Mapping[str, Json], objects: Mapping[str, list[Json]] | None
) -> None:
    for place in places:
        row = rows[place["path"]]
        if made.left_out(row):
            continue
        image = made.image(place["path"], place["width_px"], place["height_px"], place["split"])
        made.tell(image, row)
        if objects is None:
            label = made.label_of(row)
            if label is not None and place["width_px"] and place["height_px"]:
                made.annotate(image, label, [0.0, 0.0, float(place["width_px"]), float(place["height_px"])])
            continue
        for found in objects.get(place["path"], ()):
            box = [found[name] for name in ("x_px", "y_px", "width_px", "height_px")]
            made.annotate(
                image, found["label"], box, iscrowd=int(bool(found["is_crowd"])), **_segmentation(found["mask"])
            )


def _segmentation(mask: str | None) -> Json:
    """Turn a mask of `Manifest.objects` into COCO's polygons or run lengths; empty where there is none."""
    value = {} if mask is None else json.loads(mask)
    if "polygons" in value:
        return {"segmentation": value["polygons"]}
    return {"segmentation": value} if "counts" in value else {}


def _objects_of(run: Run) -> dict[str, list[Json]] | None:
    """Return the usable objects of each file as the source annotates them; None where it has no annotations."""
    from dataeval_ui.store.manifests import load_manifest

    table = load_manifest(run.services.workspace, run.record.manifest_digest).objects
    if table is None:
        return None
    found: dict[str, list[Json]] = {}
    for entry in table.to_pylist():
        if entry["status"] == "ok":
            found.setdefault(entry["path"], []).append(entry)
    return found
