"""The loops over perceptual hashes and pairs of embeddings, compiled by numba.

As `compiled`, import this where it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.compiled import compiled

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int64, UInt64


@compiled
def _n_bits(value: np.uint64) -> np.int64:
    """Count the bits that are set, in pairs, fours and eights, and add the eights up by a product."""
    value = value - ((value >> np.uint64(1)) & np.uint64(0x5555555555555555))
    value = (value & np.uint64(0x3333333333333333)) + ((value >> np.uint64(2)) & np.uint64(0x3333333333333333))
    value = (value + (value >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((value * np.uint64(0x0101010101010101)) >> np.uint64(56))


@compiled
def match_hashes(own: UInt64, other: UInt64, groups: Int64, is_same: bool, radius: int, most: int, found: Int64) -> int:
    """Find hashes of two lists that are near each other, within groups.

    Parameters
    ----------
    own, other : ndarray, uint64
    groups : ndarray of shape (n_groups, 4), int64
        Start and stop in `own`, start and stop in `other`, of what is compared.
    is_same : bool
        The lists are one: each place is compared with later ones only.
    radius : int
        In bits.
    most : int
        Matches of one place of `own` in a group: of more, the nearest; ties: the first.
    found : ndarray of shape (n_room, 2), int64
        Takes the places of matches, as many as there is room for.

    Returns
    -------
    int
        Matches there are.
    """
    n_found = 0
    for group in range(groups.shape[0]):
        first, stop = groups[group, 2], groups[group, 3]
        for i in range(groups[group, 0], groups[group, 1]):
            start = i + 1 if is_same else first
            n_near = 0
            for j in range(start, stop):
                if _n_bits(own[i] ^ other[j]) <= radius:
                    n_near += 1
            if n_near == 0:
                continue
            # all at once, or one distance after the other until there are enough
            low, n_taken = radius if n_near <= most else 0, 0
            for bits in range(low, radius + 1):
                for j in range(start, stop):
                    distance = _n_bits(own[i] ^ other[j])
                    if n_taken < most and (distance == bits or (low == radius and distance < bits)):
                        if n_found < found.shape[0]:
                            found[n_found, 0], found[n_found, 1] = i, j
                        n_found += 1
                        n_taken += 1
    return n_found


@compiled
def cosines(left: Float32, right: Float32, out: Float32) -> None:
    """Cosine of each row with the row beside it, by float64 sums; 0 where one is 0."""
    for i in range(left.shape[0]):
        own, other, product = 0.0, 0.0, 0.0
        for k in range(left.shape[1]):
            a, b = np.float64(left[i, k]), np.float64(right[i, k])
            own += a * a
            other += b * b
            product += a * b
        scale = np.sqrt(own) * np.sqrt(other)
        out[i] = np.float32(min(max(product / scale, -1.0), 1.0)) if scale > 0 else np.float32(0)
