"""Do two thumbnails show the same picture? Decode, align, compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.errors import StorageError
from dataeval_ui.types import batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int64, UInt8

SIDE_PX = 64
"""Side of the square that thumbnails are compared in."""

COARSE_PX = 16
"""Side of the square in which most unlike pairs are told apart."""

_MIDDLE_PX = 32
_MIN_MIDDLE = 0.8
"""Least correlation of the aligned 32 x 32 images; pairs below are not looked at more closely."""

_PAIRS_AT_ONCE = 16
"""Few enough for the processor's cache."""

_START_ZOOMS = (1.0, 1 / 0.9, 0.9)
"""The whole picture, and a crop of 5 % on every side of either of the two."""

_MAX_SCALE = 0.22
_MAX_SHIFT = 0.22
_MAX_SHEAR = 0.15
"""Bounds of an alignment, in parts of the half side: more is another picture."""

_STILL = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_WINDOW_PX = 7
_FAINT = 12.0
"""Chroma, in grey levels, below which colours are too weak to compare."""

_GREY = 3.0
"""Chroma below which there is no colour at all."""


def decode_colors(jpegs: Sequence[bytes], *, n_threads: int = 1) -> UInt8:
    """Decode thumbnails, each squeezed into a square of 64 pixels.

    Returns
    -------
    ndarray of shape (n, 64, 64, 3), uint8

    Raises
    ------
    StorageError
        A thumbnail that is damaged.
    """
    rgb = np.empty((len(jpegs), SIDE_PX, SIDE_PX, 3), dtype=np.uint8)

    def decode(i: int) -> None:
        rgb[i], _ = _decode(jpegs[i], "RGB", SIDE_PX)

    _each(decode, len(jpegs), n_threads)
    return rgb


def decode_coarse(jpegs: Sequence[bytes], *, n_threads: int = 1) -> tuple[Float32, Float32]:
    """Decode the grey values of thumbnails, each squeezed into a square of 16 pixels.

    Returns
    -------
    grey : ndarray of shape (n, 16, 16), float32
    aspects : ndarray of shape (n,), float32
        Width over height of the thumbnail.

    Raises
    ------
    StorageError
        A thumbnail that is damaged.
    """
    grey = np.empty((len(jpegs), COARSE_PX, COARSE_PX), dtype=np.float32)
    aspects = np.empty(len(jpegs), dtype=np.float32)

    def decode(i: int) -> None:
        grey[i], aspects[i] = _decode(jpegs[i], "L", COARSE_PX)

    _each(decode, len(jpegs), n_threads)
    return grey, aspects


def _each(work: Callable[[int], None], n: int, n_threads: int) -> None:
    if n_threads > 1 and n > 64:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(work, range(n)))
    else:
        for i in range(n):
            work(i)


def _decode(jpeg: bytes, mode: str, side_px: int) -> tuple[UInt8, float]:
    from PIL import Image

    try:
        with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
            aspect = image.width / image.height
            image.draft(mode, (side_px, side_px))  # libjpeg then decodes a half, a quarter or an eighth of the size
            square = image.convert(mode).resize((side_px, side_px), Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError) as error:
        raise StorageError(
            f"A thumbnail of the store is damaged ({error}). Remove the dataset and add it again."
        ) from None
    return np.asarray(square), aspect


def align_coarse(left: Float32, right: Float32) -> tuple[Float32, Float32]:
    """Align pairs of small grey images.

    Parameters
    ----------
    left, right : ndarray of shape (n_pairs, 16, 16), float32

    Returns
    -------
    warps : ndarray of shape (n_pairs, 2, 3), float32
        Affine maps from places of `left` to places of `right`, both in [-1, 1].
    correlations : ndarray of shape (n_pairs,), float32
        Of the aligned images, in [-1, 1]; 0 for a blank one.
    """
    n = left.shape[0]
    left, right = _smooth(left), _smooth(right)
    warps = np.tile(_STILL, (n, 1, 1))
    best = np.full(n, -np.inf, dtype=np.float32)
    for zoom in _START_ZOOMS:
        start = np.tile(_STILL * np.float32(zoom), (n, 1, 1))
        moved, inside = _sample(right, start)
        _, score = _mismatch(moved.reshape(n, -1), left.reshape(n, -1), inside.reshape(n, -1))
        warps[score > best] = start[score > best]
        best = np.maximum(best, score)
    return _align(left, right, warps, n_rounds=6)


