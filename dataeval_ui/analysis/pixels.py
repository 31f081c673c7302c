"""Do two thumbnails show the same picture? Decode, align, compare; most unlike pairs are told apart while small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from dataeval_ui.analysis.alignment import BOUNDS, STILL, align, luma_of, shrink, smooth
from dataeval_ui.errors import StorageError
from dataeval_ui.types import batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int64, UInt8

T = TypeVar("T")
R = TypeVar("R")

SIDE_PX = 64
"""Side of the square that thumbnails are compared in."""

COARSE_PX = 16
"""Side of the square in which most unlike pairs are told apart."""

_MIDDLE_PX = 32

_MAX_THUMBNAIL_PX = 1024
"""A side no thumbnail has: a bundle's could else ask for any amount of memory."""

STARTS = STILL * np.array([1.0, 1 / 0.9, 0.9], dtype=np.float32)[:, None, None]
"""The whole picture, and a crop of 5 % on every side of either of the two."""

_MIN_STARTS = 0.75
_MIN_COARSE = 0.9
_MIN_MIDDLE = 0.88
"""Least correlations: of 16 x 16 images before and after they are aligned, and of aligned 32 x 32 images."""

_MIN_COARSE_COLORS = 0.82
"""Least agreement of the colours of 16 x 16 images."""

_MIN_MIDDLE_SIMILARITY = 0.68
"""Least similarity of aligned 32 x 32 images. Docs say how few pairs these bounds lose."""

_PAIRS_AT_ONCE = {COARSE_PX: 2048, _MIDDLE_PX: 512}
"""A thread's share: enough that it seldom waits for Python's lock."""

_FAINT = 12.0
"""Chroma, in grey levels, below which colours are too weak to compare."""

_GREY = 3.0
"""Chroma below which there is no colour at all."""


class Pictures(NamedTuple):
    """Thumbnails, each squeezed into a square.

    Attributes
    ----------
    luma : ndarray of shape (n, 64, 64), uint8
        Grey values.
    coarse : ndarray of shape (n, 16, 16, 3), uint8
        Colours, on fewer pixels.
    aspects : ndarray of shape (n,), float32
        Width over height of the thumbnail.
    """

    luma: UInt8
    coarse: UInt8
    aspects: Float32


def empty_pictures(n: int) -> Pictures:
    """Return room for so many pictures."""
    luma, coarse = np.empty((n, SIDE_PX, SIDE_PX), np.uint8), np.empty((n, COARSE_PX, COARSE_PX, 3), np.uint8)
    return Pictures(luma, coarse, np.empty(n, np.float32))


