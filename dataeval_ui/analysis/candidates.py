"""Pairs of images that are worth a look: neighbours in the graph, and images with similar perceptual hashes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.types import NeighborGraph

if TYPE_CHECKING:
    from dataeval_ui.types.base import Bool, Int32, Int64, UInt64

MAX_HASH_PARTNERS = 32
"""Partners by hash that one image has at most, nearest first: of thousands of images with the same hash (blank pages, a
form filled in again and again) each is compared with some, not with all."""

_MAX_SPREAD = 8
"""Images of one hash that are paired with those of another, near one."""

_N_BITS = 64


def neighbor_pairs(graph: NeighborGraph, *, min_cosine: float) -> Int64:
    """Return the edges of a graph as pairs, each once.

    Returns
    -------
    ndarray of shape (n_pairs, 2), int64
        `left < right`, sorted.
    """
    n, k = graph.indices.shape
    rows = np.repeat(np.arange(n, dtype=np.int64), k)
    columns = graph.indices.ravel().astype(np.int64)
    near = graph.similarities.ravel() >= min_cosine
    return unique_pairs(np.stack([rows[near], columns[near]], axis=1), n)


def hash_pairs(hashes: UInt64, *, radius: int) -> Int64:
    """Find all pairs of hashes at most some bits apart.

    Parameters
    ----------
    hashes : ndarray of shape (n_images,), uint64
        0 is the hash of a blank image: it tells nothing, and pairs with none.
    radius : int
        In bits, in [0, 16].

    Returns
    -------
    ndarray of shape (n_pairs, 2), int64
        `left < right`, sorted. Of images with the same hash each pairs with the next 32; of those with another, near
        hash the first 8 with the first 8; and a hash has at most 32 near ones after it, the nearest.

    Notes
    -----
    Hashes that differ in `radius` bits agree in at least one of `radius + 1` pieces, so only images that share a piece
    are compared [1]_: for 8 bits and random hashes a 14th of all pairs. Memory is O(n).

    References
    ----------
    .. [1] Norouzi, Punjani and Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing", 2014,
       https://doi.org/10.1109/TPAMI.2013.231
    """
    n = hashes.shape[0]
    distinct, first, members = np.unique(hashes, return_index=True, return_inverse=True)
    rows = first[distinct != 0]
    rows.sort()
    found = [np.empty((0, 2), dtype=np.int64)]
    for low, high in pairwise(np.linspace(0, _N_BITS, radius + 2).astype(int).tolist()):
        mask = np.uint64((1 << (high - low)) - 1)
        pieces = (hashes[rows] >> np.uint64(low)) & mask
        order = rows[np.argsort(pieces, kind="stable")]
        edges = np.flatnonzero(np.diff(np.sort(pieces))) + 1
        bounds = np.stack([np.r_[0, edges], np.r_[edges, order.size]], axis=1) if order.size else np.empty((0, 2), int)
        found.append(order[_near_each_other(hashes[order], hashes[order], np.hstack([bounds, bounds]), radius)])
    close = unique_pairs(np.concatenate(found), n)
    return unique_pairs(np.concatenate(list(_spread(close, members, first, distinct != 0))), n)


def _spread(close: Int64, members: Int64, first: Int64, patterned: Bool) -> Iterator[Int64]:
    """Carry pairs of distinct hashes over to the images that have them, and pair images with equal hashes."""
    order = np.argsort(members, kind="stable")
    for step in range(1, MAX_HASH_PARTNERS + 1):
        left, right = order[:-step], order[step:]
        equal = (members[left] == members[right]) & patterned[members[left]]
        yield np.stack([left[equal], right[equal]], axis=1)
    sizes, starts = np.bincount(members, minlength=first.size), np.zeros(first.size, np.int64)
    np.cumsum(sizes[:-1], out=starts[1:])
    a, b = members[close].T
    n_own, n_other = np.minimum(sizes[a], _MAX_SPREAD), np.minimum(sizes[b], _MAX_SPREAD)
    pair = np.repeat(np.arange(len(close)), n_own * n_other)
    rank = np.arange(pair.size) - np.repeat(np.cumsum(n_own * n_other) - n_own * n_other, n_own * n_other)
    left = order[starts[a[pair]] + rank // n_other[pair]]
    yield np.stack([left, order[starts[b[pair]] + rank % n_other[pair]]], axis=1)


def hash_distances(left: UInt64, right: UInt64) -> Int32:
    """Count the bits in which hashes differ, in [0, 64]."""
    distances: Int32 = np.bitwise_count(left ^ right).astype(np.int32)
    return distances


def unique_pairs(pairs: Int64, n_images: int) -> Int64:
    """Return each pair once, the lower row on the left, sorted."""
    codes = np.minimum(pairs[:, 0], pairs[:, 1]) * n_images + np.maximum(pairs[:, 0], pairs[:, 1])
    codes.sort()  # several times faster than numpy's unique, which hashes
    is_first = np.ones(codes.size, dtype=bool)
    np.not_equal(codes[1:], codes[:-1], out=is_first[1:])
    codes = codes[is_first]
    return np.stack([codes // max(n_images, 1), codes % max(n_images, 1)], axis=1)


def cross_hash_pairs(hashes: UInt64, turned: UInt64, *, radius: int) -> Int64:
    """Find images whose hash is near the hash of another as it reads once turned.

    Parameters
    ----------
    hashes, turned : ndarray of shape (n_images,), uint64
        0 is the hash of a blank image, and pairs with none.
    radius : int
        In bits, in [0, 16].

    Returns
    -------
    ndarray of shape (n_pairs, 2), int64
        (row by its hash, row by its turned hash), each once, sorted; never a row with itself. A hash has at most 32
        near ones, the nearest, and of images with the same hash the first 8 count.
    """
    n = hashes.shape[0]
    own, own_members = _first_members(hashes)
    other, other_members = _first_members(turned)
    found = [np.empty((0, 2), dtype=np.int64)]
    for low, high in pairwise(np.linspace(0, _N_BITS, radius + 2).astype(int).tolist()):
        mask, shift = np.uint64((1 << (high - low)) - 1), np.uint64(low)
        own_pieces, other_pieces = (own >> shift) & mask, (other >> shift) & mask
        own_order, other_order = (np.argsort(pieces, kind="stable") for pieces in (own_pieces, other_pieces))
        pieces = np.intersect1d(own_pieces, other_pieces)
        edges = [
            np.searchsorted(values[order], pieces, side=side)
            for values, order in ((own_pieces, own_order), (other_pieces, other_order))
            for side in ("left", "right")
        ]
        near = _near_each_other(own[own_order], other[other_order], np.stack(edges, axis=1), radius, is_same=False)
        found.append(np.stack([own_order[near[:, 0]], other_order[near[:, 1]]], axis=1))
    near = np.unique(np.concatenate(found), axis=0)
    pairs = (own_members[near[:, 0], :, None], other_members[near[:, 1], None, :])
    left, right = (side.reshape(-1) for side in np.broadcast_arrays(*pairs))
    real = (left >= 0) & (right >= 0) & (left != right)
    codes = np.unique(left[real] * max(n, 1) + right[real])
    return np.stack([codes // max(n, 1), codes % max(n, 1)], axis=1)


def _first_members(hashes: UInt64) -> tuple[UInt64, Int64]:
    """Return the distinct hashes but 0, and the first rows of each; -1 where there are fewer."""
    distinct, members, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
    order = np.argsort(members, kind="stable")
    starts = np.cumsum(sizes) - sizes
    places = starts[:, None] + np.arange(_MAX_SPREAD)
    rows = np.where(
        np.arange(_MAX_SPREAD) < sizes[:, None],
        order[np.minimum(places, max(order.size - 1, 0))] if order.size else 0,
        -1,
    )
    return distinct[distinct != 0], rows[distinct != 0]


def _near_each_other(own: UInt64, other: UInt64, groups: Int64, radius: int, *, is_same: bool = True) -> Int64:
    """Compare hashes within groups; a place of `own` has at most 32 near ones in each, the nearest."""
    from dataeval_ui.analysis.compiled_hashes import match_hashes

    groups = np.ascontiguousarray(groups, dtype=np.int64)
    found = np.empty((4 * own.size, 2), dtype=np.int64)
    n = match_hashes(own, other, groups, is_same, radius, MAX_HASH_PARTNERS, found)
    if n > len(found):
        found = np.empty((n, 2), dtype=np.int64)
        match_hashes(own, other, groups, is_same, radius, MAX_HASH_PARTNERS, found)
    return found[:n]
