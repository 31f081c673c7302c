"""Tests that ask whose neighbours are whose: nearest neighbours and the minimum spanning tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32, Int64

N_NEIGHBORS = 10


def same_set_shares(neighbors: Int32 | Int64, members: Float32) -> np.ndarray:
    """Share of the neighbours that are of their image's own set, both sets weighted alike, for every arrangement.

    Parameters
    ----------
    neighbors : ndarray of shape (n, k), int
        Rows of the nearest images of each image.
    members : ndarray of shape (n, n_arrangements), float32

    Returns
    -------
    ndarray of shape (n_arrangements,), float64
        1 where every image has neighbours of its own set alone, about the sets' mean share without drift.

    References
    ----------
    .. Schilling, 1986, https://doi.org/10.1080/01621459.1986.10478337
    .. Henze, 1988, https://doi.org/10.1214/aos/1176350835
    """
    around = np.zeros_like(members)
    for column in neighbors.T:
        around += members[column]
    around /= np.float32(neighbors.shape[1])
    m = members.sum(axis=0, dtype=np.float64)
    of_test = np.einsum("ij,ij->j", around, members, dtype=np.float64)
    of_reference = (len(members) - m) - (around.sum(axis=0, dtype=np.float64) - of_test)
    shares: np.ndarray = (of_test / m + of_reference / (len(members) - m)) / 2
    return shares


def spanning_tree(points: Float32) -> Int64:
    """Edges of the Euclidean minimum spanning tree, exactly.

    Parameters
    ----------
    points : ndarray of shape (n, n_dims), float32

    Returns
    -------
    ndarray of shape (n - 1, 2), int64

    Notes
    -----
    Prim's algorithm: O(n^2 n_dims) time, O(n) memory besides the points.
    """
    n = len(points)
    edges = np.empty((max(n - 1, 0), 2), dtype=np.int64)
    nearest = np.full(n, np.inf, dtype=np.float32)
    parent = np.zeros(n, dtype=np.int64)
    squares = np.square(points).sum(axis=1)
    at = 0
    for step in range(n - 1):
        nearest[at] = -np.inf  # in the tree
        distance = np.maximum(squares + squares[at] - 2 * (points @ points[at]), 0)
        closer = distance < nearest
        nearest[closer], parent[closer] = distance[closer], at
        at = int(np.where(np.isneginf(nearest), np.inf, nearest).argmin())
        edges[step] = parent[at], at
    return edges


def hp_divergences(edges: Int32 | Int64, members: Float32, *, n_needed: int = 0) -> np.ndarray:
    """Henze-Penrose divergence from the edges between the sets, for every arrangement.

    Parameters
    ----------
    edges : ndarray of shape (n_edges, 2), int
        Of the minimum spanning tree, or of every image to its nearest.
    members : ndarray of shape (n, n_arrangements), float32
    n_needed : int, default 0
        Edges that lie between the sets however far apart they are: 1 of a tree.

    Returns
    -------
    ndarray of shape (n_arrangements,), float64
        In [0, 1]: 0 for equal distributions, 1 for sets apart.

    References
    ----------
    .. Friedman and Rafsky, 1979, https://doi.org/10.1214/aos/1176344722
    .. Berisha and Hero, 2015, https://doi.org/10.1109/LSP.2014.2363514
    """
    m = members.sum(axis=0, dtype=np.float64)
    n = len(members) - m
    between = (members[edges[:, 0]] != members[edges[:, 1]]).sum(axis=0) - n_needed
    divergences: np.ndarray = np.maximum(0.0, 1 - between * (n + m) / (2 * n * m))
    return divergences
