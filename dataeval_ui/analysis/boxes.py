"""Faults of localization that boxes show by themselves: tiny, cut off by the frame, over each other, odd in shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dataeval_ui.types.base import Bool, Int32, Int64

TINY_PX = 16
"""A box of a smaller area than its square is tiny, as in AI-TOD (https://doi.org/10.1109/ICPR48806.2021.9413340)."""

EDGE_PX = 1.0
"""A box that comes so near to an edge of the image may go on beyond it."""

FULL, SLIVER, OVERLAP, TWICE = 0.9, 10.0, 0.5, 0.9
"""Share of the image; the longer side to the shorter; intersection over union with one of the same class, or any."""

FLAGS = {
    "tiny": f"Tiny: less than {TINY_PX} x {TINY_PX} pixels",
    "cut": "Cut off: touches an edge of the image",
    "full": f"Full: more than {FULL:.0%} of the image",
    "sliver": f"Sliver: one side over {SLIVER:.0f} times the other",
    "overlap": f"Crowded: overlaps another of its class by {OVERLAP:.0%} or more",
    "twice": f"Drawn twice: overlaps another by {TWICE:.0%} or more",
}

_MAX_OF_IMAGE = 2_000
"""Boxes of one image that are compared with each other; of more, only neighbours in the order of their left edges."""


def flag_boxes(boxes: np.ndarray, sizes: np.ndarray, *, image: Int64, labels: Int32) -> dict[str, Bool]:
    """Tell the faults of each box.

    Parameters
    ----------
    boxes : ndarray of shape (n_boxes, 4), float64
        Left, top, width and height in pixels of the upright image.
    sizes : ndarray of shape (n_boxes, 2), float64
        Width and height of its image.
    image : ndarray of shape (n_boxes,), int64
    labels : ndarray of shape (n_boxes,), int32
        Classes; -1 is none.

    Returns
    -------
    dict of str to ndarray of shape (n_boxes,), bool
        Keys are those of `FLAGS`. Overlap is intersection over union within one image.

    Notes
    -----
    O(boxes of one image squared), image by image; the matrix of one image is at most 2,000 x 2,000.
    """
    x, y, width, height = boxes.T
    across, down = sizes.T
    area = width * height
    longer, shorter = np.maximum(width, height), np.minimum(width, height)
    overlap, twice = _overlapping(boxes, image, labels)
    return {
        "tiny": area < TINY_PX**2,
        "cut": (x <= EDGE_PX) | (y <= EDGE_PX) | (x + width >= across - EDGE_PX) | (y + height >= down - EDGE_PX),
        "full": area > FULL * across * down,
        "sliver": longer > SLIVER * shorter,
        "overlap": overlap,
        "twice": twice,
    }


def _overlapping(boxes: np.ndarray, image: Int64, labels: Int32) -> tuple[Bool, Bool]:
    overlap, twice = (np.zeros(len(boxes), dtype=np.bool_) for _ in range(2))
    order = np.lexsort((boxes[:, 0], image))
    starts = np.flatnonzero(np.diff(image[order], prepend=-1))
    for start, stop in zip(starts, np.append(starts[1:], len(order)), strict=True):
        for first in range(start, stop, _MAX_OF_IMAGE):
            rows = order[first : min(first + _MAX_OF_IMAGE, stop)]
            if len(rows) < 2:
                continue
            union = intersection_over_union(boxes[rows])
            np.fill_diagonal(union, 0)
            same = (labels[rows][:, None] == labels[rows]) & (labels[rows] >= 0)
            overlap[rows] = (np.where(same, union, 0) >= OVERLAP).any(axis=1)
            twice[rows] = (union >= TWICE).any(axis=1)
    return overlap, twice


def intersection_over_union(boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of each pair of boxes (left, top, width, height), of shape (n, n); 0 for empty boxes."""
    x, y, width, height = boxes.T
    across = np.minimum((x + width)[:, None], x + width) - np.maximum(x[:, None], x)
    down = np.minimum((y + height)[:, None], y + height) - np.maximum(y[:, None], y)
    both = np.maximum(across, 0) * np.maximum(down, 0)
    area = width * height
    union = area[:, None] + area - both
    found: np.ndarray = np.divide(both, union, out=np.zeros_like(both), where=union > 0)
    return found
