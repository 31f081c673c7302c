"""Do two thumbnails show the same picture? Decode, align, compare; most unlike pairs are told apart while small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dataeval_ui.analysis.alignment import STILL, align, luma_of, mismatch, sample, shrink, smooth
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

_START_ZOOMS = (1.0, 1 / 0.9, 0.9)
"""The whole picture, and a crop of 5 % on every side of either of the two."""

_MIN_STARTS = 0.75
_MIN_COARSE = 0.9
_MIN_MIDDLE = 0.88
"""Least correlations: of 16 x 16 images before and after they are aligned, and of aligned 32 x 32 images."""

_MIN_COARSE_COLORS = 0.82
"""Least agreement of the colours of 16 x 16 images."""

_MIN_MIDDLE_SIMILARITY = 0.68
"""Least similarity of aligned 32 x 32 images. Docs say how few pairs these bounds lose."""

_PAIRS_AT_ONCE = {COARSE_PX: 112, _MIDDLE_PX: 28, SIDE_PX: 7}
"""Few enough for the processor's cache, and for matrix products that OpenBLAS does not share out to threads."""

_WINDOW_PX = 7
_BORDER_PX = _WINDOW_PX // 2
_FAINT = 12.0
"""Chroma, in grey levels, below which colours are too weak to compare."""

_GREY = 3.0
"""Chroma below which there is no colour at all."""


def decode_squares(jpegs: Sequence[bytes], *, n_threads: int = 1) -> tuple[UInt8, Float32]:
    """Decode thumbnails, each squeezed into a square.

    Returns
    -------
    rgb : ndarray of shape (n, 64, 64, 3), uint8
    aspects : ndarray of shape (n,), float32
        Width over height of the thumbnail.

    Raises
    ------
    StorageError
        A thumbnail that is damaged.
    """
    rgb = np.empty((len(jpegs), SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    aspects = np.empty(len(jpegs), dtype=np.float32)

    def decode(rows: slice) -> None:
        for i in range(rows.start, rows.stop):
            rgb[i], aspects[i] = _decode(jpegs[i])

    _each(decode, list(batches(len(jpegs), 64)), n_threads)
    return rgb, aspects


def _each(work: Callable[[T], R], tasks: Sequence[T], n_threads: int) -> list[R]:
    """Do tasks, in several threads where they are many: decoding and numpy's loops hold no lock."""
    if n_threads > 1 and len(tasks) > 1:
        with ThreadPoolExecutor(n_threads) as pool:
            return list(pool.map(work, tasks))
    return [work(task) for task in tasks]


def _decode(jpeg: bytes) -> tuple[UInt8, float]:
    import simplejpeg  # half of Pillow's time
    from PIL import Image

    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg)
        if max(height, width) > _MAX_THUMBNAIL_PX:
            raise ValueError(f"{width} x {height} pixels")
        pixels = simplejpeg.decode_jpeg(
            jpeg, "RGB", fastdct=True, fastupsample=True, min_height=SIDE_PX, min_width=SIDE_PX, min_factor=1
        )
        image = Image.fromarray(pixels)
    except (ValueError, OverflowError, MemoryError) as error:
        raise StorageError(
            f"A thumbnail of the store is damaged ({error}). Remove the dataset and add it again."
        ) from None
    return np.asarray(image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BILINEAR)), width / height


