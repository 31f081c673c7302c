"""The loops of alignment and comparison, compiled by numba: in numpy they spend their time on arrays in between.

As `compiled`, import this where it is called. A warp is an affine map of shape (2, 3) from places of the left to places
of the right image, both in [-1, 1].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dataeval_ui.types.base import Float32, Int64

    Float64 = NDArray[np.float64]

WINDOW_PX = 7
"""Side of the windows in which structure is compared; they lie around every other pixel of every other row."""

_BORDER_PX = WINDOW_PX // 2


@compiled
def read_warped(image: Float32, warp: Float32, values: Float32, inside: Float32) -> None:
    """Read an image of shape (side, side) at warped places, bilinear; `inside` is 0 where a place lies outside, else 1.

    The last row and column are read a thousandth of a pixel off, so that they need no case of their own.
    """
    side = image.shape[0]
    half, limit = np.float32(side / 2), np.float32(side - 1.001)
    step, one, zero, middle = np.float32(2 / side), np.float32(1), np.float32(0), np.float32(0.5)
    low, high = -middle, np.float32(side) - middle
    flat = image.reshape(side * side)
    corners = np.empty(side, np.int32)
    shares = np.empty((2, side), np.float32)
    # from the column and row of a pixel to the column and row where it is read
    across_x, across_y = warp[0, 0], warp[1, 0]
    for row in range(side):
        v = (np.float32(row) + middle) * step - one
        u = middle * step - one
        start_x = (warp[0, 0] * u + warp[0, 1] * v + warp[0, 2] + one) * half - middle
        start_y = (warp[1, 0] * u + warp[1, 1] * v + warp[1, 2] + one) * half - middle
        # Places first, without a branch: that runs in the processor's wide registers, and reading does not.
        for column in range(side):
            x = start_x + across_x * np.float32(column)
            y = start_y + across_y * np.float32(column)
            inside[row, column] = one if (x >= low) & (x <= high) & (y >= low) & (y <= high) else zero
            x, y = min(max(x, zero), limit), min(max(y, zero), limit)
            left, top = np.int32(x), np.int32(y)
            shares[0, column], shares[1, column] = x - np.float32(left), y - np.float32(top)
            corners[column] = top * np.int32(side) + left
        for column in range(side):
            # unsigned: a place is never counted from the end
            at = np.uint32(corners[column])
            below = at + np.uint32(side)
            upper = flat[at] + shares[0, column] * (flat[at + np.uint32(1)] - flat[at])
            lower = flat[below] + shares[0, column] * (flat[below + np.uint32(1)] - flat[below])
            values[row, column] = upper + shares[1, column] * (lower - upper)


@compiled
def read_each_warped(images: Float32, rows: Int64, warps: Float32, values: Float32, inside: Float32) -> None:
    """Read images of shape (n, side, side), by row, each at places of its own warp."""
    for i in range(rows.size):
        read_warped(images[rows[i]], warps[i], values[i], inside[i])


@compiled
def _means(values: Float32, target: Float32, inside: Float32) -> tuple[np.float32, np.float32, np.float32]:
    """Sum of `inside`, and the means of values and target there."""
    total, mean, target_mean = np.float32(1e-6), np.float32(0), np.float32(0)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            weight = inside[row, column]
            total += weight
            mean += weight * values[row, column]
            target_mean += weight * target[row, column]
    return total, mean / total, target_mean / total


@compiled
def _correlation(energy: float, target_energy: float, product: float, n_places: float) -> np.float32:
    # one grey level squared a pixel: less is a blank image
    return np.float32(product / np.sqrt(max(energy, np.float64(n_places)) * max(target_energy, np.float64(n_places))))


@compiled
def _slopes(image: Float32, slope_x: Float32, slope_y: Float32) -> None:
    """Central differences a unit of place; one-sided at the border."""
    side = image.shape[0]
    two_sided, one_sided = np.float32(side / 4), np.float32(side / 2)
    for row in range(side):
        above, below = max(row - 1, 0), min(row + 1, side - 1)
        scale = two_sided if below - above == 2 else one_sided
        for column in range(side):
            slope_y[row, column] = (image[below, column] - image[above, column]) * scale
        slope_x[row, 0] = (image[row, 1] - image[row, 0]) * one_sided
        for column in range(1, side - 1):
            slope_x[row, column] = (image[row, column + 1] - image[row, column - 1]) * two_sided
        slope_x[row, side - 1] = (image[row, side - 1] - image[row, side - 2]) * one_sided


@compiled
def _factorize(slope_x: Float32, slope_y: Float32, factor: Float64) -> None:
    """Cholesky factor of the damped Hessian of an affine warp: two blocks of (x, y, 1), by the slopes."""
    side = slope_x.shape[0]
    step = np.float32(2 / side)
    zero = np.float32(0)
    factor[:] = 0
    for row in range(side):
        y = (np.float32(row) + np.float32(0.5)) * step - np.float32(1)
        xx0, xx1, xx2, xy0, xy1, xy2, yy0, yy1, yy2 = zero, zero, zero, zero, zero, zero, zero, zero, zero
        for column in range(side):
            x = (np.float32(column) + np.float32(0.5)) * step - np.float32(1)
            sx, sy = slope_x[row, column], slope_y[row, column]
            xx0 += sx * sx
            xx1 += sx * sx * x
            xx2 += sx * sx * x * x
            xy0 += sx * sy
            xy1 += sx * sy * x
            xy2 += sx * sy * x * x
            yy0 += sy * sy
            yy1 += sy * sy * x
            yy2 += sy * sy * x * x
        for i, j, m0, m1, m2 in ((0, 0, xx0, xx1, xx2), (3, 0, xy0, xy1, xy2), (3, 3, yy0, yy1, yy2)):
            factor[i, j] += m2
            factor[i, j + 1] += m1 * y
            factor[i, j + 2] += m1
            factor[i + 1, j] += m1 * y
            factor[i + 1, j + 1] += m0 * y * y
            factor[i + 1, j + 2] += m0 * y
            factor[i + 2, j] += m1
            factor[i + 2, j + 1] += m0 * y
            factor[i + 2, j + 2] += m0
    trace = 0.0
    for i in range(6):
        trace += factor[i, i]
    for i in range(6):
        factor[i, i] += 1e-3 * trace + 1e-6
    for j in range(6):
        for i in range(j, 6):
            rest = factor[i, j]
            for k in range(j):
                rest -= factor[i, k] * factor[j, k]
            factor[i, j] = np.sqrt(rest) if i == j else rest / factor[j, j]


@compiled
def _solve(factor: Float64, right: Float64) -> None:
    """Solve for a right side, in its place, by a Cholesky factor."""
    for i in range(6):
        for k in range(i):
            right[i] -= factor[i, k] * right[k]
        right[i] /= factor[i, i]
    for back in range(6):
        i = 5 - back
        for k in range(i + 1, 6):
            right[i] -= factor[k, i] * right[k]
        right[i] /= factor[i, i]


@compiled
def _pull(
    values: Float32, target: Float32, inside: Float32, slope_x: Float32, slope_y: Float32, pull: Float64
) -> np.float32:
    """Correlate values with the target, and project their difference, at equal mean and contrast, on the slopes."""
    side = values.shape[0]
    step, zero = np.float32(2 / side), np.float32(0)
    _, mean, target_mean = _means(values, target, inside)
    energy, target_energy, product = np.float64(0), np.float64(0), np.float64(0)
    ours, theirs = np.zeros(6), np.zeros(6)
    for row in range(side):
        y = (np.float32(row) + np.float32(0.5)) * step - np.float32(1)
        aa, bb, ab = zero, zero, zero
        ax0, ax1, ay0, ay1, bx0, bx1, by0, by1 = zero, zero, zero, zero, zero, zero, zero, zero
        for column in range(side):
            x = (np.float32(column) + np.float32(0.5)) * step - np.float32(1)
            a = (values[row, column] - mean) * inside[row, column]
            b = (target[row, column] - target_mean) * inside[row, column]
            sx, sy = slope_x[row, column], slope_y[row, column]
            aa += a * a
            bb += b * b
            ab += a * b
            ax0 += a * sx
            ax1 += a * sx * x
            ay0 += a * sy
            ay1 += a * sy * x
            bx0 += b * sx
            bx1 += b * sx * x
            by0 += b * sy
            by1 += b * sy * x
        energy += aa
        target_energy += bb
        product += ab
        for sums, x0, x1, y0, y1 in ((ours, ax0, ax1, ay0, ay1), (theirs, bx0, bx1, by0, by1)):
            sums[0] += x1
            sums[1] += x0 * y
            sums[2] += x0
            sums[3] += y1
            sums[4] += y0 * y
            sums[5] += y0
    gain = np.sqrt((target_energy + 1) / (energy + 1))
    for i in range(6):
        pull[i] = gain * ours[i] - theirs[i]
    return _correlation(energy, target_energy, product, side * side)


@compiled
def _step_back(warp: Float32, step: Float64, bounds: Float32) -> bool:
    """Compose a warp with the inverse of a step; one that would leave its bounds stays as it was, and is told."""
    change = np.empty((2, 3))
    for i in range(6):
        change[i // 3, i % 3] = min(max(step[i], -0.3), 0.3)
    change[0, 0] += 1
    change[1, 1] += 1
    scale = 1 / (change[0, 0] * change[1, 1] - change[0, 1] * change[1, 0])
    inverse = np.empty((2, 3))
    inverse[0, 0], inverse[0, 1] = change[1, 1] * scale, -change[0, 1] * scale
    inverse[1, 0], inverse[1, 1] = -change[1, 0] * scale, change[0, 0] * scale
    for i in range(2):
        inverse[i, 2] = -(inverse[i, 0] * change[0, 2] + inverse[i, 1] * change[1, 2])
    composed = np.empty((2, 3))
    for i in range(2):
        for j in range(3):
            composed[i, j] = warp[i, 0] * inverse[0, j] + warp[i, 1] * inverse[1, j]
        composed[i, 2] += warp[i, 2]
    for i in range(2):
        fits = (
            abs(composed[i, i] - 1) <= bounds[0]
            and abs(composed[i, 2]) <= bounds[1]
            and abs(composed[i, 1 - i]) <= bounds[2]
        )
        if not fits:
            return False
    for i in range(2):
        for j in range(3):
            warp[i, j] = np.float32(composed[i, j])
    return True


@compiled
def align_pairs(
    images: Float32,
    left: Int64,
    right: Int64,
    warps: Float32,
    n_rounds: int,
    bounds: Float32,
    correlations: Float32,
) -> None:
    """Refine the warps of pairs of images, in their place; see `alignment.align`."""
    side = images.shape[1]
    slope_x, slope_y = np.empty((side, side), np.float32), np.empty((side, side), np.float32)
    values, inside = np.empty((side, side), np.float32), np.empty((side, side), np.float32)
    factor, pull = np.empty((6, 6)), np.empty(6)
    warp = np.empty((2, 3), np.float32)
    for i in range(left.size):
        target, other = images[left[i]], images[right[i]]
        _slopes(target, slope_x, slope_y)
        _factorize(slope_x, slope_y, factor)
        warp[:] = warps[i]
        first = score = np.float32(0)
        for round_ in range(n_rounds + 1):
            read_warped(other, warp, values, inside)
            score = _pull(values, target, inside, slope_x, slope_y, pull)
            if round_ == 0:
                first = score
            if round_ < n_rounds:
                _solve(factor, pull)
                if not _step_back(warp, pull, bounds):
                    break  # every further round would be this one
        if score >= first:
            warps[i] = warp
        correlations[i] = max(score, first)


@compiled
def choose_starts(
    images: Float32, left: Int64, right: Int64, starts: Float32, which: Int64, correlations: Float32
) -> None:
    """Find the warp, of a few, at which the images of each pair correlate best, and how well they do."""
    side = images.shape[1]
    values, inside = np.empty((side, side), np.float32), np.empty((side, side), np.float32)
    for i in range(left.size):
        target, other = images[left[i]], images[right[i]]
        correlations[i] = -2
        for number in range(starts.shape[0]):
            read_warped(other, starts[number], values, inside)
            n_inside, mean, target_mean = _means(values, target, inside)
            energy, target_energy, product = 0.0, 0.0, 0.0
            for row in range(side):
                for column in range(side):
                    a = (values[row, column] - mean) * inside[row, column]
                    b = (target[row, column] - target_mean) * inside[row, column]
                    energy += a * a
                    target_energy += b * b
                    product += a * b
            score = _correlation(energy, target_energy, product, float(n_inside))
            if score > correlations[i]:
                which[i], correlations[i] = number, score


@compiled
def correlate_turned(units: Float32, left: Int64, right: Int64, orders: Int64, out: Float32) -> None:
    """Correlate pairs of pictures, rows of mean 0 and length 1, the right one read in each of some orders."""
    for i in range(left.size):
        own, other = units[left[i]], units[right[i]]
        for turn in range(orders.shape[0]):
            total = np.float32(0)
            for place in range(orders.shape[1]):
                total += own[place] * other[orders[turn, place]]
            out[i, turn] = total


@compiled
def _match_moments(left: Float32, values: Float32, inside: Float32, moments: Float32) -> None:
    """Sum of `inside`, of both pictures at equal mean and contrast, of their squares and product, in pairs of columns.

    `moments` has shape (6, side, half the side + 3): a border of 3 pixels left and right is 0.
    """
    side = left.shape[0]
    _, mean, target_mean = _means(values, left, inside)
    energy, target_energy = np.float32(1), np.float32(1)
    for row in range(side):
        for column in range(side):
            a = (values[row, column] - mean) * inside[row, column]
            b = (left[row, column] - target_mean) * inside[row, column]
            energy += a * a
            target_energy += b * b
    gain = np.sqrt(target_energy / energy)
    line = np.zeros((6, side + 2 * _BORDER_PX), np.float32)
    for row in range(side):
        for column in range(side):
            weight = inside[row, column]
            a = (left[row, column] - target_mean) * weight
            b = (values[row, column] - mean) * gain * weight
            at = column + _BORDER_PX
            line[0, at] = weight
            line[1, at] = a
            line[2, at] = b
            line[3, at] = a * a
            line[4, at] = b * b
            line[5, at] = a * b
        for plane in range(6):
            for k in range(side // 2):
                at = 2 * k
                moments[plane, row, k] = (
                    (line[plane, at] + line[plane, at + 1])
                    + (line[plane, at + 2] + line[plane, at + 3])
                    + (line[plane, at + 4] + line[plane, at + 5])
                    + line[plane, at + 6]
                )


@compiled
def compare_structure(images: Float32, left: Int64, right: Int64, warps: Float32, out: Float32) -> None:
    """Agreement of light and dark in small windows, in [0, 1], where one of the pictures has something to see."""
    side = images.shape[1]
    n_windows = side // 2
    values, inside = np.empty((side, side), np.float32), np.empty((side, side), np.float32)
    moments = np.empty((6, side, n_windows), np.float32)
    sums = np.empty((6, n_windows), np.float32)
    floor, part = np.float32(20), np.float32(1 / WINDOW_PX**2)
    for i in range(left.size):
        read_warped(images[right[i]], warps[i], values, inside)
        _match_moments(images[left[i]], values, inside, moments)
        agreed, total = np.float32(0), np.float32(1e-6)
        for r in range(n_windows):
            sums[:] = 0
            for row in range(max(2 * r - _BORDER_PX, 0), min(2 * r + _BORDER_PX + 1, side)):
                for plane in range(6):
                    for k in range(n_windows):
                        sums[plane, k] += moments[plane, row, k]
            for k in range(n_windows):
                share = sums[0, k] * part
                scale = part / max(share, np.float32(1e-3))
                mean_a, mean_b = sums[1, k] * scale, sums[2, k] * scale
                var_a = max(sums[3, k] * scale - mean_a * mean_a, np.float32(0))
                var_b = max(sums[4, k] * scale - mean_b * mean_b, np.float32(0))
                covariance = sums[5, k] * scale - mean_a * mean_b
                # A weak pattern weighs little: paper, sky and noise are the same in many pictures.
                weight = np.sqrt(max(var_a, var_b)) if share > np.float32(0.5) else np.float32(0)
                agreed += weight * ((covariance + covariance + floor) / (var_a + var_b + floor))
                total += weight
        out[i] = min(max(agreed / total, np.float32(0)), np.float32(1))
