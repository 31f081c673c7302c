"""Loops over pixels, compiled by numba: resizing, smoothing, reading at warped places.

numba takes a second to import, so import this where it is called, not at the top of a module. A function is compiled
once a cache (`NUMBA_CACHE_DIR`, in the workspace). The loops hold no lock, so that threads run side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

import numba
import numpy as np

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int64, UInt8

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile a function when it is first called."""
    # Sums may be reordered, which is what lets them run in the processor's wide registers; NaN stays NaN.
    fast = {"reassoc", "contract", "nsz", "arcp"}
    return cast(F, numba.njit(cache=True, nogil=True, fastmath=fast, error_model="numpy")(function))


@compiled
def _triangle(n_from: int, n_to: int, first: Int64, weights: Float32) -> None:
    """Weights of each new place over the old ones from `first` on: a triangle as wide as two of the larger steps."""
    scale = n_from / n_to
    support = max(scale, 1.0)
    for i in range(n_to):
        centre = (i + 0.5) * scale
        low = max(int(centre - support + 0.5), 0)
        high = min(int(centre + support + 0.5), n_from)
        first[i] = low
        total = 0.0
        for k in range(weights.shape[1]):
            weight = max(1 - abs((low + k - centre + 0.5) / support), 0.0) if low + k < high else 0.0
            weights[i, k] = weight
            total += weight
        for k in range(weights.shape[1]):
            weights[i, k] /= total


@compiled
def resize_to_square(pixels: UInt8, out: UInt8) -> None:
    """Resize an image of shape (height, width, 3) to (side, side, 3), bilinear; over all pixels where it shrinks."""
    height, width = pixels.shape[0], pixels.shape[1]
    side = out.shape[0]
    n_across, n_down = 2 * int(max(width / side, 1.0) + 1) + 1, 2 * int(max(height / side, 1.0) + 1) + 1
    left, across = np.empty(side, np.int64), np.empty((side, n_across), np.float32)
    top, down = np.empty(side, np.int64), np.empty((side, n_down), np.float32)
    _triangle(width, side, left, across)
    _triangle(height, side, top, down)
    rows = np.empty((height, side * 3), np.float32)
    for row in range(height):
        for i in range(side):
            red, green, blue = np.float32(0), np.float32(0), np.float32(0)
            for k in range(min(n_across, width - left[i])):
                weight = across[i, k]
                red += weight * pixels[row, left[i] + k, 0]
                green += weight * pixels[row, left[i] + k, 1]
                blue += weight * pixels[row, left[i] + k, 2]
            rows[row, 3 * i], rows[row, 3 * i + 1], rows[row, 3 * i + 2] = red, green, blue
    line = np.empty(side * 3, np.float32)
    for i in range(side):
        line[:] = np.float32(0.5)
        for k in range(min(n_down, height - top[i])):
            weight = down[i, k]
            if weight > 0:
                for place in range(side * 3):
                    line[place] += weight * rows[top[i] + k, place]
        for column in range(side):
            for channel in range(3):
                out[i, column, channel] = np.uint8(line[3 * column + channel])


@compiled
def blur(images: Float32, out: Float32) -> None:
    """Blur images of shape (n, side, side) by (1 2 1) / 4 both ways; the border repeats."""
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


@compiled
def read_warped(image: Float32, warp: Float32, values: Float32, inside: Float32) -> None:
    """Read an image of shape (side, side) at warped places, bilinear; `inside` is 0 where a place lies outside, else 1.

    The last row and column are read a thousandth of a pixel off, so that they need no case of their own.
    """
    side = image.shape[0]
    half, limit = np.float32(side / 2), np.float32(side - 1.001)
    step, one, zero, middle = np.float32(2 / side), np.float32(1), np.float32(0), np.float32(0.5)
    # from the column and row of a pixel to the column and row where it is read
    across_x, across_y = warp[0, 0], warp[1, 0]
    for row in range(side):
        v = (np.float32(row) + middle) * step - one
        u = middle * step - one
        start_x = (warp[0, 0] * u + warp[0, 1] * v + warp[0, 2] + one) * half - middle
        start_y = (warp[1, 0] * u + warp[1, 1] * v + warp[1, 2] + one) * half - middle
        for column in range(side):
            x = start_x + across_x * np.float32(column)
            y = start_y + across_y * np.float32(column)
            low, high = -middle, np.float32(side) - middle
            inside[row, column] = one if (x >= low and x <= high and y >= low and y <= high) else zero
            x, y = min(max(x, zero), limit), min(max(y, zero), limit)
            left, top = np.int32(x), np.int32(y)
            x -= np.float32(left)
            y -= np.float32(top)
            # unsigned: a place is never counted from the end
            c, r = np.uint32(left), np.uint32(top)
            upper = image[r, c] + x * (image[r, c + np.uint32(1)] - image[r, c])
            r += np.uint32(1)
            lower = image[r, c] + x * (image[r, c + np.uint32(1)] - image[r, c])
            values[row, column] = upper + y * (lower - upper)
