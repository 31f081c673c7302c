"""Boxes and masks: from what a file of annotations says to pixels of the upright image.

An annotation measures in a *frame*: the width and height that its author saw. It is (1, 1) where a box is written in
fractions of the image, the image's declared size in pixels, or unknown, which means pixels of the upright image. Where
the declared size is that of the image on its side, the author did not heed the EXIF orientation, and the box is turned.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dataeval_ui.types import batches

if TYPE_CHECKING:
    import pyarrow as pa

Box = tuple[float, float, float, float]
"""Left, top, width, height."""

Frame = tuple[float, float]

FRACTIONS: Frame = (1.0, 1.0)

MAX_MASK_NUMBERS = 50_000
"""Numbers in the mask of one object; the largest of COCO has under 5,000."""

_BLOCK_ROWS = 10_000
_LEAST, _MOST = -1e9, 1e9
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_OVERHANG = 0.01
"""Share of a side by which a box may stick out of the image, at least a pixel: tools round. It is cut there."""


@dataclass(slots=True, kw_only=True)
class AnnotatedObject:
    """One object as its annotation tells it. One with a reason is unusable, and kept to be shown.

    Attributes
    ----------
    label : str or None
        Name of its class.
    box : tuple of 4 floats or None
        Left, top, width and height in its frame; None where there is none that can be read.
    frame : tuple of 2 floats or None
        See the top of this module.
    is_crowd : bool
        A group in one box, as COCO's `iscrowd`.
    mask : str or None
        JSON: `{"polygons": [[x, y, ...], ...]}` or COCO's `{"size": [height, width], "counts": ...}`, in its frame.
    reason : str or None
        Why it cannot be used, as a sentence.
    """

    label: str | None = None
    box: Box | None = None
    frame: Frame | None = None
    is_crowd: bool = False
    mask: str | None = None
    reason: str | None = None


def class_name(value: Any) -> str:
    """Make a class's name of whatever a file says: text without half characters, of at most 200."""
    return str(value)[:200].encode("utf-8", "backslashreplace").decode()


def read_box(values: Any, frame: Frame | None) -> tuple[Box | None, str | None]:
    """Check the four numbers of a box, in its frame.

    Returns
    -------
    box : tuple of 4 floats or None
    reason : str or None
        Why they are no box; one of the two is None.
    """
    if not isinstance(values, (list, tuple)) or len(values) != 4:
        return None, "The box is not four numbers."
    if not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return None, "The box is not four numbers."
    try:
        x, y, width, height = (float(v) for v in values)
    except OverflowError:
        return None, "The box has a number that is not finite."
    if not all(map(math.isfinite, (x, y, width, height))):
        return None, "The box has a number that is not finite."
    if width <= 0 or height <= 0:
        return None, f"The box has no area: it is {width:g} wide and {height:g} high."
    if frame is not None and (reason := _overhang(x, y, width, height, frame)):
        return None, reason
    return (x, y, width, height), None


