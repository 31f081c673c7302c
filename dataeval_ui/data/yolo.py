"""The reader of YOLO: one text file of boxes or polygons an image, and a YAML file of splits and class names."""

# Strings, not Paths: a Path for each of a million files costs seconds.
# ruff: noqa: PTH110, PTH112, PTH113, PTH118, PTH120, PTH208

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from dataeval_ui.data.annotated import AnnotatedImage, list_annotated, read_side_file
from dataeval_ui.data.folder import walk_folder
from dataeval_ui.data.labels import SPLIT_NAMES, folder_labels
from dataeval_ui.data.objects import FRACTIONS, AnnotatedObject, class_name, read_box, read_polygons
from dataeval_ui.data.paths import is_within, printable
from dataeval_ui.data.places import Place
from dataeval_ui.errors import SourceError
from dataeval_ui.types import Json, LabelRule, Listing, Progress

MAX_YAML_BYTES = 2**20
_MAX_DEPTH = 32
_PROBED = 50
MAX_LABEL_BYTES = 16 * 2**20
MAX_LIST_BYTES = 256 * 2**20
_YAML_SUFFIXES = (".yaml", ".yml")
_NAMES = ("data.yaml", "dataset.yaml", "data.yml", "dataset.yml")
_BOX_NUMBERS = (4, 5)  # with a confidence


def list_yolo(root: str, *, rule: LabelRule, yaml_name: str | None, progress: Progress | None = None) -> Listing:
    """List a folder of images with YOLO labels, as `docs/inputs.md` tells.

    Parameters
    ----------
    root : str
        Resolved.
    rule : LabelRule
    yaml_name : str or None
        The YAML file, relative to the root; None where there is none: classes are then numbers, or the lines of
        `classes.txt`.
    progress : Progress, optional

    Returns
    -------
    Listing
        The images of the folders that the YAML file names, else all below the root. A label file without an image is
        an unreadable place.

    Raises
    ------
    SourceError
        The YAML file cannot be read, or names a folder outside the root.
    """
    config = _read_yaml(root, yaml_name) if yaml_name else {}
    classes = _classes_of(config, root)
    folders, listed_splits = _splits_of(config, root)
    labels = folder_labels(rule)
    places: dict[str, Place] = {}
    splits: dict[str, list[str]] = {}
    for folder in folders or {"": None}:
        for place in walk_folder(root, labels=labels, below=folder, progress=progress):
            places.setdefault(place.path, place)
            if (split := folders.get(folder)) is not None:
                splits.setdefault(place.path, []).append(split)
    if listed_splits and not folders:  # lists of files: what they do not name is not of the dataset
        for path in [path for path in places if path not in listed_splits]:
            del places[path]
    for path, names in listed_splits.items():
        splits.setdefault(path, []).extend(names)
        if path not in places:
            places[path] = Place(path=path, reason="The list of the split names this file, but it does not exist.")
    images: dict[str, AnnotatedImage] = {}
    taken: set[str] = set()
    for path in list(places):
        if progress is not None:
            progress.check_cancelled()
        image = AnnotatedImage(splits=list(dict.fromkeys(splits.get(path, []))))
        name = label_path(path)
        taken.add(name)
        if os.path.isfile(os.path.join(root, name)):
            image.objects = _read_labels(root, name, classes, n_keypoint_numbers=_keypoints_of(config))
        images[path] = image
    for name in _label_files(root, {os.path.dirname(name) for name in taken}):
        if name not in taken:
            places[name] = Place(path=name, reason="These labels have no image of the same name.")
    return list_annotated(root, list(places.values()), images, rule=rule)


def find_yolo_yaml(root: str) -> str | None:
    """Find the YAML file of a YOLO dataset in its folder: the usual names first."""
    try:
        entries = sorted(os.listdir(root))
    except OSError:
        return None
    names = [e for e in entries if e.lower().endswith(_YAML_SUFFIXES) and not e.startswith(".")]
    for name in sorted(names, key=lambda name: (name.lower() not in _NAMES, name))[:16]:
        try:
            config = _read_yaml(root, name)
        except SourceError:
            if name.lower() in _NAMES:  # a broken one is said, not passed over
                return name
            continue
        if "names" in config and any(key in config for key in ("train", "val", "test")):
            return name
    return None


