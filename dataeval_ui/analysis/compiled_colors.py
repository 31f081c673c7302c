"""The loop that compares the colours of aligned pictures, compiled by numba.

As `compiled`, import this where it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.compiled import compiled

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int64


@compiled
def compare_colors(
    planes: Float32, left: Int64, aligned: Float32, inside: Float32, grey: float, faint: float, out: Float32
) -> None:
    """Agreement of the colours, in [0, 1]; of luma and chroma planes of shape (3, n, side, side).

    `aligned`, of shape (3, n_pairs, side, side), are those of each pair's right picture as it lies on the left, and
    `inside`, of shape (n_pairs, side, side), is 0 where it does not.

    A grey version of a coloured picture has its luma, perhaps brighter or darker as a whole. So where one of the two is
    grey, the darkness of both is compared: white paper again counts nothing.
    """
    side = planes.shape[2]
    for i in range(left.size):
        own, sampled = planes[:, left[i]], aligned[:, i]
        n_places, product, square_a, square_b, light, light_b = 1e-6, 0.0, 0.0, 0.0, 0.0, 1e-6
        for row in range(side):
            for column in range(side):
                weight = inside[i, row, column]
                n_places += weight
                light += own[0, row, column] * sampled[0, row, column] * weight
                light_b += sampled[0, row, column] * sampled[0, row, column] * weight
                for plane in range(1, 3):
                    a, b = own[plane, row, column], sampled[plane, row, column]
                    product += a * b * weight
                    square_a += a * a * weight
                    square_b += b * b * weight
        gain = np.float32(min(max(product / (square_b + 1e-6), 0.4), 2.5))
        light_gain = np.float32(light / light_b)
        gap, strengths, dark_gap, darks = 0.0, 1e-6, 0.0, 1e-6
        for row in range(side):
            for column in range(side):
                weight = inside[i, row, column]
                a1, a2 = own[1, row, column], own[2, row, column]
                b1, b2 = sampled[1, row, column] * gain, sampled[2, row, column] * gain
                gap += weight * np.sqrt((a1 - b1) * (a1 - b1) + (a2 - b2) * (a2 - b2))
                strengths += weight * (np.sqrt(a1 * a1 + a2 * a2) + np.sqrt(b1 * b1 + b2 * b2))
                dark_a = (np.float32(255) - own[0, row, column]) * weight
                dark_b = (np.float32(255) - sampled[0, row, column] * light_gain) * weight
                dark_gap += abs(dark_a - dark_b)
                darks += abs(dark_a) + abs(dark_b)
        strength_a, strength_b = np.sqrt(square_a / n_places), np.sqrt(square_b / n_places)
        weaker, stronger = min(strength_a, strength_b), max(strength_a, strength_b)
        if weaker < grey and stronger >= faint:
            score = 1 - dark_gap / darks
        elif weaker < faint:
            score = 1.0
        else:
            score = 1 - gap / strengths
        out[i] = np.float32(min(max(score, 0.0), 1.0))
