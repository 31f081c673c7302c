"""Do two thumbnails show the same picture? Decode, align, compare; most unlike pairs are told apart while small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.alignment import STILL, align, luma_of, mismatch, sample, shrink, smooth
from dataeval_ui.errors import StorageError
from dataeval_ui.types import batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int64, UInt8

SIDE_PX = 64
"""Side of the square that thumbnails are compared in."""

COARSE_PX = 16
"""Side of the square in which most unlike pairs are told apart."""

_MIDDLE_PX = 32

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

_PAIRS_AT_ONCE = {COARSE_PX: 128, _MIDDLE_PX: 64, SIDE_PX: 16}
"""Few enough for the processor's cache."""

_WINDOW_PX = 7
_FAINT = 12.0
"""Chroma, in grey levels, below which colours are too weak to compare."""

_GREY = 3.0
"""Chroma below which there is no colour at all."""


def decode_squares(jpegs: Sequence[bytes], *, side_px: int, n_threads: int = 1) -> tuple[UInt8, Float32]:
    """Decode thumbnails, each squeezed into a square.

    Returns
    -------
    rgb : ndarray of shape (n, side_px, side_px, 3), uint8
    aspects : ndarray of shape (n,), float32
        Width over height of the thumbnail.

    Raises
    ------
    StorageError
        A thumbnail that is damaged.
    """
    rgb = np.empty((len(jpegs), side_px, side_px, 3), dtype=np.uint8)
    aspects = np.empty(len(jpegs), dtype=np.float32)

    def decode(i: int) -> None:
        rgb[i], aspects[i] = _decode(jpegs[i], side_px)

    _each(decode, len(jpegs), n_threads)
    return rgb, aspects


def _each(work: Callable[[int], None], n: int, n_threads: int) -> None:
    if n_threads > 1 and n > 64:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(work, range(n)))
    else:
        for i in range(n):
            work(i)


def _decode(jpeg: bytes, side_px: int) -> tuple[UInt8, float]:
    from PIL import Image

    try:
        with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
            aspect = image.width / image.height
            image.draft("RGB", (side_px, side_px))  # libjpeg then decodes a half, a quarter or an eighth of the size
            square = image.convert("RGB").resize((side_px, side_px), Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError) as error:
        raise StorageError(
            f"A thumbnail of the store is damaged ({error}). Remove the dataset and add it again."
        ) from None
    return np.asarray(square), aspect


def compare_coarsely(rgb: UInt8, pairs: Int64) -> tuple[Int64, Float32]:
    """Find the pairs of thumbnails that may show the same picture.

    Parameters
    ----------
    rgb : ndarray of shape (n, 16, 16, 3), uint8
    pairs : ndarray of shape (n_pairs, 2), int
        Which two of them.

    Returns
    -------
    alike : ndarray of shape (n_alike,), int64
        Those whose aligned grey values and colours agree, as rows of `pairs`, rising. A blank picture is like none.
    warps : ndarray of shape (n_alike, 2, 3), float32
        Affine maps from places of the left to places of the right picture, both in [-1, 1].
    """
    found, warps = [np.empty(0, np.int64)], [np.empty((0, 2, 3), np.float32)]
    for part in batches(len(pairs), 16 * _PAIRS_AT_ONCE[COARSE_PX]):
        rows, places = np.unique(pairs[part], return_inverse=True)
        left, right = places.reshape(-1, 2).T
        planes = np.stack([smooth(plane) for plane in _planes(rgb[rows])])
        zooms, scores = _best_starts(planes[0], left, right)
        close = np.flatnonzero(scores >= _MIN_STARTS)
        for some in batches(close.size, _PAIRS_AT_ONCE[COARSE_PX]):
            at = close[some]
            starts = STILL * zooms[at, None, None]
            warp, correlations = align(planes[0, left[at]], planes[0, right[at]], starts, n_rounds=6)
            kept = correlations >= _MIN_COARSE
            if not kept.any():
                continue
            at, warp = at[kept], warp[kept]
            kept = _colors_alike(planes[:, left[at]], planes[:, right[at]], warp) >= _MIN_COARSE_COLORS
            found.append(part.start + at[kept])
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