def decode_pictures(jpegs: Sequence[bytes], *, n_threads: int = 1) -> Pictures:
    """Decode thumbnails.

    Raises
    ------
    StorageError
        A thumbnail that is damaged.
    """
    pictures = empty_pictures(len(jpegs))

    def decode(rows: slice) -> None:
        from dataeval_ui.analysis.compiled import reduce_square, resize_to_square

        square = np.empty((SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
        for i in range(rows.start, rows.stop):
            pixels, pictures.aspects[i] = _decode(jpegs[i])
            resize_to_square(pixels, square)
            reduce_square(square, pictures.luma[i], pictures.coarse[i])

    _each(decode, list(batches(len(jpegs), 64)), n_threads)
    return pictures


def _each(work: Callable[[T], R], tasks: Sequence[T], n_threads: int) -> list[R]:
    """Do tasks, in several threads where they are many: decoding and numpy's loops hold no lock."""
    if n_threads > 1 and len(tasks) > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            return list(pool.map(work, tasks))
    return [work(task) for task in tasks]


def _decode(jpeg: bytes) -> tuple[UInt8, float]:
    """Pixels of a thumbnail, reduced while it is decoded where it is large; and its aspect."""
    import simplejpeg  # half of Pillow's time

    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg)
        if max(height, width) > _MAX_THUMBNAIL_PX:
            raise ValueError(f"{width} x {height} pixels")
        pixels: UInt8 = simplejpeg.decode_jpeg(
            jpeg, "RGB", fastdct=True, fastupsample=True, min_height=SIDE_PX, min_width=SIDE_PX, min_factor=2
        )  # a half is fast, 5/8 to 7/8 are slower than the whole
    except (ValueError, OverflowError, MemoryError) as error:
        raise StorageError(
            f"A thumbnail of the store is damaged ({error}). Remove the dataset and add it again."
        ) from None
    return pixels, width / height


def compare_coarsely(
    rgb: UInt8, pairs: Int64, *, starts: Float32 = STARTS, bounds: Float32 = BOUNDS, n_threads: int = 1
) -> tuple[Int64, Float32]:
    """Find the pairs of thumbnails that may show the same picture.

    Parameters
    ----------
    rgb : ndarray of shape (n, 16, 16, 3), uint8
    pairs : ndarray of shape (n_pairs, 2), int
        Which two of them.
    starts : ndarray of shape (n_starts, 2, 3), float32
        Warps of which the best is refined.
    bounds : ndarray of shape (3,), float32
        Of the refined warps; see `alignment.BOUNDS`.
    n_threads : int, default 1
        The result does not depend on it.

    Returns
    -------
    alike : ndarray of shape (n_alike,), int64
        Those whose aligned grey values and colours agree, as rows of `pairs`, rising. A blank picture is like none.
    warps : ndarray of shape (n_alike, 2, 3), float32
        Affine maps from places of the left to places of the right picture, both in [-1, 1].
    """

    def compare(part: slice) -> tuple[Int64, Float32]:
        alike, warps = _compare_small(rgb, pairs[part], starts, bounds)
        return part.start + alike, warps

    found = _each(compare, list(batches(len(pairs), _PAIRS_AT_ONCE[COARSE_PX])), n_threads)
    nothing = np.empty(0, np.int64), np.empty((0, 2, 3), np.float32)
    alike, warps = (np.concatenate(parts) for parts in zip(nothing, *found, strict=True))
    return alike, warps


def _compare_small(rgb: UInt8, pairs: Int64, starts: Float32, bounds: Float32) -> tuple[Int64, Float32]:
    from dataeval_ui.analysis.compiled_pairs import choose_starts

    rows, places = np.unique(pairs, return_inverse=True)
    left, right = places.reshape(-1, 2).T
    rgb = rgb[rows]
    luma = smooth(luma_of(rgb))
    which, scores = np.empty(left.size, np.int64), np.empty(left.size, np.float32)
    choose_starts(luma, left, right, starts, which, scores)
    at = np.flatnonzero(scores >= _MIN_STARTS)
    warps, correlations = align(luma, left[at], right[at], starts[which[at]], n_rounds=6, bounds=bounds)
    kept = correlations >= _MIN_COARSE
    at, warps = at[kept], warps[kept]
    kept = colors_alike(_smooth_planes(rgb, luma), left[at], right[at], warps) >= _MIN_COARSE_COLORS
    return at[kept], warps[kept]


def unit_pictures(values: Float32) -> Float32:
    """Bring each picture, of shape (n, ...), to a row of mean 0 and length 1; a blank one, of a grey level, to less."""
    values = values.reshape(values.shape[0], int(np.prod(values.shape[1:])))  # -1 cannot be told of no pictures
    values = values - values.mean(axis=1, keepdims=True)
    energy = np.einsum("np,np->n", values, values)[:, None]
    units: Float32 = values / np.sqrt(np.maximum(energy, values.shape[1]))
    return units


def similarity(
    pictures: Pictures,
    pairs: Int64,
    warps: Float32,
    *,
    least: float = 0.0,
    bounds: Float32 = BOUNDS,
    n_threads: int = 1,
) -> Float32:
    """Compare pairs of thumbnails, aligned further from a coarse start.

    Parameters
    ----------
    pictures : Pictures
    pairs : ndarray of shape (n_pairs, 2), int
        Which two of them.
    warps : ndarray of shape (n_pairs, 2, 3), float32
        As from `compare_coarsely`.
    least : float, default 0
        Pairs that agree less are not needed.
    bounds : ndarray of shape (3,), float32
        Of the refined warps; see `alignment.BOUNDS`.
    n_threads : int, default 1
        The result does not depend on it.

    Returns
    -------
    ndarray of shape (n_pairs,), float32
        In [0, 1]; 1 for equal pictures, whatever their brightness and contrast. 0 for pairs that already the aligned
        32 x 32 pixels tell apart, or whose colours alone agree less than `least`.
    """

    def compare(part: slice) -> Float32:
        rows, places = np.unique(pairs[part], return_inverse=True)
        left, right = places.reshape(-1, 2).T
        scores = np.zeros(left.size, dtype=np.float32)
        luma = pictures.luma[rows]
        middle = shrink(luma, _MIDDLE_PX)
        warp, correlations = align(smooth(middle), left, right, warps[part], n_rounds=4, bounds=bounds)
        at = np.flatnonzero(correlations >= _MIN_MIDDLE)
        left, right, warp = left[at], right[at], warp[at]
        coarse = pictures.coarse[rows]
        colors = colors_alike(_smooth_planes(coarse, smooth(luma_of(coarse))), left, right, warp)
        kept = (colors >= least) & (colors * _same_structure(middle, left, right, warp) >= _MIN_MIDDLE_SIMILARITY)
        at, left, right = at[kept], left[kept], right[kept]
        rows, places = np.unique(np.stack([left, right]), return_inverse=True)
        left, right = places.reshape(2, -1)
        fine = luma[rows].astype(np.float32)
        warp, _ = align(smooth(fine), left, right, warp[kept], n_rounds=2, bounds=bounds)
        scores[at] = colors[kept] * _same_structure(fine, left, right, warp)
        return scores

    parts = _each(compare, list(batches(len(pairs), _PAIRS_AT_ONCE[_MIDDLE_PX])), n_threads)
    return np.concatenate([np.empty(0, np.float32), *parts])


def _smooth_planes(rgb: UInt8, luma: Float32) -> Float32:
    """Smooth luma, which is given, and two chroma differences, of shape (3, n, side, side)."""
    planes = np.empty((3, *luma.shape), dtype=np.float32)
    planes[0] = luma
    for plane, channel in ((1, 2), (2, 0)):
        planes[plane] = smooth(rgb[..., channel].astype(np.float32)) - luma
    return planes


def colors_alike(planes: Float32, left: Int64, right: Int64, warps: Float32) -> Float32:
    """Agreement of the colours of pairs, in [0, 1].

    Parameters
    ----------
    planes : ndarray of shape (3, n, side, side), float32
        Luma and two chroma differences.
    left, right : ndarray of shape (n_pairs,), int64
    warps : ndarray of shape (n_pairs, 2, 3), float32
    """
    from dataeval_ui.analysis.compiled_colors import compare_colors
    from dataeval_ui.analysis.compiled_pairs import read_each_warped

    aligned = np.empty((3, left.size, *planes.shape[2:]), dtype=np.float32)
    inside = np.empty(aligned.shape[1:], dtype=np.float32)
    for plane, values in zip(planes, aligned, strict=True):
        read_each_warped(plane, right, warps, values, inside)
    scores = np.empty(left.size, dtype=np.float32)
    compare_colors(planes, left, aligned, inside, _GREY, _FAINT, scores)
    return scores


def _same_structure(images: Float32, left: Int64, right: Int64, warps: Float32) -> Float32:
    from dataeval_ui.analysis.compiled_pairs import compare_structure

    scores = np.empty(left.size, dtype=np.float32)
    compare_structure(images, left, right, warps, scores)
    return scores
