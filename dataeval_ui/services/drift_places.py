"""The images that are behind one cell of a heat map of drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataeval_ui.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np

    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int64

N_LIKE_THEM = 24
"""Images that show best how the features of a cell differ; every image has features there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellImages:
    """Images of both sets at one place of the frame.

    Attributes
    ----------
    reference, test : ndarray of int64
        Rows of each run, those first that have most there: box centres, or covered area; of image features those
        that lie farthest from the other set.
    """

    reference: Int64
    test: Int64


def images_at(
    reference: Run, test: Run, rows: tuple[Int64, Int64], kind: str, cell: tuple[int, int]
) -> CellImages | None:
    """Find the images that are behind a cell of `frame_drift` or `cell_drift`.

    Parameters
    ----------
    rows : pair of ndarray of int64
        The compared images of each run.
    kind : {"centres", "coverage", "cells"}
    cell : (int, int)
        Down and across, from the upper left corner.

    Returns
    -------
    CellImages or None
        None where the sets have no such heat map.

    Raises
    ------
    ParameterError
        The heat map has no such cell.
    """
    if kind == "cells":
        return _by_features(reference, test, rows, cell)
    first, second = (_by_boxes(run, own, kind, cell) for run, own in zip((reference, test), rows, strict=True))
    return None if first is None or second is None else CellImages(reference=first, test=second)


def _by_boxes(run: Run, rows: Int64, kind: str, cell: tuple[int, int]) -> Int64 | None:
    import numpy as np

    from dataeval_ui.analysis.drift.frames import GRID, shares_of_cell
    from dataeval_ui.services.boxes import run_boxes

    _check(cell, GRID)
    boxes = run_boxes(run, rows)
    if boxes is None:
        return None
    places = boxes.pixels / np.concatenate([boxes.sizes, boxes.sizes], axis=1)
    has_centre, covered = shares_of_cell(places, *cell)
    weights = has_centre.astype(np.float64) if kind == "centres" else covered
    return _most_first(np.bincount(boxes.rows, weights, minlength=run.n_images))


def _most_first(weights: np.ndarray) -> Int64:
    order = (-weights).argsort(kind="stable")
    found: Int64 = order[: int((weights > 0).sum())]
    return found


def _by_features(reference: Run, test: Run, rows: tuple[Int64, Int64], cell: tuple[int, int]) -> CellImages | None:
    import numpy as np

    from dataeval_ui.analysis.drift.frames import scores_of_cell
    from dataeval_ui.services.drift_frames import sampled_cells

    sampled = sampled_cells(reference, test, rows)
    if sampled is None:
        return None
    (first, before), (second, after) = sampled
    side = round(before.shape[1] ** 0.5)
    _check(cell, side)
    at = cell[0] * side + cell[1]
    scores = scores_of_cell(np.concatenate([before[:, at], after[:, at]]), len(first))
    least, most = np.argsort(scores[: len(first)], kind="stable"), np.argsort(-scores[len(first) :], kind="stable")
    return CellImages(reference=first[least[:N_LIKE_THEM]], test=second[most[:N_LIKE_THEM]])


def _check(cell: tuple[int, int], side: int) -> None:
    if not all(0 <= place < side for place in cell):
        raise ParameterError(f"The heat map has {side} by {side} cells, and none at {cell}; click one of them.")