def has_yolo_labels(root: str) -> bool:
    """Whether a folder has images in `images` and a text file of numbers in `labels`, as YOLO wants it."""
    if not os.path.isdir(os.path.join(root, "images")):
        return False
    for folder in ("labels", *(f"labels/{name}" for name in SPLIT_NAMES)):
        for name in islice(_label_files(root, {folder}), _PROBED):
            try:
                data = read_side_file(os.path.join(root, name), root, max_bytes=MAX_LABEL_BYTES)
            except SourceError:
                continue
            if re.match(rb"\d+(\s+[-+0-9.e]+){4,}\s*$", data.strip().split(b"\n", 1)[0][:4096]):
                return True
    return False


def label_path(path: str) -> str:
    """Name the label file of an image: its last folder `images` becomes `labels`, its ending `.txt`."""
    parts = path.rsplit(".", 1)[0].split("/") if "." in path.rsplit("/", 1)[-1] else path.split("/")
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return "/".join(parts) + ".txt"


def _read_yaml(root: str, name: str) -> Json:
    import yaml

    data = read_side_file(os.path.join(root, name), root, max_bytes=MAX_YAML_BYTES)
    try:
        text = data.decode("utf-8-sig")
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            # An alias stands for what it names: a few nested ones are gigabytes once they are followed.
            if isinstance(event, yaml.AliasEvent):
                raise SourceError(f"{name} uses YAML aliases (*name), which are not read: write their values out.")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_DEPTH:  # the time to parse it grows with the square of the depth
                raise SourceError(f"{name} is nested more than {_MAX_DEPTH} deep, as no such file is: mend it.")
        config = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        detail = (str(error).splitlines() or ["damaged"])[0][:120]
        raise SourceError(f"{name} cannot be read as YAML ({detail}): mend it and try again.") from None
    if not isinstance(config, dict):
        raise SourceError(f"{name} is no table of 'train', 'val' and 'names': mend it and try again.")
    return config


def _classes_of(config: Mapping[str, Any], root: str) -> dict[int, str]:
    """Read the names of classes; empty where none are given, so that any number is a class."""
    names = config.get("names")
    if isinstance(names, list):
        return {number: class_name(name) for number, name in enumerate(names)}
    if isinstance(names, dict):
        return {int(number): class_name(name) for number, name in names.items() if str(number).isdecimal()}
    for name in ("classes.txt", "labels/classes.txt", "obj.names"):
        if os.path.isfile(os.path.join(root, name)):
            text = read_side_file(os.path.join(root, name), root, max_bytes=MAX_YAML_BYTES).decode("utf-8", "replace")
            return {number: line.strip() for number, line in enumerate(text.splitlines()) if line.strip()}
    return {}


def _keypoints_of(config: Mapping[str, Any]) -> int:
    """Numbers of the keypoints that follow each box; 0 where there are none."""
    shape = config.get("kpt_shape")
    if isinstance(shape, list) and len(shape) == 2 and all(type(v) is int and 0 < v < 10_000 for v in shape):
        return int(shape[0] * shape[1])
    return 0


def _splits_of(config: Mapping[str, Any], root: str) -> tuple[dict[str, str | None], dict[str, list[str]]]:
    """Find the folders of images of each split, and the files that lists name."""
    folders: dict[str, str | None] = {}
    files: dict[str, list[str]] = {}
    base = config.get("path")
    start = root
    if isinstance(base, str) and "\0" not in base:
        written = os.path.realpath(os.path.join(root, base))
        # What stands there is often the path of the machine that made the dataset.
        start = written if is_within(written, root) and os.path.isdir(written) else root
    for key in ("train", "val", "valid", "validation", "test"):
        entries = config.get(key)
        for entry in entries if isinstance(entries, list) else [entries]:
            if not isinstance(entry, str) or not entry or "\0" in entry:
                continue
            path = _entry_path(entry.replace("\\", "/"), start, root, key)
            if path is None:
                continue
            if path.endswith(".txt"):
                for name in _files_of_list(path, start, root):
                    files.setdefault(name, []).append(SPLIT_NAMES[key])
            else:
                below = os.path.relpath(path, root).replace(os.sep, "/")
                folders.setdefault("" if below == "." else below, SPLIT_NAMES[key])
    return folders, files