def similarity(rgb: UInt8, pairs: Int64, warps: Float32) -> Float32:
    """Compare pairs of thumbnails, aligned further from a coarse start.

    Parameters
    ----------
    rgb : ndarray of shape (n, 64, 64, 3), uint8
    pairs : ndarray of shape (n_pairs, 2), int
        Which two of them.
    warps : ndarray of shape (n_pairs, 2, 3), float32
        As from `align_coarse`.

    Returns
    -------
    ndarray of shape (n_pairs,), float32
        In [0, 1]; 1 for equal pictures, whatever their brightness and contrast; 0 where the aligned 32 x 32 pixels
        correlate below 0.8.
    """
    middle = np.empty((rgb.shape[0], _MIDDLE_PX, _MIDDLE_PX), dtype=np.float32)
    for rows in batches(rgb.shape[0], 4 * _PAIRS_AT_ONCE):
        middle[rows] = _smooth(_shrink(rgb[rows].astype(np.float32) @ _LUMA, _MIDDLE_PX))
    warps = warps.copy()
    correlations = np.empty(len(pairs), dtype=np.float32)
    for part in batches(len(pairs), 4 * _PAIRS_AT_ONCE):
        left, right = middle[pairs[part, 0]], middle[pairs[part, 1]]
        warps[part], correlations[part] = _align(left, right, warps[part], n_rounds=4)
    scores = np.zeros(len(pairs), dtype=np.float32)
    close = np.flatnonzero(correlations >= _MIN_MIDDLE)
    for part in batches(close.size, _PAIRS_AT_ONCE):
        at = close[part]
        scores[at] = _similarity(rgb[pairs[at, 0]], rgb[pairs[at, 1]], warps[at])
    return scores


def _similarity(left: UInt8, right: UInt8, warps: Float32) -> Float32:
    a, b = _planes(left), _planes(right)
    warps, _ = _align(_smooth(a[0]), _smooth(b[0]), warps, n_rounds=2)
    moved, inside = _sample(b[0], warps)
    structure = _same_structure(a[0], moved, inside)
    small_a, small_b = (np.stack([_smooth(_shrink(plane, COARSE_PX)) for plane in planes]) for planes in (a, b))
    sampled = [_sample(plane, warps) for plane in small_b]
    return structure * _same_colors(small_a, np.stack([plane for plane, _ in sampled]), sampled[0][1])


def _planes(rgb: UInt8) -> tuple[Float32, Float32, Float32]:
    """Luma and two chroma differences."""
    values = rgb.astype(np.float32)
    luma = values @ _LUMA
    return luma, values[..., 2] - luma, values[..., 0] - luma


def _shrink(images: Float32, side: int) -> Float32:
    step = images.shape[1] // side
    total = images[:, :, ::step].copy()
    for column in range(1, step):
        total += images[:, :, column::step]
    rows = total[:, ::step].copy()
    for row in range(1, step):
        rows += total[:, row::step]
    return rows / np.float32(step * step)


def _smooth(images: Float32) -> Float32:
    """Blur by (1 2 1) / 4 both ways; the border repeats."""
    from scipy.ndimage import correlate1d

    kernel = np.array([0.25, 0.5, 0.25], dtype=np.float32)
    for axis in (1, 2):
        images = correlate1d(images, kernel, axis=axis, mode="nearest")
    return images


@cache
def _places(side: int) -> Float32:
    """Centres of the pixels as columns (x, y, 1), x and y in [-1, 1], shape (3, side²)."""
    ticks = ((np.arange(side, dtype=np.float32) + 0.5) * (2 / side)) - 1
    x, y = np.tile(ticks, side), np.repeat(ticks, side)
    return np.stack([x, y, np.ones(side * side, np.float32)]).astype(np.float32)


