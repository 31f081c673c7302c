"""The reader of COCO: instances in JSON beside folders of images."""

# Strings, not Paths: a Path for each of a million files costs seconds.
# ruff: noqa: PTH112, PTH118, PTH119, PTH120, PTH208

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dataeval_ui.data.annotated import AnnotatedImage, list_annotated, read_side_file
from dataeval_ui.data.folder import walk_folder
from dataeval_ui.data.labels import SPLIT_NAMES, folder_labels
from dataeval_ui.data.objects import AnnotatedObject, Frame, class_name, read_box, read_polygons, read_run_lengths
from dataeval_ui.data.paths import is_unicode, safe_member_path
from dataeval_ui.data.places import Place
from dataeval_ui.errors import SourceError, UnsafeArchiveError
from dataeval_ui.types import Json, LabelRule, Listing, Progress

MAX_JSON_BYTES = 2**30
MAX_JSON_FILES = 16
_MAX_LOOKED_AT = 200
_PROBED = 50


def list_coco(root: str, *, rule: LabelRule, names: Sequence[str], progress: Progress | None = None) -> Listing:
    """List a folder of images with COCO annotations, as `docs/inputs.md` tells.

    Parameters
    ----------
    root : str
        Resolved.
    rule : LabelRule
    names : sequence of str
        JSON files, relative to the root; see `find_coco_files`.
    progress : Progress, optional

    Returns
    -------
    Listing
        Every image below the root; those that no file names have no objects. An entry whose image is missing is an
        unreadable place.

    Raises
    ------
    SourceError
        A JSON file cannot be read, or is not COCO's.
    """
    if not names:
        raise SourceError(
            f"{root} has no COCO annotations: put a JSON file with 'images' and 'annotations' beside the images or "
            "into 'annotations'."
        )
    places = {place.path: place for place in walk_folder(root, labels=folder_labels(rule), progress=progress)}
    images: dict[str, AnnotatedImage] = {}
    for name in names:
        if progress is not None:
            progress.check_cancelled()
        _File(root, name, places, images).read()
    return list_annotated(root, list(places.values()), images, rule=rule)


def find_coco_files(root: str) -> list[str]:
    """Find the JSON files of a folder that look like COCO's instances, by their names and then their beginning."""
    found = []
    for folder in ("annotations", "", *sorted(SPLIT_NAMES), "images"):
        try:
            entries = sorted(os.listdir(os.path.join(root, folder)))
        except OSError:
            continue
        names = [e for e in entries if e.lower().endswith(".json") and not e.startswith(".") and is_unicode(e)]
        paths = [os.path.join(folder, name) for name in names[:_MAX_LOOKED_AT]]
        found += [path for path in paths if _looks_like_coco(os.path.join(root, path))]
        if folder == "annotations" and found:  # captions and keypoints tell of the same images
            return [n for n in found if "instances" in os.path.basename(n)][:MAX_JSON_FILES] or found[:MAX_JSON_FILES]
    return found[:MAX_JSON_FILES]


