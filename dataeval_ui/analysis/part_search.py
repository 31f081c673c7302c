"""Parts of images: cells of a network's feature map, compressed, and found again in other images.

A part is what lies in a box. Its query is the cells that the box covers; an image fits as well as its best cell for
each of them, on average ("late interaction"). Layout and scale of the part do not count.

References
----------
Khattab and Zaharia, ColBERT, 2020, doi:10.1145/3397271.3401075 (the sum of best matches).
Rocchio's feedback is what plus and minus examples follow: their scores are added and subtracted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.errors import ParameterError
from dataeval_ui.types import batches

if TYPE_CHECKING:
    import numpy.typing as npt

    from dataeval_ui.types.base import Float32

    Int8 = npt.NDArray[np.int8]

Box = tuple[float, float, float, float]
"""Left, top, width, height, each in [0, 1]: shares of the upright image's width and height."""

N_COMPONENTS = 64
MAX_QUERY_CELLS = 48
_CELLS_AT_ONCE = 200_000
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCompressor:
    """What turns a cell of the network into a few bytes.

    Attributes
    ----------
    mean : ndarray of shape (n_dims,), float32
        Of cells of unit length.
    components : ndarray of shape (n_components, n_dims), float32
        Principal axes, the strongest first.
    """

    mean: Float32
    components: Float32


@dataclass(frozen=True, slots=True, kw_only=True)
class PartQuery:
    """A part to look for.

    Attributes
    ----------
    vectors : ndarray of shape (n_cells, n_components), float32
        Of unit length.
    weights : ndarray of shape (n_cells,), float32
        Share of the box that each stands for; they add up to 1.
    """

    vectors: Float32
    weights: Float32


def fit_compressor(cells: Float32, *, n_components: int = N_COMPONENTS) -> CellCompressor:
    """Find the axes along which cells differ most.

    Parameters
    ----------
    cells : ndarray of shape (n_cells, n_dims), float32
        Of many images. At least 2.
    n_components : int, default 64
        Fewer are kept where there are fewer cells or dimensions.

    Notes
    -----
    Deterministic. Cost n_cells n_dims^2.
    """
    from sklearn.decomposition import PCA

    if cells.ndim != 2 or len(cells) < 2:
        raise ParameterError(f"At least 2 cells are needed to compress cells, got an array of shape {cells.shape}.")
    unit = _unit(cells)
    pca = PCA(n_components=min(n_components, *unit.shape), svd_solver="covariance_eigh").fit(unit)
    return CellCompressor(mean=pca.mean_.astype(np.float32), components=pca.components_.astype(np.float32))


def compress_cells(cells: Float32, compressor: CellCompressor) -> Int8:
    """Compress cells to a byte a component.

    Parameters
    ----------
    cells : ndarray of shape (..., n_dims), float32

    Returns
    -------
    ndarray of shape (..., n_components), int8
        The direction of each cell from the mean one; its largest component is 127 or -127. A cell that is the mean is
        all zeros. The cosine of two cells changes by less than 0.01.
    """
    projected = (_unit(cells) - compressor.mean) @ compressor.components.T
    largest = np.abs(projected).max(axis=-1, keepdims=True)
    codes: Int8 = np.rint(projected * (127.0 / np.maximum(largest, _TINY))).astype(np.int8)
    return codes


def check_box(box: Sequence[float]) -> Box:
    """Return a box cut down to the image.

    Raises
    ------
    ParameterError
        Not four finite numbers, or nothing of it inside the image.
    """
    numbers = [float(number) for number in box]
    if len(numbers) != 4 or not np.isfinite(numbers).all():
        raise ParameterError("A box is four numbers: left, top, width and height, as shares of the image in [0, 1].")
    left, top, width, height = numbers
    right, bottom = min(1.0, left + width), min(1.0, top + height)
    left, top = max(0.0, left), max(0.0, top)
    if right - left <= 0 or bottom - top <= 0:
        raise ParameterError(f"The box {tuple(numbers)} has nothing of the image in it; give shares in [0, 1].")
    return left, top, right - left, bottom - top


def box_weights(box: Sequence[float], side: int) -> Float32:
    """Tell how much of a box lies in each cell.

    Returns
    -------
    ndarray of shape (side * side,), float32
        Row by row, in [0, 1]; they add up to 1. Cells that the box touches by less than a quarter of what it covers of
        its fullest cell have 0.
    """
    left, top, width, height = check_box(box)
    edges = np.arange(side + 1) / side
    across = np.clip(np.minimum(edges[1:], left + width) - np.maximum(edges[:-1], left), 0, None)
    down = np.clip(np.minimum(edges[1:], top + height) - np.maximum(edges[:-1], top), 0, None)
    weights = np.outer(down, across).reshape(-1)
    weights[weights < 0.25 * weights.max()] = 0
    shares: Float32 = (weights / weights.sum()).astype(np.float32)
    return shares


