"""How far each image's place on the map tells the truth about its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph, batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32


_BLOCK_CELLS = 4_000_000


def score_map_honesty(graph: NeighborGraph, xy: Float32) -> tuple[Float32, Float32]:
    """Score for each image how many map neighbours are true, and how many true neighbours the map keeps.

    Parameters
    ----------
    graph : NeighborGraph
        The k true neighbours of each image.
    xy : ndarray of shape (n_images, 2), float32

    Returns
    -------
    precision : ndarray of shape (n_images,), float32
        Share of the k nearest on the map that are among the k true neighbours or theirs; in [0, 1]. Low where
        unlike images were drawn together.
    recall : ndarray of shape (n_images,), float32
        Share of the k true neighbours that are among the 3 k nearest on the map; in [0, 1]. Low where like
        images were torn apart.

    Raises
    ------
    ParameterError
        A map of another number of images.

    Notes
    -----
    What trustworthiness and continuity [1]_ measure, without the ranks of all n² pairs: O(n k³) comparisons, blocks
    of rows in memory.

    References
    ----------
    .. [1] Venna and Kaski, "Neighborhood preservation in nonlinear projection methods", 2001,
       https://doi.org/10.1007/3-540-44668-0_68
    """
    n, k = graph.indices.shape
    if xy.shape != (n, 2):
        raise ParameterError(f"The map must have a place for each of the {n} images, got the shape {xy.shape}.")
    if n < 2 or k == 0:
        return np.ones(n, np.float32), np.ones(n, np.float32)
    from scipy.spatial import cKDTree

    n_near = min(3 * k + 1, n)
    tree = cKDTree(xy)
    precision, recall = np.empty(n, np.float32), np.empty(n, np.float32)
    for rows in batches(n, max(1, _BLOCK_CELLS // (k * k * (k + 1)))):
        _, found = tree.query(xy[rows], k=n_near)
        near = np.asarray(found).reshape(-1, n_near)
        itself = near == np.arange(rows.start, rows.start + len(near))[:, None]
        # Itself last: among points of one place it need not come first, or at all.
        drawn = np.take_along_axis(near, np.argsort(itself, axis=1, kind="stable"), axis=1)[:, :k]
        true = graph.indices[rows]
        around = np.concatenate([true, graph.indices[true].reshape(len(true), -1)], axis=1)
        precision[rows] = (drawn[:, :, None] == around[:, None, :]).any(axis=2).mean(axis=1)
        recall[rows] = (true[:, :, None] == near[:, None, :]).any(axis=2).mean(axis=1)
    return precision, recall
