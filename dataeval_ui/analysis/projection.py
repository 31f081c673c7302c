"""The map: UMAP on the neighbour graph, and places for images that came later."""

from __future__ import annotations

import threading
import warnings
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.neighbors import pair_similarities, unit_rows
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph, Progress, Projection, Silent, batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Bool, Float32, Int64

MAP_EXTENT = 10.0
"""Side of the square in which a layout starts; UMAP's own."""

MIN_FITTED_IMAGES = 5
"""Fewer images are laid out by their principal components alone."""

N_EPOCHS = 300
"""umap-learn takes 500 up to 10,000 images; from a PCA start 300 keep as many neighbours within 0.01."""

N_EPOCHS_OF_MANY = 200
"""The same beyond 10,000 images: umap-learn's own."""

PLACE_TEMPERATURE = 0.05
"""Of the softmax over cosines that weighs the neighbours of a placed image."""

_BLOCK_ROWS = 2048


def project(
    embeddings: Float32,
    graph: NeighborGraph,
    *,
    min_dist: float = 0.1,
    random_state: int = 42,
    progress: Progress | None = None,
) -> Projection:
    """Lay the images out in the plane so that neighbours stay neighbours.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32
        May be a memory map; only its two principal components are used, as the start.
    graph : NeighborGraph
    min_dist : float, default 0.1
        UMAP's, in [0, 1): how tight the closest images lie.
    random_state : int, default 42
        The same input and seed give the same map on the same machine.
    progress : Progress, optional

    Returns
    -------
    Projection
        Every image fitted, none placed.

    Raises
    ------
    ParameterError
        A graph of another number of images, or `min_dist` out of its range.

    Notes
    -----
    UMAP [1]_ of umap-learn with the graph as `precomputed_knn` (distance: 1 - cosine) and a PCA start, one thread,
    since only that is repeatable. Fewer than 5 images, or images whose embeddings are all equal along one of the two
    components, are no manifold to learn: they get their principal components, stretched to the same square; equal
    images then share a place.

    References
    ----------
    .. [1] McInnes, Healy and Melville, "UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction",
       2018, https://doi.org/10.48550/arXiv.1802.03426
    """
    progress = progress or Silent()
    n = graph.n_images
    if embeddings.shape[0] != n:
        raise ParameterError(f"The graph has {n} images, but there are {embeddings.shape[0]} embeddings.")
    if not 0 <= min_dist < 1:
        raise ParameterError(f"min_dist must be in [0, 1), got {min_dist}.")
    progress.report("project", 0, max(n, 1))
    start = principal_layout(embeddings, random_state=random_state)
    flat = n > 0 and bool((np.ptp(start, axis=0) == 0).any())
    xy = start if n < MIN_FITTED_IMAGES or flat else _fit_umap(start, graph, min_dist, random_state)
    progress.report("project", n, max(n, 1))
    return Projection(xy=xy, placed=np.zeros(n, dtype=np.bool_), confidence=np.ones(n, dtype=np.float32))


def place(embeddings: Float32, graph: NeighborGraph, xy_old: Float32, *, is_new: Bool) -> Projection:
    """Put new images on a map that was fitted without them.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32
        Of all images, old and new.
    graph : NeighborGraph
        Of all images.
    xy_old : ndarray of shape (n_images, 2), float32
        The map; the rows of new images are not read.
    is_new : ndarray of shape (n_images,), bool
        The images to place: all that were not fitted, those placed by an earlier run too.

    Returns
    -------
    Projection
        `confidence` of a placed image is `1 - spread / radius`, at least 0: the weighted root mean square distance of
        its neighbours from its place, against the root mean square distance of all fitted images from their centre.

    Raises
    ------
    ParameterError
        No fitted image is left, or shapes that do not fit.

    Notes
    -----
    The place is the mean of the k nearest fitted images, weighted by a softmax of cosine / 0.05. Images that came
    together do not see each other, so none moves another. O(m n d) for m images that have new neighbours in the graph.
    """
    n = graph.n_images
    fitted = np.flatnonzero(~is_new)
    if xy_old.shape != (n, 2) or is_new.shape != (n,) or embeddings.shape[0] != n:
        raise ParameterError(f"The map must have the shape ({n}, 2) and is_new ({n},), as the graph has {n} images.")
    if fitted.size == 0:
        raise ParameterError("No image of the fitted map is left; fit the map anew.")
    xy = np.array(xy_old, dtype=np.float32)
    confidence = np.ones(n, dtype=np.float32)
    new = np.flatnonzero(is_new)
    if new.size:
        units = unit_rows(embeddings)
        k = min(max(graph.indices.shape[1], 1), fitted.size)
        radius = float(np.sqrt(np.square(xy[fitted] - xy[fitted].mean(axis=0)).sum(axis=1).mean()))
        neighbors, similarities = _nearest_fitted(units, graph, new, fitted, is_new, k)
        weights = np.exp((similarities - similarities.max(axis=1, keepdims=True)) / PLACE_TEMPERATURE)
        weights /= weights.sum(axis=1, keepdims=True)
        around = xy[neighbors].astype(np.float64)
        places = np.einsum("nk,nkc->nc", weights, around)
        spread = np.sqrt(np.einsum("nk,nkc->n", weights, np.square(around - places[:, None])))
        xy[new] = places
        confidence[new] = np.clip(1 - spread / radius, 0, 1) if radius > 0 else 1.0
    return Projection(xy=xy, placed=is_new.astype(np.bool_), confidence=confidence)


