"""Annotations that can be used but contradict each other: one box with two classes, a mask that is not in its box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from dataeval_ui.data.masks import mask_extent
from dataeval_ui.findings.words import shown_name
from dataeval_ui.types import batches

if TYPE_CHECKING:
    import pyarrow as pa

SAME_BOX_IOU = 0.9
"""Intersection over union from which two boxes are taken to be of one object: annotators differ by a few pixels."""
MASK_IOU = 0.5
"""A mask whose own box overlaps the object's by less is of something else."""
MAX_PAIRED = 1_000
"""Objects of one image that are compared with each other; of more, the first so many."""

_BLOCK_ROWS = 10_000


def find_contradictions(objects: pa.Table) -> Iterator[tuple[str, int, str]]:
    """Find objects that contradict themselves or another object of their image.

    Parameters
    ----------
    objects : pyarrow.Table
        As in `Manifest.objects`, by path and number. Unusable ones are passed over.

    Yields
    ------
    path : str
    number : int
        Of the object; of two with one box, the later one.
    reason : str
        A sentence.
    """
    names = ["path", "object", "label", "x_px", "y_px", "width_px", "height_px", "is_crowd", "mask", "status"]
    blocks = (
        objects.slice(part.start, _BLOCK_ROWS) for part in batches(objects.num_rows, _BLOCK_ROWS)
    )  # masks are long
    rows = (row for block in blocks for row in block.select(names).to_pylist())
    for path, of_path in groupby(rows, key=lambda row: row["path"]):
        usable = [row for row in of_path if row["status"] == "ok"]
        found = {**_two_classes(usable[:MAX_PAIRED]), **_masks_elsewhere(usable)}
        for number in sorted(found):
            yield path, number, found[number]


def _two_classes(rows: Sequence[dict[str, Any]]) -> dict[int, str]:
    single = [row for row in rows if not row["is_crowd"] and row["label"] is not None]
    if len({row["label"] for row in single}) < 2:
        return {}
    overlap = box_iou(np.array([[row[n] for n in ("x_px", "y_px", "width_px", "height_px")] for row in single]))
    found: dict[int, str] = {}
    for later, earlier in np.argwhere(np.tril(overlap, -1) >= SAME_BOX_IOU):
        one, other = single[later], single[earlier]
        if one["label"] != other["label"]:
            found.setdefault(
                one["object"],
                f"It is labelled {shown_name(one['label'])} and has the box of object {other['object']}, which is "
                f"labelled {shown_name(other['label'])}.",
            )
    return found


def _masks_elsewhere(rows: Sequence[dict[str, Any]]) -> dict[int, str]:
    found: dict[int, str] = {}
    for row in rows:
        if row["mask"] is None or row["is_crowd"]:
            continue
        extent = mask_extent(row["mask"])
        if extent is None:
            continue
        if extent[2] <= 0 or extent[3] <= 0:
            found[row["object"]] = "Its mask is empty."
            continue
        box = [row[name] for name in ("x_px", "y_px", "width_px", "height_px")]
        if box_iou(np.array([box, extent]))[0, 1] < MASK_IOU:
            found[row["object"]] = "Its mask lies elsewhere than its box."
    return found


def box_iou(boxes: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Intersection over union of boxes with each other.

    Parameters
    ----------
    boxes : ndarray of shape (n, 4)
        Left, top, width, height.

    Returns
    -------
    ndarray of shape (n, n)
        In [0, 1].
    """
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    sides = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    shared = np.clip(sides, 0, None).prod(axis=2)
    area = boxes[:, 2:].prod(axis=1)
    result: np.ndarray[Any, np.dtype[np.float64]] = shared / np.maximum(area[:, None] + area[None] - shared, 1e-12)
    return result
