"""Lay one small picture on another: affine warps, refined on the pixels."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.compiled import blur, read_warped, subtract_matched

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, UInt8

STILL = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
"""The warp that moves nothing."""

_MAX_SCALE = 0.22
_MAX_SHIFT = 0.22
_MAX_SHEAR = 0.15
"""Bounds of an alignment, in parts of the half side: more is another picture."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def luma_of(rgb: UInt8) -> Float32:
    """Return the grey values of colour images, in [0, 255]."""
    luma: Float32 = rgb.astype(np.float32) @ _LUMA
    return luma


def shrink(images: Float32, side: int) -> Float32:
    """Reduce squares of shape (n, larger, larger) to a side that divides theirs, by means."""
    step = images.shape[1] // side
    total = images[:, :, ::step].copy()
    for column in range(1, step):
        total += images[:, :, column::step]
    rows = total[:, ::step].copy()
    for row in range(1, step):
        rows += total[:, row::step]
    return rows / np.float32(step * step)


def smooth(images: Float32) -> Float32:
    """Blur by (1 2 1) / 4 both ways; the border repeats."""
    out = np.empty(images.shape, dtype=np.float32)
    blur(np.ascontiguousarray(images), out)
    return out


def align(left: Float32, right: Float32, warps: Float32, *, n_rounds: int) -> tuple[Float32, Float32]:
    """Refine affine warps, and correlate what they align.

    Parameters
    ----------
    left, right : ndarray of shape (n_pairs, side, side), float32
        Smooth grey images.
    warps : ndarray of shape (n_pairs, 2, 3), float32
        Affine maps from places of `left` to places of `right`, both in [-1, 1].
    n_rounds : int

    Returns
    -------
    warps : ndarray of shape (n_pairs, 2, 3), float32
        One that would leave its bounds, or align worse than the one given, is put back.
    correlations : ndarray of shape (n_pairs,), float32
        Of the aligned images, in [-1, 1]; 0 for a blank one.

    Notes
    -----
    Inverse compositional Lucas-Kanade [1]_ on images brought to equal mean and contrast.

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
        moved, inside = sample(right, warps)
        error, score = mismatch(moved.reshape(n, -1), target, inside.reshape(n, -1))
        if round_ == 0:
            start_score = score
        if round_ < n_rounds:
            pull = np.stack([(error * slope_x) @ places.T, (error * slope_y) @ places.T], axis=1).reshape(n, 6)
            warps = _without(warps, np.matmul(inverse, pull[..., None])[..., 0])
    better = score >= start_score
    return np.where(better[:, None, None], warps, start), np.maximum(score, start_score)


def mismatch(values: Float32, target: Float32, inside: Float32) -> tuple[Float32, Float32]:
    """Difference of the values, brought to the target's mean and contrast, from the target; and their correlation."""
    error = np.empty(values.shape, dtype=np.float32)
    correlations = np.empty(values.shape[0], dtype=np.float32)
    values, target, inside = (np.ascontiguousarray(v) for v in (values, target, inside))
    subtract_matched(values, target, inside, error, correlations)
    return error, correlations


def sample(images: Float32, warps: Float32) -> tuple[Float32, Float32]:
    """Read images of shape (n, side, side) at warped places, bilinear; `inside` is 0 where a place lies outside."""
    values = np.empty(images.shape, dtype=np.float32)
    inside = np.empty(images.shape, dtype=np.float32)
    read_warped(np.ascontiguousarray(images), np.ascontiguousarray(warps, dtype=np.float32), values, inside)
    return values, inside


@cache
def _places(side: int) -> Float32:
    """Centres of the pixels as columns (x, y, 1), x and y in [-1, 1], shape (3, side²)."""
    ticks = ((np.arange(side, dtype=np.float32) + 0.5) * (2 / side)) - 1
    x, y = np.tile(ticks, side), np.repeat(ticks, side)
    return np.stack([x, y, np.ones(side * side, np.float32)]).astype(np.float32)


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
