"""How well a set fills its space, where it is sparse, and what to label next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.neighbors import unit_rows
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph, batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32, Int64

_BLOCK_FLOATS = 4_000_000


def measure_completeness(embeddings: Float32) -> float:
    """Return how many of the dimensions a set uses, in [0, 1]; 1 where it spreads alike in all of them.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32

    Returns
    -------
    float
        `exp(H) / n_dims` with the entropy H of the shares that the eigenvalues of the covariance have; 0 for a set
        without any spread.

    Notes
    -----
    The effective rank [1]_ over the number of dimensions. O(n d²) time, one d x d matrix.

    References
    ----------
    .. [1] Roy and Vetterli, "The effective rank: A measure of effective dimensionality", 2007
    """
    n, n_dims = embeddings.shape
    if n < 2:
        return 0.0
    n_rows = max(1, _BLOCK_FLOATS // n_dims)
    mean = np.zeros(n_dims)
    for rows in batches(n, n_rows):
        mean += np.asarray(embeddings[rows], dtype=np.float64).sum(axis=0)
    mean /= n
    covariance = np.zeros((n_dims, n_dims))
    for rows in batches(n, n_rows):
        x = embeddings[rows] - mean
        covariance += x.T @ x
    values = np.maximum(np.linalg.eigvalsh(covariance), 0)
    if values.sum() <= 0:
        return 0.0
    p = values[values > 0] / values.sum()
    return float(np.exp(-(p * np.log(p)).sum()) / n_dims)


def find_sparse_images(graph: NeighborGraph, *, fraction: float = 0.01) -> Int64:
    """Return the images with the widest neighbourhoods, widest first (ties: lower row first).

    Parameters
    ----------
    graph : NeighborGraph
    fraction : float, default 0.01
        Share of the images, in (0, 1]; at least one image.

    Raises
    ------
    ParameterError
        `fraction` outside (0, 1].

    Notes
    -----
    By the cosine distance of the k-th neighbour. A fixed share always comes back, as of DataEval's adaptive coverage:
    it says where the set is sparsest, not that it is too sparse.
    """
    if not 0 < fraction <= 1:
        raise ParameterError(f"fraction must be in (0, 1], got {fraction}.")
    n, k = graph.indices.shape
    if n == 0 or k == 0:
        return np.arange(n, dtype=np.int64)
    radius = 1 - graph.similarities[:, -1]
    rows: Int64 = np.argsort(-radius, kind="stable")[: max(1, round(n * fraction))].astype(np.int64)
    return rows


def rank_to_label(embeddings: Float32, *, labelled: Int64, n: int) -> Int64:
    """Return what to label next: each image in turn is the one farthest from all that are labelled by then.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32
    labelled : ndarray of shape (n_labelled,), int64
        Rows that have a label; where there are none, the first is the image nearest to the mean.
    n : int
        Images wanted; fewer come back where fewer are left.

    Returns
    -------
    ndarray of shape (n_found,), int64
        Unlabelled rows, the most useful first (ties: lower row first).

    Notes
    -----
    Greedy k-centre [1]_ on the embeddings scaled to length 1: copies of what is labelled come last.
    O((n_labelled + n) n_images n_dims) time, blocks in memory.

    References
    ----------
    .. [1] Sener and Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set Approach", 2018,
       https://doi.org/10.48550/arXiv.1708.00489
    """
    units = unit_rows(embeddings)
    closest = np.full(units.shape[0], -np.inf, dtype=np.float32)
    is_left = np.ones(units.shape[0], dtype=np.bool_)
    is_left[labelled] = False
    left = np.flatnonzero(is_left)
    for part in batches(labelled.size, 256):
        known = units[labelled[part]]
        for block in batches(left.size, max(1, _BLOCK_FLOATS // units.shape[1])):
            rows = left[block]
            closest[rows] = np.maximum(closest[rows], (units[rows] @ known.T).max(axis=1))
    found: list[int] = []
    for _ in range(min(n, int(is_left.sum()))):
        if labelled.size == 0 and not found:
            row = int((units @ units.mean(axis=0)).argmax())
        else:
            row = int(np.where(is_left, closest, np.inf).argmin())
        found.append(row)
        is_left[row] = False
        closest = np.maximum(closest, units @ units[row])
    return np.array(found, dtype=np.int64)


def order_by_class(scores: Float32, codes: Int32) -> Int64:
    """Order images so that the classes take turns, the highest score of each class first (ties: lower row first).

    Notes
    -----
    One sort: O(n log n) also where a class holds nearly all images. Images without a class (-1) are one of their own.
    """
    order = np.lexsort((np.arange(scores.size), -scores, codes))
    in_class = codes[order]
    starts = np.flatnonzero(np.r_[True, in_class[1:] != in_class[:-1]]) if order.size else order
    turn = np.arange(order.size) - np.repeat(starts, np.diff(np.r_[starts, order.size]))
    rows: Int64 = order[np.lexsort((in_class, turn))].astype(np.int64)
    return rows
