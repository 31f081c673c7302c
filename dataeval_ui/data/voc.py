"""The reader of Pascal VOC: one XML file an image, and lists of the images of each split."""

# Strings, not Paths: a Path for each of a million files costs seconds.
# ruff: noqa: PTH112, PTH118, PTH208

from __future__ import annotations

import os
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from dataeval_ui.data.annotated import AnnotatedImage, list_annotated, read_side_file
from dataeval_ui.data.folder import walk_folder
from dataeval_ui.data.labels import SPLIT_NAMES, folder_labels
from dataeval_ui.data.objects import AnnotatedObject, Frame, class_name, read_box
from dataeval_ui.data.paths import is_unicode
from dataeval_ui.data.places import Place
from dataeval_ui.errors import SourceError
from dataeval_ui.types import LabelRule, Listing, Progress

MAX_XML_BYTES = 16 * 2**20
MAX_LIST_BYTES = 256 * 2**20
_MAX_DEPTH = 32


class _RefusedXmlError(Exception):
    """XML that is not read; its text is the reason."""


def find_voc(root: str) -> str | None:
    """Find the folder that holds `Annotations` and `JPEGImages`: the root, or the one year inside `VOCdevkit`.

    Returns
    -------
    str or None
        Relative to the root, "" for the root itself.
    """
    found = []
    for folder in ("", "VOCdevkit"):
        if _is_voc(os.path.join(root, folder)):
            return folder
        try:
            years = sorted(entry for entry in os.listdir(os.path.join(root, folder)) if entry.startswith("VOC"))
        except OSError:
            continue
        found += [year for year in (f"{folder}/{y}" if folder else y for y in years) if _is_voc(f"{root}/{year}")]
    return found[0] if len(found) == 1 else None


def _is_voc(folder: str) -> bool:
    return all(os.path.isdir(os.path.join(folder, name)) for name in ("Annotations", "JPEGImages"))


def list_voc(root: str, *, rule: LabelRule, folder: str | None, progress: Progress | None = None) -> Listing:
    """List the images of a Pascal VOC dataset, as `docs/inputs.md` tells.

    Parameters
    ----------
    root : str
        Resolved.
    rule : LabelRule
    folder : str or None
        The folder that holds `Annotations`, relative to the root; see `find_voc`.
    progress : Progress, optional

    Returns
    -------
    Listing
        The images of `JPEGImages`. An annotation without an image is an unreadable place; one that cannot be read
        is an unusable object of its image.

    Raises
    ------
    SourceError
        There are no folders `Annotations` and `JPEGImages`.
    """
    if folder is None:
        raise SourceError(
            f"{root} is not a Pascal VOC dataset: choose the folder that holds 'Annotations' and 'JPEGImages', one "
            "year at a time."
        )
    prefix = f"{folder}/" if folder else ""
    below = f"{prefix}JPEGImages"
    places = {p.path: p for p in walk_folder(root, labels=folder_labels(rule), below=below, progress=progress)}
    path_of = {path.removeprefix(f"{below}/").rsplit(".", 1)[0]: path for path in sorted(places, reverse=True)}
    splits = _read_splits(root, f"{prefix}ImageSets/Main")
    images = {path: AnnotatedImage(splits=splits.get(stem, [])) for stem, path in path_of.items()}
    for name in _xml_files(root, f"{prefix}Annotations"):
        if progress is not None:
            progress.check_cancelled()
        stem = name.rsplit("/", 1)[-1][: -len(".xml")]
        objects = _read_annotation(root, name)
        if stem in path_of:
            images[path_of[stem]].objects = objects
        else:
            path = f"{below}/{stem}"
            places[path] = Place(path=path, reason=f"{name} is there, but its image does not exist.")
            images[path] = AnnotatedImage(objects=objects, splits=splits.get(stem, []))
    return list_annotated(root, list(places.values()), images, rule=rule)


def _xml_files(root: str, folder: str) -> list[str]:
    try:
        entries = sorted(os.listdir(os.path.join(root, folder)))
    except OSError as error:
        raise SourceError(f"The folder {folder} cannot be opened ({error.strerror}): check its rights.") from None
    return [
        f"{folder}/{entry}" for entry in entries if entry.endswith(".xml") and is_unicode(entry) and entry[0] != "."
    ]


def _read_splits(root: str, folder: str) -> dict[str, list[str]]:
    splits: dict[str, list[str]] = {}
    for name in ("train", "val", "test"):
        path = os.path.join(root, folder, f"{name}.txt")
        if os.path.lexists(path):
            data = read_side_file(path, root, max_bytes=MAX_LIST_BYTES)
            for line in data.decode("utf-8", "replace").splitlines():
                if words := line.split():
                    splits.setdefault(words[0], []).append(SPLIT_NAMES[name])
    return splits


def parse_xml(data: bytes) -> Element:
    """Parse XML without document types, entities or more than a few levels.

    Raises
    ------
    ValueError
        The reason, as a sentence.
    """
    builder = TreeBuilder()
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise _RefusedXmlError(f"It is nested more than {_MAX_DEPTH} deep.")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(*_: object) -> None:
        raise _RefusedXmlError("It declares a document type or entities, which are not read.")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse  # type: ignore[assignment]  # it raises
    try:
        parser.Parse(data, True)
        return builder.close()
    except _RefusedXmlError as error:
        raise ValueError(str(error)) from None
    except (expat.ExpatError, ValueError, LookupError, AssertionError) as error:
        raise ValueError(f"It is no XML ({str(error)[:100]}).") from None


def _read_annotation(root: str, name: str) -> list[AnnotatedObject]:
    try:
        tree = parse_xml(read_side_file(os.path.join(root, name), root, max_bytes=MAX_XML_BYTES))
    except SourceError as error:
        return [AnnotatedObject(reason=f"The annotation cannot be read. {error}")]
    except ValueError as error:
        return [AnnotatedObject(reason=f"The annotation {name} cannot be read. {error}")]
    frame = _frame_of(tree.find("size"))
    return [_object_of(one, frame) for one in tree.iterfind("object")]


def _frame_of(size: Element | None) -> Frame | None:
    if size is None:
        return None
    sides = [_number(size.findtext(name)) for name in ("width", "height")]
    if any(side is None or not 0 < side < 2**31 for side in sides):  # some tools write 0 for unknown
        return None
    return sides[0], sides[1]  # type: ignore[return-value]  # the line above


def _object_of(one: Element, frame: Frame | None) -> AnnotatedObject:
    label = class_name(one.findtext("name") or "").strip() or None
    corners = one.find("bndbox")
    numbers = [None if corners is None else _number(corners.findtext(c)) for c in ("xmin", "ymin", "xmax", "ymax")]
    if any(number is None for number in numbers):
        return AnnotatedObject(label=label, frame=frame, reason="The object has no box of four numbers.")
    left, top, right, bottom = (number for number in numbers if number is not None)
    # Pixels are counted from 1, and the last one belongs to the box.
    box, reason = read_box([left - 1, top - 1, right - left + 1, bottom - top + 1], frame)
    if label is None:
        reason = reason or "The object has no name."
    return AnnotatedObject(label=label, box=box, frame=frame, reason=reason)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