def warm_up() -> None:
    """Compile umap-learn's kernels on a few points, so that the first map need not wait for it.

    On a new machine this takes a minute or two, and a few seconds in every later process. numba keeps what it compiled
    in `NUMBA_CACHE_DIR`, which the caller sets before umap is first imported.
    """
    from dataeval_ui.analysis.neighbors import find_neighbors

    load_compiled()
    points = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    project(points, find_neighbors(points, n_neighbors=5))


def principal_layout(embeddings: Float32, *, random_state: int) -> Float32:
    """Project the length-1 embeddings on their two principal components, each stretched to [0, 10].

    A component without any spread is 0 for every image. The sign is such that the largest loading is positive.

    Notes
    -----
    Subspace iteration with 8 vectors and 6 rounds, in blocks: two components need no full decomposition, and the matrix
    is not copied.
    """
    n, n_dims = embeddings.shape
    layout = np.zeros((n, 2), dtype=np.float32)
    if n < 2:
        return layout
    units = unit_rows(embeddings)
    mean = units.mean(axis=0, dtype=np.float64)
    basis = np.random.default_rng(random_state).normal(size=(n_dims, min(8, n_dims)))
    for _ in range(6):
        basis, _ = np.linalg.qr(_scatter_times(units, mean, basis))
    small = basis.T @ _scatter_times(units, mean, basis)
    variances, vectors = np.linalg.eigh((small + small.T) / 2)
    loadings = (basis @ vectors[:, ::-1])[:, :2]
    variances = variances[::-1][:2]
    signs = np.sign(loadings[np.abs(loadings).argmax(axis=0), np.arange(loadings.shape[1])])
    for axis in range(loadings.shape[1]):
        # Rounding to float32 alone spreads equal images by about 1e-7.
        if variances[axis] <= 1e-12 * n:
            continue
        coordinate = (
            np.concatenate([(units[b] - mean) @ loadings[:, axis] for b in batches(n, _BLOCK_ROWS)]) * signs[axis]
        )
        coordinate -= coordinate.min()
        layout[:, axis] = coordinate * (MAP_EXTENT / coordinate.max())
    return layout


def _scatter_times(units: Float32, mean: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Product of the centred scatter matrix with some vectors."""
    total = np.zeros(basis.shape)
    for rows in batches(units.shape[0], _BLOCK_ROWS):
        centred = units[rows] - mean.astype(np.float32)
        total += centred.T @ (centred @ basis.astype(np.float32))
    return total


_NUMBA_LOCK = threading.Lock()
"""umap-learn and numba must not be imported by two threads at once: a warm-up and a map, say."""


def load_compiled() -> None:
    """Import what numba compiles for near duplicates, so that these can be looked for while a map is fitted."""
    with _NUMBA_LOCK:
        import dataeval_ui.analysis.compiled_colors
        import dataeval_ui.analysis.compiled_hashes
        import dataeval_ui.analysis.compiled_pairs  # noqa: F401


def _fit_umap(start: Float32, graph: NeighborGraph, min_dist: float, random_state: int) -> Float32:
    """Run umap-learn; `start` is its initial layout, and stands for the data, which a given graph makes unnecessary."""
    with _NUMBA_LOCK, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*precomputed_knn.*", category=UserWarning)
        warnings.filterwarnings("ignore", message=".*n_jobs value.*", category=UserWarning)
        warnings.filterwarnings("ignore", message="n_neighbors is larger.*", category=UserWarning)
        import umap

        _let_others_run()
        n, k = graph.indices.shape
        own = np.arange(n, dtype=np.int32)[:, None]
        indices = np.hstack([own, graph.indices])
        distances = np.hstack([np.zeros((n, 1), np.float32), np.maximum(1 - graph.similarities, 0)])
        fitted = umap.UMAP(
            n_neighbors=k + 1,
            n_components=2,
            metric="cosine",
            min_dist=min_dist,
            init=start,
            random_state=random_state,
            n_epochs=N_EPOCHS if n <= 10_000 else N_EPOCHS_OF_MANY,
            precomputed_knn=(indices, distances, None),
            # Opposite embeddings are far, yet they keep a place: umap would give them none.
            disconnection_distance=np.inf,
        ).fit(start)
    return np.ascontiguousarray(fitted.embedding_, dtype=np.float32)


@cache
def _let_others_run() -> None:
    """Have umap-learn's epochs compiled so that they release Python's lock, and kept in numba's cache.

    Near duplicates are looked for meanwhile, and a server's other threads answer. The names are umap-learn's own: where
    a later release has others, the map is the same, and the others wait.
    """
    import numba
    from umap import layouts

    epoch = getattr(layouts, "_optimize_layout_euclidean_single_epoch", None)
    name = "_nb_optimize_layout_euclidean_single_epoch"
    if callable(epoch) and hasattr(layouts, name):
        setattr(layouts, name, numba.njit(fastmath=True, parallel=False, nogil=True, cache=True)(epoch))


def _nearest_fitted(
    units: Float32, graph: NeighborGraph, new: Int64, fitted: Int64, is_new: Bool, k: int
) -> tuple[Int64, Float32]:
    """Return the k most similar fitted images of each new one: the graph's where all are fitted, else searched."""
    neighbors = np.empty((new.size, k), dtype=np.int64)
    direct = ~is_new[graph.indices[new]].any(axis=1) if graph.indices.shape[1] == k else np.zeros(new.size, np.bool_)
    neighbors[direct] = graph.indices[new[direct], :k]
    searched = np.flatnonzero(~direct)
    for part in batches(searched.size, max(1, 2**24 // max(fitted.size, 1))):
        rows = searched[part]
        close = units[new[rows]] @ units[fitted].T
        neighbors[rows] = fitted[np.argsort(-close, axis=1, kind="stable")[:, :k]]
    return neighbors, pair_similarities(units, new, neighbors)