def read_polygons(polygons: Any) -> tuple[str | None, Box | None, str | None]:
    """Check polygons and find the box around them.

    Parameters
    ----------
    polygons : list of lists of numbers
        `[x0, y0, x1, y1, ...]` each, in any frame.

    Returns
    -------
    mask : str or None
    box : tuple of 4 floats or None
    reason : str or None
        Why they are no mask; None together with a mask.
    """
    if not isinstance(polygons, list) or not all(isinstance(polygon, list) for polygon in polygons):
        return None, None, "The mask is neither polygons nor run lengths."
    if sum(map(len, polygons)) > MAX_MASK_NUMBERS:
        return None, None, f"The mask has more than {MAX_MASK_NUMBERS:,} numbers."
    numbers = [v for polygon in polygons for v in polygon]
    if not polygons or any(len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
        return None, None, "The mask has a polygon of fewer than three points, or of half a point."
    # A dataset has a hundred million of these numbers: no step of Python for each.
    if not set(map(type, numbers)) <= {int, float} or not _LEAST < min(numbers) <= max(numbers) < _MOST:
        return None, None, "The mask has a number that is not finite."
    if not all(map(math.isfinite, numbers)):  # NaN, which hides from the comparison
        return None, None, "The mask has a number that is not finite."
    xs, ys = numbers[::2], numbers[1::2]  # every polygon has an even count
    left, top = float(min(xs)), float(min(ys))
    box = (left, top, float(max(xs)) - left, float(max(ys)) - top)
    return _json({"polygons": polygons}), box, None


def read_run_lengths(value: Any) -> tuple[str | None, str | None]:
    """Check COCO's run lengths, compressed or not; returns the mask, or why it is none."""
    if not isinstance(value, dict):
        return None, "The mask is neither polygons nor run lengths."
    size, counts = value.get("size"), value.get("counts")
    if not isinstance(size, list) or len(size) != 2 or not all(type(v) is int and 0 < v < 2**20 for v in size):
        return None, "The mask's run lengths have no size."
    if isinstance(counts, list):
        sound = all(type(v) is int and v >= 0 for v in counts) and sum(counts) == size[0] * size[1]
    else:
        sound = isinstance(counts, str) and counts.isascii()
    if not sound or not isinstance(counts, (list, str)):
        return None, "The mask's run lengths do not fill its size."
    if len(counts) > (MAX_MASK_NUMBERS if isinstance(counts, list) else 8 * MAX_MASK_NUMBERS):
        return None, f"The mask has more than {MAX_MASK_NUMBERS:,} numbers."
    return _json({"size": size, "counts": counts}), None


def upright_box(
    box: Box, frame: Frame | None, *, size: tuple[int, int], orientation: Callable[[], int]
) -> tuple[Box | None, str | None]:
    """Bring a box from its frame to pixels of the upright image, cut at the image's edge.

    Parameters
    ----------
    box : tuple of 4 floats
    frame : tuple of 2 floats or None
    size : tuple of 2 ints
        Width and height of the upright image, in pixels.
    orientation : callable
        Gives the file's EXIF orientation; asked only where the frame is the image on its side.

    Returns
    -------
    box : tuple of 4 floats or None
        Left, top, width, height; inside the image.
    reason : str or None
        Why there is none; one of the two is None.
    """
    x, y, width, height = box
    if frame == FRACTIONS:
        x, y, width, height = x * size[0], y * size[1], width * size[0], height * size[1]
    elif frame is not None and frame != size:
        turn = orientation() if frame == (size[1], size[0]) else 1
        if turn not in (5, 6, 7, 8):
            return None, (
                f"The annotation is for an image of {frame[0]:g} x {frame[1]:g} pixels, but the file has "
                f"{size[0]} x {size[1]}."
            )
        x, y, width, height = _turned(box, frame, turn)
    if reason := _overhang(x, y, width, height, size):
        return None, reason
    left, top = max(0.0, x), max(0.0, y)
    right, bottom = min(float(size[0]), x + width), min(float(size[1]), y + height)
    return (left, top, right - left, bottom - top), None


def upright_mask(mask: str | None, frame: Frame | None, *, size: tuple[int, int]) -> str | None:
    """Bring polygons written in fractions to pixels; run lengths stay. None where the frame was on its side."""
    if mask is None or frame is None or frame == size:
        return mask
    if frame != FRACTIONS:
        return None
    value = json.loads(mask)
    if "polygons" in value:
        scaled = [[round(v * size[i % 2], 2) for i, v in enumerate(polygon)] for polygon in value["polygons"]]
        return _json({"polygons": scaled})
    return mask


def _turned(box: Box, frame: Frame, orientation: int) -> Box:
    """Turn a box with the image of size `frame` that holds it; only orientations that swap the sides."""
    x, y, width, height = box
    across = y if orientation in (5, 8) else frame[1] - y - height
    down = x if orientation in (5, 6) else frame[0] - x - width
    return across, down, height, width


def _overhang(x: float, y: float, width: float, height: float, size: tuple[float, float]) -> str | None:
    for start, length, side in ((x, width, size[0]), (y, height, size[1])):
        allowed = _OVERHANG * side if side <= 1 else max(1.0, _OVERHANG * side)
        if start < -allowed or start + length > side + allowed or start >= side or start + length <= 0:
            return (
                f"The box lies outside the image: from ({x:g}, {y:g}) to ({x + width:g}, {y + height:g}) of "
                f"({size[0]:g}, {size[1]:g})."
            )
    return None


def settle_objects(objects: pa.Table, places: pa.Table, *, orientation: Callable[[str], int]) -> pa.Table:
    """Turn `Listing.objects` into `Manifest.objects`, once the images were read.

    Parameters
    ----------
    objects : pyarrow.Table
        See `objects_table`.
    places : pyarrow.Table
        See `Manifest.table`.
    orientation : callable
        From a place's path to its EXIF orientation; asked for images on their side alone.

    Returns
    -------
    pyarrow.Table
        See `Manifest.objects`. What has no box is "unusable", with its reason; so are the objects of a file that is no
        usable image.
    """
    import pyarrow as pa

    columns = (places[name].to_pylist() for name in ("path", "status", "width_px", "height_px"))
    sizes = {path: (w, h) for path, status, w, h in zip(*columns, strict=True) if status == "ok"}
    boxes: list[Box | None] = []
    masks: list[str | None] = []
    reasons: list[str | None] = []
    for path, one in zip(objects["path"].to_pylist(), read_objects(objects), strict=True):
        box, reason, size = one.box, one.reason, sizes.get(path)
        if size is None:
            box, reason = None, reason or "Its image cannot be used."
        elif box is not None and reason is None:
            box, reason = upright_box(box, one.frame, size=size, orientation=partial(orientation, path))
        boxes.append(box if reason is None else None)
        masks.append(None if size is None or reason else upright_mask(one.mask, one.frame, size=size))
        reasons.append(reason)
    table = objects.select(["path", "object", "label"])
    for place, name in enumerate(("x_px", "y_px", "width_px", "height_px")):
        values = [None if box is None else box[place] for box in boxes]
        table = table.append_column(name, pa.array(values, pa.float64()))
    table = table.append_column("is_crowd", objects["is_crowd"])
    table = table.append_column("mask", pa.array(masks, pa.string()))
    status = ["ok" if reason is None else "unusable" for reason in reasons]
    table = table.append_column("status", pa.array(status, pa.string()))
    return table.append_column("reason", pa.array(reasons, pa.string()))


def read_objects(objects: pa.Table) -> Iterator[AnnotatedObject]:
    """Read the rows of `Listing.objects` back."""
    names = ("label", "x", "y", "width", "height", "frame_width", "frame_height", "is_crowd", "mask", "reason")
    for rows in batches(objects.num_rows, _BLOCK_ROWS):
        block = objects.slice(rows.start, rows.stop - rows.start)
        columns = (block[name].to_pylist() for name in names)
        for label, x, y, width, height, frame_width, frame_height, is_crowd, mask, reason in zip(*columns, strict=True):
            yield AnnotatedObject(
                label=label,
                box=None if x is None else (x, y, width, height),
                frame=None if frame_width is None else (frame_width, frame_height),
                is_crowd=is_crowd,
                mask=mask,
                reason=reason,
            )


def _json(value: Any) -> str:
    return _ENCODER.encode(value)


def objects_table(objects: Iterable[tuple[str, Sequence[AnnotatedObject]]]) -> pa.Table:
    """Make `Listing.objects`: path, object, label, x, y, width, height, frame_width, frame_height and the rest.

    Parameters
    ----------
    objects : iterable of (path, sequence of AnnotatedObject)
        In the order of paths; objects are numbered from 0 within their path.
    """
    import pyarrow as pa

    rows = [(path, number, one) for path, some in objects for number, one in enumerate(some)]
    columns: dict[str, Any] = {
        "path": pa.array([path for path, _, _ in rows], pa.string()),
        "object": pa.array([number for _, number, _ in rows], pa.int32()),
        "label": pa.array([one.label for _, _, one in rows], pa.string()),
    }
    for place, name in enumerate(("x", "y", "width", "height")):
        values = [None if one.box is None else one.box[place] for _, _, one in rows]
        columns[name] = pa.array(values, pa.float64())
    for place, name in enumerate(("frame_width", "frame_height")):
        values = [None if one.frame is None else one.frame[place] for _, _, one in rows]
        columns[name] = pa.array(values, pa.float64())
    columns["is_crowd"] = pa.array([one.is_crowd for _, _, one in rows], pa.bool_())
    columns["mask"] = pa.array([one.mask for _, _, one in rows], pa.string())
    columns["reason"] = pa.array([one.reason for _, _, one in rows], pa.string())
    return pa.table(columns)