def _looks_like_coco(path: str) -> bool:
    """Look for the two keys, at the ends of a large file alone."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            head = file.read(2**20)
            file.seek(0, os.SEEK_END)
            file.seek(max(len(head), file.tell() - 2**20))
            text = head + file.read()
    except OSError:
        return False
    keys = [key for key in (b'"images"', b'"annotations"', b'"categories"') if key in text]
    # Of a file of many megabytes one of the keys may lie in the middle.
    return head.lstrip()[:1] == b"{" and len(keys) >= (2 if len(head) == 2**20 else 3)


class _File:
    """One JSON file of a dataset."""

    def __init__(self, root: str, name: str, places: dict[str, Place], images: dict[str, AnnotatedImage]) -> None:
        self.root, self.name, self.places, self.images = root, name, places, images

    def read(self) -> None:
        """Add what the file says to places and images."""
        content = self._content()
        split = _split_of(self.name)
        categories = {
            entry.get("id"): class_name(entry.get("name")) for entry in _entries(content, "categories") if _is_id(entry)
        }
        entries = list(_entries(content, "images"))
        folder = self._folder_of([entry.get("file_name") for entry in entries], split)
        path_of: dict[Any, str] = {}
        frames: dict[Any, Frame | None] = {}
        listed: dict[str, AnnotatedImage] = {}
        for number, entry in enumerate(entries):
            path = self._place(entry, folder, number, split)
            image = listed.get(path)
            if image is None:
                image = listed[path] = self.images.setdefault(path, AnnotatedImage())
                if split is not None and split not in image.splits:
                    image.splits.append(split)
            if _is_id(entry):
                path_of[entry["id"]], frames[entry["id"]] = path, _frame_of(entry)
        homeless: Counter[str] = Counter()
        for annotation in _entries(content, "annotations"):
            image_id = annotation.get("image_id")
            known = path_of.get(image_id) if isinstance(image_id, (int, str)) else None
            if known is None:
                homeless[ascii(image_id)[:40]] += 1
            else:
                self.images[known].objects.append(_object_of(annotation, categories, frames[image_id]))
        for image_id, n in homeless.items():
            path = f"(image {image_id} of {self.name})"
            self.places[path] = Place(
                path=path, split=split, reason=f"{n} annotations name this image, but 'images' has none of this id."
            )

    def _content(self) -> Json:
        data = read_side_file(os.path.join(self.root, self.name), self.root, max_bytes=MAX_JSON_BYTES)
        try:
            content = json.loads(data, object_hook=_compact)
        except (ValueError, RecursionError) as error:
            detail = "nested too deep" if isinstance(error, RecursionError) else str(error)[:120]
            raise SourceError(f"{self.name} cannot be read as JSON ({detail}): write it anew.") from None
        if not isinstance(content, dict) or not all(
            isinstance(content.get(key), list) for key in ("images", "annotations")
        ):
            raise SourceError(f"{self.name} is not COCO's: it needs lists named 'images' and 'annotations'.")
        return content

    def _folder_of(self, names: Sequence[Any], split: str | None) -> str:
        """Find the folder that the file names start at: the first that holds one of the first files."""
        own, base = os.path.dirname(self.name), os.path.basename(self.name)[: -len(".json")]
        tail = base.removeprefix("instances_")
        splits = [name for name, value in SPLIT_NAMES.items() if value == split]
        candidates = [] if own == "annotations" else [own]
        candidates += [tail, f"images/{tail}"]
        candidates += [f"{prefix}{name}" for prefix in ("", "images/") for name in splits]
        candidates += ["images", "data", "", own]
        if own:
            candidates += [f"{own}/images"]
        texts = [name.replace("\\", "/") for name in names[:_PROBED] if isinstance(name, str)]
        for folder in candidates:
            if any((f"{folder}/{name}" if folder else name) in self.places for name in texts):
                return folder
        return next((f for f in candidates if f and os.path.isdir(os.path.join(self.root, f))), "")

    def _place(self, entry: Json, folder: str, number: int, split: str | None) -> str:
        """Find the path of an entry, and add a place for one that has no file."""
        name = entry.get("file_name")
        try:
            below = safe_member_path(name).as_posix() if isinstance(name, str) else None
        except UnsafeArchiveError as error:
            path, reason = f"(image {number} of {self.name})", f"{error}"
        else:
            if below is not None:
                path = f"{folder}/{below}" if folder else below
                if path in self.places:
                    return path
                reason = f"{self.name} names this file, but it does not exist."
            else:
                path, reason = f"(image {number} of {self.name})", "The entry has no 'file_name'."
        self.places[path] = Place(path=path, split=split, reason=reason)
        return path


def _compact(value: Json) -> Any:
    """Turn the polygons of an annotation into text as soon as they are read: a tenth of the memory."""
    mask = value.get("segmentation")
    if "image_id" in value and mask:
        if isinstance(mask, list):
            value["segmentation"] = read_polygons(mask)
        else:
            text, reason = read_run_lengths(mask)
            value["segmentation"] = (text, None, reason)
    elif mask is not None:
        del value["segmentation"]
    return value


def _entries(content: Mapping[str, Any], key: str) -> Iterator[Json]:
    entries = content.get(key)
    return (entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else iter(())


def _is_id(entry: Json) -> bool:
    return isinstance(entry.get("id"), (int, str))


def _frame_of(entry: Json) -> Frame | None:
    sides = (entry.get("width"), entry.get("height"))
    if all(isinstance(side, int) and not isinstance(side, bool) and 0 < side < 2**31 for side in sides):
        return float(sides[0]), float(sides[1])  # type: ignore[arg-type]  # the line above
    return None


def _object_of(annotation: Json, categories: Mapping[Any, str], frame: Frame | None) -> AnnotatedObject:
    mask, around, reason = annotation.get("segmentation") or (None, None, None)
    category = annotation.get("category_id")
    label = categories.get(category) if isinstance(category, (int, str)) else None
    box, box_reason = read_box(annotation.get("bbox") or around, frame)
    if label is None:
        reason = reason or f"There is no category of the id {ascii(category)[:40]}."
    return AnnotatedObject(
        label=label,
        box=box,
        frame=frame,
        is_crowd=annotation.get("iscrowd") in (1, True),
        mask=mask,
        reason=box_reason or reason,
    )


def _split_of(name: str) -> str | None:
    """Read the split from the file's own name (`instances_val2017.json`), else from its folder."""
    folder, base = os.path.split(name.lower())
    words = re.split(r"[^a-z]+", base)
    found = next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None)
    return found or SPLIT_NAMES.get(os.path.basename(folder))