def _align(left: Float32, right: Float32, warps: Float32, *, n_rounds: int) -> tuple[Float32, Float32]:
    """Refine affine warps, and correlate what they align.

    Inverse compositional Lucas-Kanade [1]_ on images brought to equal mean and contrast. A warp that leaves its bounds,
    or that aligns worse than the one given, is put back.

    References
    ----------
    .. [1] Baker and Matthews, "Lucas-Kanade 20 Years On", 2004, https://doi.org/10.1023/B:VISI.0000011205.11775.fd
    """
    n, side, _ = left.shape
    places = _places(side)
    target = left.reshape(n, -1)
    slope_y, slope_x = (slope.reshape(n, -1) for slope in np.gradient(left, 2 / side, axis=(1, 2)))
    moments = (places[:, None] * places[None]).reshape(9, -1).T
    blocks = np.empty((n, 2, 3, 2, 3))
    for i, j, product in ((0, 0, slope_x**2), (0, 1, slope_x * slope_y), (1, 1, slope_y**2)):
        blocks[:, i, :, j] = blocks[:, j, :, i] = (product @ moments).reshape(n, 3, 3)
    hessian = blocks.reshape(n, 6, 6)
    damping = 1e-3 * np.trace(hessian, axis1=1, axis2=2)[:, None, None] + 1e-6
    inverse = np.linalg.inv(hessian + damping * np.eye(6)).astype(np.float32)
    start = warps
    start_score = score = np.empty(n, dtype=np.float32)
    for round_ in range(n_rounds + 1):
        moved, inside = _sample(right, warps)
        error, score = _mismatch(moved.reshape(n, -1), target, inside.reshape(n, -1))
        if round_ == 0:
            start_score = score
        if round_ < n_rounds:
            pull = np.stack([(error * slope_x) @ places.T, (error * slope_y) @ places.T], axis=1).reshape(n, 6)
            warps = _without(warps, np.matmul(inverse, pull[..., None])[..., 0])
    better = score >= start_score
    return np.where(better[:, None, None], warps, start), np.maximum(score, start_score)


def _mismatch(values: Float32, target: Float32, inside: Float32) -> tuple[Float32, Float32]:
    """Difference of the values, brought to the target's mean and contrast, from the target; and their correlation."""
    values, target, total = values * inside, target * inside, inside.sum(axis=1, keepdims=True) + 1e-6
    values -= values.sum(axis=1, keepdims=True) / total * inside
    target = target - target.sum(axis=1, keepdims=True) / total * inside
    energy, target_energy = (np.einsum("np,np->n", v, v)[:, None] for v in (values, target))
    product = np.einsum("np,np->n", values, target)
    floor = inside.shape[1]  # one grey level squared a pixel: less is a blank image
    correlation = product / np.sqrt(np.maximum(energy, floor) * np.maximum(target_energy, floor))[:, 0]
    error = values * np.sqrt((target_energy + 1) / (energy + 1)) - target
    return error.astype(np.float32), correlation.astype(np.float32)


def _without(warps: Float32, steps: Float32) -> Float32:
    """Compose each warp with the inverse of a step; one that leaves its bounds stays as it was."""
    n = warps.shape[0]
    change = np.tile(np.eye(3, dtype=np.float32), (n, 1, 1))
    change[:, :2] += steps.reshape(n, 2, 3).clip(-0.3, 0.3)
    composed: Float32 = np.matmul(warps, np.linalg.inv(change)).astype(np.float32)
    bad = (
        (np.abs(composed[:, [0, 1], [0, 1]] - 1) > _MAX_SCALE).any(axis=1)
        | (np.abs(composed[:, :, 2]) > _MAX_SHIFT).any(axis=1)
        | (np.abs(composed[:, [0, 1], [1, 0]]) > _MAX_SHEAR).any(axis=1)
    )
    composed[bad] = warps[bad]
    return composed


def _sample(images: Float32, warps: Float32) -> tuple[Float32, Float32]:
    """Read images at warped places, bilinear; `inside` is 0 where a place lies outside."""
    n, side, _ = images.shape
    at = np.matmul(warps, _places(side))
    inside = (np.abs(at) <= 1).all(axis=1)
    at = ((at + 1) * np.float32(side / 2) - np.float32(0.5)).clip(0, side - 1.001)
    low = at.astype(np.int32)
    part = at - low
    part_x, part_y = part[:, 0], part[:, 1]
    first = low[:, 1] * side + low[:, 0] + (np.arange(n, dtype=np.int32) * (side * side))[:, None]
    flat = images.ravel()
    corner = flat.take(first)
    top = corner + (flat.take(first + 1) - corner) * part_x
    corner = flat.take(first + side)
    bottom = corner + (flat.take(first + (side + 1)) - corner) * part_x
    values = top + (bottom - top) * part_y
    return values.reshape(images.shape), inside.reshape(images.shape).astype(np.float32)


def _same_structure(left: Float32, right: Float32, inside: Float32) -> Float32:
    """Agreement of light and dark in small windows, in [0, 1], where one of the pictures has something to see."""
    n = left.shape[0]
    weights = inside.reshape(n, -1)
    error, _ = _mismatch(right.reshape(n, -1), left.reshape(n, -1), weights)
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
    from scipy.ndimage import uniform_filter1d

    rows: Float32 = uniform_filter1d(images, _WINDOW_PX, axis=1, mode="constant")
    means: Float32 = uniform_filter1d(rows, _WINDOW_PX, axis=2, mode="constant")
    return means