def coarse_squares(rgb: UInt8) -> UInt8:
    """Reduce squares of shape (n, 64, 64, 3) to (n, 16, 16, 3), by means."""
    n, step = rgb.shape[0], SIDE_PX // COARSE_PX
    rows = rgb.reshape(n, COARSE_PX, step, SIDE_PX, 3).sum(axis=2, dtype=np.uint16)
    total = rows.reshape(n, COARSE_PX, COARSE_PX, step, 3).sum(axis=3, dtype=np.uint16)
    coarse: UInt8 = ((total + step * step // 2) // (step * step)).astype(np.uint8)
    return coarse


def compare_coarsely(rgb: UInt8, pairs: Int64, *, n_threads: int = 1) -> tuple[Int64, Float32]:
    """Find the pairs of thumbnails that may show the same picture.

    Parameters
    ----------
    rgb : ndarray of shape (n, 16, 16, 3), uint8
    pairs : ndarray of shape (n_pairs, 2), int
        Which two of them.
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
        alike, warps = _compare_small(rgb, pairs[part])
        return part.start + alike, warps

    found = _each(compare, list(batches(len(pairs), 16 * _PAIRS_AT_ONCE[COARSE_PX])), n_threads)
    nothing = np.empty(0, np.int64), np.empty((0, 2, 3), np.float32)
    alike, warps = (np.concatenate(parts) for parts in zip(nothing, *found, strict=True))
    return alike, warps


def _compare_small(rgb: UInt8, pairs: Int64) -> tuple[Int64, Float32]:
    found, warps = [np.empty(0, np.int64)], [np.empty((0, 2, 3), np.float32)]
    rows, places = np.unique(pairs, return_inverse=True)
    left, right = places.reshape(-1, 2).T
    planes = np.stack([smooth(plane) for plane in _planes(rgb[rows])])
    zooms, scores = _best_starts(planes[0], left, right)
    close = np.flatnonzero(scores >= _MIN_STARTS)
    for some in batches(close.size, _PAIRS_AT_ONCE[COARSE_PX]):
        at = close[some]
        starts = STILL * zooms[at, None, None]
        warp, correlations = align(planes[0, left[at]], planes[0, right[at]], starts, n_rounds=6)
        kept = correlations >= _MIN_COARSE
        at, warp = at[kept], warp[kept]
        if at.size:
            kept = _colors_alike(planes[:, left[at]], planes[:, right[at]], warp) >= _MIN_COARSE_COLORS
            found.append(at[kept])
            warps.append(warp[kept])
    return np.concatenate(found), np.concatenate(warps)


def _best_starts(images: Float32, left: Int64, right: Int64) -> tuple[Float32, Float32]:
    """Zoom of the right image, of the few tried, at which a pair correlates best, and how well."""
    n = images.shape[0]
    zooms, best = np.ones(left.size, np.float32), np.full(left.size, -np.inf, dtype=np.float32)
    for zoom in _START_ZOOMS:
        moved, inside = sample(images, np.tile(STILL * np.float32(zoom), (n, 1, 1)))
        seen = inside[0].ravel() > 0  # the same places for all
        own, other = (_unit(values.reshape(n, -1)[:, seen]) for values in (images, moved))
        scores = np.einsum("np,np->n", own[left], other[right])
        zooms[scores > best] = zoom
        best = np.maximum(best, scores)
    return zooms, best


def _unit(values: Float32) -> Float32:
    """Bring each row to mean 0 and length 1; a blank one, of less than a grey level, to less."""
    values = values - values.mean(axis=1, keepdims=True)
    energy = np.einsum("np,np->n", values, values)[:, None]
    units: Float32 = values / np.sqrt(np.maximum(energy, values.shape[1]))
    return units


def similarity(rgb: UInt8, pairs: Int64, warps: Float32, *, least: float = 0.0, n_threads: int = 1) -> Float32:
    """Compare pairs of thumbnails, aligned further from a coarse start.

    Parameters
    ----------
    rgb : ndarray of shape (n, 64, 64, 3), uint8
    pairs : ndarray of shape (n_pairs, 2), int
        Which two of them.
    warps : ndarray of shape (n_pairs, 2, 3), float32
        As from `compare_coarsely`.
    least : float, default 0
        Pairs that agree less are not needed.
    n_threads : int, default 1
        The result does not depend on it.

    Returns
    -------
    ndarray of shape (n_pairs,), float32
        In [0, 1]; 1 for equal pictures, whatever their brightness and contrast. 0 for pairs that already the aligned
        32 x 32 pixels tell apart, or whose colours alone agree less than `least`.
    """
    middle = np.empty((3, rgb.shape[0], _MIDDLE_PX, _MIDDLE_PX), dtype=np.float32)
    for rows in batches(rgb.shape[0], _PAIRS_AT_ONCE[_MIDDLE_PX]):
        middle[:, rows] = [shrink(plane, _MIDDLE_PX) for plane in _planes(rgb[rows])]

    def compare(part: slice) -> Float32:
        left, right = pairs[part].T
        warp, colors = _compare_middle(middle, left, right, warps[part], least)
        scores = np.zeros(colors.size, dtype=np.float32)
        close = np.flatnonzero(colors)
        for some in batches(close.size, _PAIRS_AT_ONCE[SIDE_PX]):
            at = close[some]
            scores[at] = colors[at] * _compare_whole(rgb[left[at]], rgb[right[at]], warp[at])
        return scores

    parts = _each(compare, list(batches(len(pairs), _PAIRS_AT_ONCE[_MIDDLE_PX])), n_threads)
    return np.concatenate([np.empty(0, np.float32), *parts])


def _compare_middle(
    middle: Float32, left: Int64, right: Int64, warps: Float32, least: float
) -> tuple[Float32, Float32]:
    """Refine the warps on 32 x 32 pixels; the colours' agreement is 0 where these tell a pair apart."""
    warps, correlations = align(smooth(middle[0, left]), smooth(middle[0, right]), warps, n_rounds=4)
    colors = np.zeros(left.size, dtype=np.float32)
    close = np.flatnonzero(correlations >= _MIN_MIDDLE)
    if close.size:
        left, right, warp = left[close], right[close], warps[close]
        agreement = _colors_alike(_coarse_planes(middle[:, left]), _coarse_planes(middle[:, right]), warp)
        structure = _same_structure(middle[0, left], *sample(middle[0, right], warp))
        kept = (agreement >= least) & (agreement * structure >= _MIN_MIDDLE_SIMILARITY)
        colors[close[kept]] = agreement[kept]
    return warps, colors


def _compare_whole(left: UInt8, right: UInt8, warps: Float32) -> Float32:
    a, b = luma_of(left), luma_of(right)
    warps, _ = align(smooth(a), smooth(b), warps, n_rounds=2)
    return _same_structure(a, *sample(b, warps))


def _planes(rgb: UInt8) -> tuple[Float32, Float32, Float32]:
    """Luma and two chroma differences."""
    luma = luma_of(rgb)
    return luma, rgb[..., 2] - luma, rgb[..., 0] - luma


def _coarse_planes(planes: Float32) -> Float32:
    return np.stack([smooth(shrink(plane, COARSE_PX)) for plane in planes])


def _colors_alike(left: Float32, right: Float32, warps: Float32) -> Float32:
    sampled = [sample(plane, warps) for plane in right]
    return _same_colors(left, np.stack([plane for plane, _ in sampled]), sampled[0][1])


def _same_structure(left: Float32, right: Float32, inside: Float32) -> Float32:
    """Agreement of light and dark in small windows, in [0, 1], where one of the pictures has something to see."""
    n, side, _ = left.shape
    weights = inside.reshape(n, -1)
    error, _ = mismatch(right.reshape(n, -1), left.reshape(n, -1), weights)
    total = weights.sum(axis=1) + 1e-6
    moments = np.zeros((6, n, side + 2 * _BORDER_PX, side + 2 * _BORDER_PX), dtype=np.float32)
    share, a, b, square_a, square_b, product = moments[:, :, _BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX]
    share[:] = inside
    np.multiply(left - (np.einsum("np,np->n", left.reshape(n, -1), weights) / total)[:, None, None], inside, out=a)
    np.add(a, error.reshape(a.shape), out=b)
    for left_factor, right_factor, out in ((a, a, square_a), (b, b, square_b), (a, b, product)):
        np.multiply(left_factor, right_factor, out=out)
    share, *means = _window_means(moments)
    mean_a, mean_b, square_a, square_b, product = (mean / np.maximum(share, 1e-3) for mean in means)
    var_a = np.maximum(square_a - mean_a * mean_a, 0)
    var_b = np.maximum(square_b - mean_b * mean_b, 0)
    covariance = product - mean_a * mean_b
    # A weak pattern weighs little: paper, sky and noise are the same in many pictures.
    weight = np.sqrt(np.maximum(var_a, var_b)) * (share > 0.5)
    floor = np.float32(20.0)
    contrast = (2 * covariance + floor) / (var_a + var_b + floor)
    structure = (weight * contrast).sum(axis=(1, 2)) / (weight.sum(axis=(1, 2)) + 1e-6)
    scores: Float32 = np.clip(structure, 0, 1).astype(np.float32)
    return scores


def _same_colors(left: Float32, right: Float32, inside: Float32) -> Float32:
    """Agreement of the colours, in [0, 1]; of luma and chroma planes of shape (3, n, side, side).

    A grey version of a coloured picture has its luma, perhaps brighter or darker as a whole. So where one of the two is
    grey, the darkness of both is compared: white paper again counts nothing.
    """
    a, b = left[1:] * inside, right[1:] * inside
    product, square_a, square_b = (np.einsum("cnyx,cnyx->n", u, v) for u, v in ((a, b), (a, a), (b, b)))
    gain = np.clip(product / (square_b + 1e-6), 0.4, 2.5)[:, None, None]
    b = b * gain
    gap, strength_a, strength_b = (np.sqrt((v * v).sum(axis=0)).sum(axis=(1, 2)) for v in (a - b, a, b))
    colors = 1 - gap / (strength_a + strength_b + 1e-6)
    light_a, light_b = left[0] * inside, right[0] * inside
    gain = np.einsum("nyx,nyx->n", light_a, light_b) / (np.einsum("nyx,nyx->n", light_b, light_b) + 1e-6)
    dark_a, dark_b = (255 - left[0]) * inside, (255 - right[0] * gain[:, None, None]) * inside
    total = np.abs(dark_a).sum(axis=(1, 2)) + np.abs(dark_b).sum(axis=(1, 2)) + 1e-6
    darkness = 1 - np.abs(dark_a - dark_b).sum(axis=(1, 2)) / total
    n_places = inside.sum(axis=(1, 2)) + 1e-6
    strength = np.sqrt(np.stack([square_a, square_b]) / n_places)
    weaker, stronger = strength.min(axis=0), strength.max(axis=0)
    one_grey = (weaker < _GREY) & (stronger >= _FAINT)
    scores: Float32 = np.clip(np.where(one_grey, darkness, np.where(weaker < _FAINT, 1, colors)), 0, 1)
    return scores.astype(np.float32)


def _window_means(images: Float32) -> Float32:
    """Means over 7 x 7 pixels around every other pixel of every other row; a border of 3 pixels has no window."""
    twos = images[:, :, :-1:2] + images[:, :, 1::2]
    sums = twos[:, :, :-3] + twos[:, :, 1:-2]
    sums += twos[:, :, 2:-1]
    sums += images[:, :, 6:-1:2]
    twos = sums[..., :-1:2] + sums[..., 1::2]
    means: Float32 = twos[..., :-3] + twos[..., 1:-2]
    means += twos[..., 2:-1]
    means += sums[..., 6:-1:2]
    means /= np.float32(_WINDOW_PX**2)
    return means