def similarity(rgb: UInt8, pairs: Int64, warps: Float32, *, least: float = 0.0) -> Float32:
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

    Returns
    -------
    ndarray of shape (n_pairs,), float32
        In [0, 1]; 1 for equal pictures, whatever their brightness and contrast. 0 for pairs that already the aligned
        32 x 32 pixels tell apart, or whose colours alone agree less than `least`.
    """
    warps, colors = _compare_middle(rgb, pairs, warps, least)
    scores = np.zeros(len(pairs), dtype=np.float32)
    close = np.flatnonzero(colors > 0)
    for part in batches(close.size, _PAIRS_AT_ONCE[SIDE_PX]):
        at = close[part]
        left, right = luma_of(rgb[pairs[at, 0]]), luma_of(rgb[pairs[at, 1]])
        warp, _ = align(smooth(left), smooth(right), warps[at], n_rounds=2)
        scores[at] = colors[at] * _same_structure(left, *sample(right, warp))
    return scores


def _compare_middle(rgb: UInt8, pairs: Int64, warps: Float32, least: float) -> tuple[Float32, Float32]:
    """Refine the warps on 32 x 32 pixels; the colours' agreement is 0 where these tell a pair apart."""
    middle = np.empty((3, rgb.shape[0], _MIDDLE_PX, _MIDDLE_PX), dtype=np.float32)
    for rows in batches(rgb.shape[0], _PAIRS_AT_ONCE[_MIDDLE_PX]):
        middle[:, rows] = [shrink(plane, _MIDDLE_PX) for plane in _planes(rgb[rows])]
    warps, colors = warps.copy(), np.zeros(len(pairs), dtype=np.float32)
    for part in batches(len(pairs), _PAIRS_AT_ONCE[_MIDDLE_PX]):
        left, right = pairs[part].T
        warp, correlations = align(smooth(middle[0, left]), smooth(middle[0, right]), warps[part], n_rounds=4)
        warps[part] = warp
        close = np.flatnonzero(correlations >= _MIN_MIDDLE)
        if not close.size:
            continue
        left, right, warp = left[close], right[close], warp[close]
        agreement = _colors_alike(_coarse_planes(middle[:, left]), _coarse_planes(middle[:, right]), warp)
        structure = _same_structure(middle[0, left], *sample(middle[0, right], warp))
        kept = (agreement >= least) & (agreement * structure >= _MIN_MIDDLE_SIMILARITY)
        colors[part.start + close[kept]] = agreement[kept]
    return warps, colors


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
    n = left.shape[0]
    weights = inside.reshape(n, -1)
    error, _ = mismatch(right.reshape(n, -1), left.reshape(n, -1), weights)
    total = weights.sum(axis=1) + 1e-6
    a = (left - (np.einsum("np,np->n", left.reshape(n, -1), weights) / total)[:, None, None]) * inside
    b = a + error.reshape(a.shape)
    share = _window_mean(inside)
    count = np.maximum(share, 1e-3)
    mean_a, mean_b = _window_mean(a) / count, _window_mean(b) / count
    var_a = np.maximum(_window_mean(a * a) / count - mean_a * mean_a, 0)
    var_b = np.maximum(_window_mean(b * b) / count - mean_b * mean_b, 0)
    covariance = _window_mean(a * b) / count - mean_a * mean_b
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


def _window_mean(images: Float32) -> Float32:
    """Mean over 7 x 7 pixels; beyond the border are zeros."""
    n, side, _ = images.shape
    half = _WINDOW_PX // 2
    padded = np.zeros((n, side + 2 * half, side + 2 * half), dtype=np.float32)
    padded[:, half:-half, half:-half] = images
    rows = padded[:, :-1] + padded[:, 1:]
    fours = rows[:, :-2] + rows[:, 2:]
    sums = fours[:, :side] + rows[:, 4 : 4 + side] + padded[:, 6:]
    columns = sums[:, :, :-1] + sums[:, :, 1:]
    fours = columns[:, :, :-2] + columns[:, :, 2:]
    means: Float32 = fours[:, :, :side] + columns[:, :, 4 : 4 + side] + sums[:, :, 6:]
    return means / np.float32(_WINDOW_PX**2)
