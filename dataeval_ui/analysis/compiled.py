"""Loops over pixels, compiled by numba: resizing and smoothing.

numba takes a second to import, so import this where it is called, not at the top of a module. A function is compiled
once a cache (`NUMBA_CACHE_DIR`, in the workspace). The cache is renewed when the file of a function changes, not when
one that it calls does: so what a compiled function calls is in its own file. The loops hold no lock, so that threads
run side by side.
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
    rows = pixels.reshape(height, width * 3)
    line = np.empty(width * 3, np.float32)
    # Rows are summed whole; columns become rows for the second half, so that they are too.
    columns = np.empty((width, 3 * side), np.float32)
    for i in range(side):
        line[:] = 0
        for k in range(min(n_down, height - top[i])):
            weight = down[i, k]
            if weight > 0:
                row = rows[top[i] + k]
                for place in range(width * 3):
                    line[place] += weight * np.float32(row[place])
        for x in range(width):
            for channel in range(3):
                columns[x, channel * side + i] = line[3 * x + channel]
    new = np.empty(3 * side, np.float32)
    for i in range(side):
        new[:] = np.float32(0.5)
        for k in range(min(n_across, width - left[i])):
            weight = across[i, k]
            if weight > 0:
                column = columns[left[i] + k]
                for place in range(3 * side):
                    new[place] += weight * column[place]
        for row_at in range(side):
            for channel in range(3):
                out[row_at, i, channel] = np.uint8(new[channel * side + row_at])


@compiled
def reduce_square(rgb: UInt8, luma: UInt8, coarse: UInt8) -> None:
    """Reduce a square of shape (side, side, 3) to its grey values, and to colours on fewer pixels, by rounded means."""
    side, small = rgb.shape[0], coarse.shape[0]
    step = side // small
    n_places = np.uint32(step * step)
    for row in range(side):
        for column in range(side):
            red, green, blue = rgb[row, column, 0], rgb[row, column, 1], rgb[row, column, 2]
            grey = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
            luma[row, column] = np.uint8(grey + np.float32(0.5))
    sums = np.empty((small, 3), np.uint32)
    for r in range(small):
        sums[:] = n_places // np.uint32(2)
        for row in range(r * step, (r + 1) * step):
            for column in range(side):
                for channel in range(3):
                    sums[column // step, channel] += np.uint32(rgb[row, column, channel])
        for c in range(small):
            for channel in range(3):
                coarse[r, c, channel] = np.uint8(sums[c, channel] // n_places)


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
