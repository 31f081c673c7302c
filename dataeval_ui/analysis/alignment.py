"""Lay one small picture on another: affine warps, refined on the pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int64, UInt8

STILL = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
"""The warp that moves nothing."""

BOUNDS = np.array([0.22, 0.22, 0.15], dtype=np.float32)
"""Of scale, shift and shear of an alignment, in parts of the half side: more is another picture."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def luma_of(rgb: UInt8) -> Float32:
    """Return the grey values of colour images, in [0, 255]."""
    luma = rgb[..., 0] * _LUMA[0]
    for channel in (1, 2):
        luma += rgb[..., channel] * _LUMA[channel]
    result: Float32 = luma
    return result


def shrink(images: Float32 | UInt8, side: int) -> Float32:
    """Reduce squares of shape (n, larger, larger) to a side that divides theirs, by means."""
    step = images.shape[1] // side
    total = images[:, :, ::step].astype(np.float32)
    for column in range(1, step):
        total += images[:, :, column::step]
    rows = total[:, ::step].copy()
    for row in range(1, step):
        rows += total[:, row::step]
    return rows / np.float32(step * step)


def smooth(images: Float32) -> Float32:
    """Blur by (1 2 1) / 4 both ways; the border repeats."""
    from dataeval_ui.analysis.compiled import blur

    out = np.empty(images.shape, dtype=np.float32)
    blur(np.ascontiguousarray(images), out)
    return out


def align(
    images: Float32, left: Int64, right: Int64, warps: Float32, *, n_rounds: int, bounds: Float32 = BOUNDS
) -> tuple[Float32, Float32]:
    """Refine affine warps, and correlate what they align.

    Parameters
    ----------
    images : ndarray of shape (n, side, side), float32
        Smooth grey images.
    left, right : ndarray of shape (n_pairs,), int64
        The two images of each pair.
    warps : ndarray of shape (n_pairs, 2, 3), float32
        Affine maps from places of the left to places of the right image, both in [-1, 1].
    n_rounds : int
    bounds : ndarray of shape (3,), float32
        See `BOUNDS`.

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
    from dataeval_ui.analysis.compiled_pairs import align_pairs

    warps = np.array(warps, dtype=np.float32, order="C")
    correlations = np.empty(left.size, dtype=np.float32)
    align_pairs(np.ascontiguousarray(images), left, right, warps, n_rounds, bounds, correlations)
    return warps, correlations


def sample(images: Float32, warp: Float32) -> tuple[Float32, Float32]:
    """Read images of shape (n, side, side) at places warped alike, bilinear; `inside` is 0 where one lies outside."""
    from dataeval_ui.analysis.compiled_pairs import read_warped

    values = np.empty(images.shape, dtype=np.float32)
    inside = np.empty(images.shape[1:], dtype=np.float32)
    for image, read in zip(np.ascontiguousarray(images), values, strict=True):
        read_warped(image, warp, read, inside)
    return values, inside