def _entry_path(entry: str, start: str, root: str, key: str) -> str | None:
    """Resolve an entry; None for one that is not there, as the test set that was not downloaded."""
    path = os.path.realpath(os.path.join(start, entry))
    if not os.path.exists(path) and entry.startswith("../"):  # as Roboflow writes, from a folder that is not there
        path = os.path.realpath(os.path.join(start, entry[3:]))
    if not is_within(path, root):
        if not os.path.exists(path):
            return None
        raise SourceError(
            f"The YAML file's {key!r} leads out of {root}, to {entry!r}: choose the folder that holds both, or write "
            "a path below it."
        )
    return path if os.path.exists(path) else None


def _files_of_list(path: str, start: str, root: str) -> Iterator[str]:
    text = read_side_file(path, root, max_bytes=MAX_LIST_BYTES).decode("utf-8", "replace")
    for line in text.splitlines():
        if name := line.strip().replace("\\", "/").replace("\0", ""):
            # Relative to the list under "./", else to the dataset.
            here = os.path.dirname(path) if name.startswith("./") else start
            file = os.path.normpath(os.path.join(here, name))
            if is_within(file, root):
                yield os.path.relpath(file, root).replace(os.sep, "/")
            else:
                yield f"(outside the folder) {name}"


def _label_files(root: str, folders: set[str]) -> Iterator[str]:
    for folder in sorted(folders):
        if "labels" not in folder.split("/"):
            continue  # texts beside images may be anything
        try:
            entries = sorted(os.listdir(os.path.join(root, folder)))
        except OSError:
            continue
        for entry in entries:
            if entry.endswith(".txt") and entry != "classes.txt" and not entry.startswith("."):
                yield f"{folder}/{printable(entry)}"


def _read_labels(root: str, name: str, classes: Mapping[int, str], *, n_keypoint_numbers: int) -> list[AnnotatedObject]:
    """Read one label file; one that cannot be read is an unusable object of its image."""
    try:
        data = read_side_file(os.path.join(root, name), root, max_bytes=MAX_LABEL_BYTES)
    except SourceError as error:
        return [AnnotatedObject(reason=f"The labels cannot be read. {error}")]
    objects = []
    for line in data.decode("utf-8", "replace").splitlines():
        if words := line.split():
            objects.append(_object_of(words, classes, n_keypoint_numbers))
    return objects


def _object_of(words: list[str], classes: Mapping[int, str], n_keypoint_numbers: int) -> AnnotatedObject:
    shown = " ".join(words)[:60]
    try:
        number = float(words[0])
        values = [float(word) for word in words[1:]]
    except ValueError:
        return AnnotatedObject(reason=f"The line {shown!a} is not a class and numbers.")
    if not number.is_integer() or number < 0:
        return AnnotatedObject(reason=f"The line {shown!a} does not begin with the number of a class.")
    label = classes.get(int(number)) if classes else str(int(number))
    unknown = None if label is not None else f"There is no class of the number {int(number)}."
    if n_keypoint_numbers and len(values) == 4 + n_keypoint_numbers:
        values = values[:4]
    if len(values) in _BOX_NUMBERS:
        x, y, width, height = values[:4]
        box, reason = read_box([x - width / 2, y - height / 2, width, height], FRACTIONS)
        return AnnotatedObject(label=label, box=box, frame=FRACTIONS, reason=reason or unknown)
    mask, around, reason = read_polygons([values])
    if around is not None:
        box, reason = read_box(around, FRACTIONS)
        return AnnotatedObject(label=label, box=box, frame=FRACTIONS, mask=mask, reason=reason or unknown)
    if len(values) < 6:
        reason = f"The line {shown!a} has {len(values)} numbers; a box has four."
    return AnnotatedObject(label=label, frame=FRACTIONS, reason=reason)
