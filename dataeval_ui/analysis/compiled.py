"""The inner loops of alignment, compiled by numba: in numpy they spend their time on arrays in between.

numba takes a second to import, so that waits for the first call; it compiles a function once a cache
(`NUMBA_CACHE_DIR`, in the workspace). The loops hold no lock, so that threads run side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32


def read_warped(images: Float32, warps: Float32, values: Float32, inside: Float32) -> None:
    """Read images of shape (n, side, side) at warped places, bilinear, into `values`; `inside` is 0 outside, else 1."""
    _compiled(_read_warped)(images, warps, values, inside)


def blur(images: Float32, out: Float32) -> None:
    """Blur images of shape (n, side, side) by (1 2 1) / 4 both ways; the border repeats."""
    _compiled(_blur)(images, out)


def subtract_matched(values: Float32, target: Float32, inside: Float32, error: Float32, correlations: Float32) -> None:
    """Bring values of shape (n, n_places) to the target's mean and contrast; their difference, and the correlation."""
    _compiled(_subtract_matched)(values, target, inside, error, correlations)


@cache
def _compiled(function: Callable[..., None]) -> Callable[..., None]:
    import numba

    compiled: Callable[..., None] = numba.njit(cache=True, nogil=True)(function)
    return compiled


def _read_warped(images: Float32, warps: Float32, values: Float32, inside: Float32) -> None:
    n, side = images.shape[0], images.shape[1]
    half = np.float32(side / 2)
    limit = np.float32(side - 1.001)
    step = np.float32(2 / side)
    one, zero, middle = np.float32(1), np.float32(0), np.float32(0.5)
    for i in range(n):
        xx, xy, x0 = warps[i, 0, 0], warps[i, 0, 1], warps[i, 0, 2]
        yx, yy, y0 = warps[i, 1, 0], warps[i, 1, 1], warps[i, 1, 2]
        for row in range(side):
            v = (np.float32(row) + middle) * step - one
            base_x, base_y = xy * v + x0, yy * v + y0
            for column in range(side):
                u = (np.float32(column) + middle) * step - one
                x, y = xx * u + base_x, yx * u + base_y
                seen = (abs(x) <= one) and (abs(y) <= one)
                inside[i, row, column] = one if seen else zero
                x = min(max((x + one) * half - middle, zero), limit)
                y = min(max((y + one) * half - middle, zero), limit)
                left, top = int(x), int(y)
                x -= np.float32(left)
                y -= np.float32(top)
                upper = images[i, top, left] + x * (images[i, top, left + 1] - images[i, top, left])
                lower = images[i, top + 1, left] + x * (images[i, top + 1, left + 1] - images[i, top + 1, left])
                values[i, row, column] = upper + y * (lower - upper)


def _blur(images: Float32, out: Float32) -> None:
    n, side = images.shape[0], images.shape[1]
    rows = np.empty((side, side), dtype=np.float32)
    two, part = np.float32(2), np.float32(1 / 16)
    for i in range(n):
        for y in range(side):
            above, below = max(y - 1, 0), min(y + 1, side - 1)
            for x in range(side):
                rows[y, x] = images[i, above, x] + two * images[i, y, x] + images[i, below, x]
        for y in range(side):
            out[i, y, 0] = (rows[y, 0] * np.float32(3) + rows[y, 1]) * part
            for x in range(1, side - 1):
                out[i, y, x] = (rows[y, x - 1] + two * rows[y, x] + rows[y, x + 1]) * part
            out[i, y, side - 1] = (rows[y, side - 2] + rows[y, side - 1] * np.float32(3)) * part


def _subtract_matched(values: Float32, target: Float32, inside: Float32, error: Float32, correlations: Float32) -> None:
    n, n_places = values.shape
    for i in range(n):
        total, mean, target_mean = 1e-6, 0.0, 0.0
        for p in range(n_places):
            weight = inside[i, p]
            total += weight
            mean += weight * values[i, p]
            target_mean += weight * target[i, p]
        mean /= total
        target_mean /= total
        energy, target_energy, product = 0.0, 0.0, 0.0
        for p in range(n_places):
            a = (values[i, p] - mean) * inside[i, p]
            b = (target[i, p] - target_mean) * inside[i, p]
            energy += a * a
            target_energy += b * b
            product += a * b
        # one grey level squared a pixel: less is a blank image
        correlations[i] = product / np.sqrt(max(energy, n_places) * max(target_energy, n_places))
        gain = np.sqrt((target_energy + 1) / (energy + 1))
        for p in range(n_places):
            error[i, p] = ((values[i, p] - mean) * gain - (target[i, p] - target_mean)) * inside[i, p]