def part_query(codes: Int8, box: Sequence[float]) -> PartQuery:
    """Make a query of what lies in a box.

    Parameters
    ----------
    codes : ndarray of shape (side * side, n_components), int8
        Cells of the image that the box is on.
    box : sequence of 4 floats
        See `Box`.

    Returns
    -------
    PartQuery
        At most `MAX_QUERY_CELLS` cells; of a larger box, evenly chosen ones.
    """
    side = round(len(codes) ** 0.5)
    weights = box_weights(box, side)
    cells = np.flatnonzero(weights)
    if len(cells) > MAX_QUERY_CELLS:
        cells = cells[np.linspace(0, len(cells) - 1, MAX_QUERY_CELLS).round().astype(np.int64)]
    chosen = weights[cells]
    return PartQuery(vectors=_unit(codes[cells].astype(np.float32)), weights=chosen / chosen.sum())


def score_parts(codes: Int8, plus: Sequence[PartQuery], minus: Sequence[PartQuery] = ()) -> Float32:
    """Score how well images hold parts.

    Parameters
    ----------
    codes : ndarray of shape (n_images, side * side, n_components), int8
        May be a memory map; a block of images is read at a time.
    plus : sequence of PartQuery
        At least one.
    minus : sequence of PartQuery
        Parts that images should not have.

    Returns
    -------
    ndarray of shape (n_images,), float32
        Mean over `plus` less mean over `minus` (of those that fit at all). An image's fit to a part is the weighted
        mean, over the part's cells, of the cosine of the best cell of the image. In [-2, 1] and 1 for the part itself.

    Notes
    -----
    Cost n_images side^2 n_components (cells of the query).
    """
    if not plus:
        raise ParameterError("Name at least one part to look for; minus examples alone find nothing.")
    n_images, n_cells, _ = codes.shape
    scores = np.empty(n_images, dtype=np.float32)
    vectors = np.concatenate([query.vectors for query in (*plus, *minus)])
    for part in batches(n_images, max(1, _CELLS_AT_ONCE // n_cells)):
        block = codes[part]
        best = (
            (_unit(block.reshape(-1, block.shape[-1]).astype(np.float32)) @ vectors.T)
            .reshape(len(block), n_cells, -1)
            .max(axis=1)
        )
        scores[part] = _combine(best, plus, minus)
    return scores


def match_heat(codes: Int8, plus: Sequence[PartQuery], minus: Sequence[PartQuery] = ()) -> Float32:
    """Tell where in images the parts are.

    Parameters
    ----------
    codes : ndarray of shape (n_images, side * side, n_components), int8

    Returns
    -------
    ndarray of shape (n_images, side * side), float32
        For each cell the best cosine to a cell of a plus part, less the best to a minus part where that is positive;
        below 0 it is 0. In [0, 1].
    """
    cells = _unit(codes.astype(np.float32))
    heat = np.max([(cells @ query.vectors.T).max(axis=-1) for query in plus], axis=0)
    if minus:
        unwanted = np.max([(cells @ query.vectors.T).max(axis=-1) for query in minus], axis=0)
        heat = heat - np.clip(unwanted, 0, None)
    clipped: Float32 = np.clip(heat, 0, 1).astype(np.float32)
    return clipped


def hottest_box(heat: Float32, *, share: float = 0.8) -> Box:
    """Draw a box around the hottest cell and the cells joined to it that have at least `share` of its heat.

    Parameters
    ----------
    heat : ndarray of shape (side * side,), float32
    """
    from scipy.ndimage import label

    side = round(len(heat) ** 0.5)
    square = heat.reshape(side, side)
    joined, _ = label(square >= share * square.max())
    rows, columns = np.nonzero(joined == joined[np.unravel_index(int(square.argmax()), square.shape)])
    return (
        float(columns.min() / side),
        float(rows.min() / side),
        float((columns.max() - columns.min() + 1) / side),
        float((rows.max() - rows.min() + 1) / side),
    )


def _combine(best: Float32, plus: Sequence[PartQuery], minus: Sequence[PartQuery]) -> Float32:
    """Weigh best matches of shape (n_images, all cells of all queries) to one score an image."""
    fits = []
    start = 0
    for query in (*plus, *minus):
        stop = start + len(query.weights)
        fits.append(best[:, start:stop] @ query.weights)
        start = stop
    wanted: Float32 = np.mean(fits[: len(plus)], axis=0)
    if not minus:
        return wanted
    scores: Float32 = wanted - np.mean(np.clip(fits[len(plus) :], 0, None), axis=0)
    return scores


def _unit(vectors: Float32) -> Float32:
    lengths = np.sqrt(np.einsum("...d,...d->...", vectors, vectors))[..., None]
    unit: Float32 = vectors / np.maximum(lengths, _TINY)
    return unit
