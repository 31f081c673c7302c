"""The cosine k-nearest-neighbour graph of a run, its exact update, and exact search."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph, Progress, Silent, batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Bool, Float32, Int32, Int64

MAX_EXACT_IMAGES = 30_000
"""Up to here the graph is exact; beyond, an HNSW index is several times cheaper and finds about 99 % of the edges."""

_SPARE = 4
"""Candidates taken beyond k, so that float32 noise at the boundary is seen."""

_NOISE = 4e-6
"""Bound of the float32 error of a similarity; nearer ones are compared in float64."""

_BLOCK_BYTES = 64 * 2**20

_MIN_BLOCK_FLOATS = 2**16


def unit_rows(embeddings: Float32) -> Float32:
    """Scale every row to length 1; a zero row stays zero, so its similarity to every other is 0.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32
        May be a memory map; read once, in blocks.

    Returns
    -------
    ndarray of shape (n_images, n_dims), float32

    Raises
    ------
    ParameterError
        Not two-dimensional, or a value that is not finite.
    """
    if embeddings.ndim != 2 or embeddings.shape[1] == 0:
        raise ParameterError(f"embeddings must have the shape (n_images, n_dims), got {embeddings.shape}.")
    units = np.empty(embeddings.shape, dtype=np.float32)
    # An eighth of a block: the work is no product of matrices, and three arrays of it are held at once.
    for rows in batches(embeddings.shape[0], max(1, _rows_in_block(embeddings.shape[1]) // 8)):
        block = np.asarray(embeddings[rows], dtype=np.float64)
        norms = np.linalg.norm(block, axis=1)
        if not np.isfinite(norms).all():
            row = rows.start + int(np.flatnonzero(~np.isfinite(norms))[0])
            raise ParameterError(
                f"embeddings must be finite, but those of row {row} are not. Embed the images again, or choose another "
                "backbone."
            )
        units[rows] = block / np.where(norms > 0, norms, 1.0)[:, None]
    return units


def find_neighbors(
    embeddings: Float32, *, n_neighbors: int, n_threads: int = 1, progress: Progress | None = None
) -> NeighborGraph:
    """Find the most similar images of every image.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32
        May be a memory map.
    n_neighbors : int
        In [2, 100].
    n_threads : int, default 1
        Threads of the search; the result does not depend on it.
    progress : Progress, optional

    Returns
    -------
    NeighborGraph
        Of `k = min(n_neighbors, n_images - 1)` neighbours. An image is never its own neighbour, even where others have
        the same embedding.

    Raises
    ------
    ParameterError
        `n_neighbors` out of its range, or embeddings that are not finite.

    Notes
    -----
    Exact up to 30,000 images: blocked matrix products in float32 choose k + 4 candidates a row, which are compared
    again in float64, so that equally similar images come in row order whatever the block they were in. A row whose
    boundary lies within float32 noise is searched again in float64. O(n² d) time, one copy of the matrix and one
    block in memory.

    Beyond 30,000 images candidates come from an HNSW graph [1]_ of faiss (16 links, 80 candidates when building, 64
    when searching; built by one thread, so that it is the same every time): recall 0.99 at 50,000 images.

    References
    ----------
    .. [1] Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
       Small World graphs", 2020, https://doi.org/10.1109/TPAMI.2018.2889473
    """
    _check_n_neighbors(n_neighbors)
    progress = progress or Silent()
    units = unit_rows(embeddings)
    n = units.shape[0]
    k = min(n_neighbors, max(n - 1, 0))
    if k == 0:
        return NeighborGraph(indices=np.empty((n, 0), np.int32), similarities=np.empty((n, 0), np.float32))
    if n <= MAX_EXACT_IMAGES:
        indices, similarities = _nearest(units, np.arange(n), k, n_threads, progress)
    else:
        indices, similarities = _nearest_by_hnsw(units, k, n_threads, progress)
    progress.report("neighbors", n, n)
    return NeighborGraph(indices=indices, similarities=similarities)


def extend_neighbors(
    graph: NeighborGraph,
    *,
    old_rows: Int32,
    embeddings: Float32,
    n_threads: int = 1,
    n_neighbors: int | None = None,
    progress: Progress | None = None,
) -> NeighborGraph:
    """Update a graph after images were added or removed.

    Parameters
    ----------
    graph : NeighborGraph
        Of the earlier run.
    old_rows : ndarray of shape (n_images,), int32
        Row of each image in the earlier run, -1 for a new image. Earlier rows that do not occur were removed.
    embeddings : ndarray of shape (n_images, n_dims), float32
        Of the run as it is now.
    n_threads : int, default 1
    n_neighbors : int, optional
        As in `find_neighbors`; None takes the earlier graph's. Give it where the earlier run may have had fewer images
        than neighbours.
    progress : Progress, optional

    Returns
    -------
    NeighborGraph
        What `find_neighbors` gives from scratch (beyond 30,000 images: exact for every row that is searched here).

    Raises
    ------
    ParameterError
        `old_rows` that do not fit the graph or the embeddings; the errors of `find_neighbors`.

    Notes
    -----
    O(m n d) for m images that are new or that lost a neighbour; from half of the images on, all are searched. Where the
    order of kept images changed, which of several equally similar images ends a row may differ from scratch.
    """
    progress = progress or Silent()
    n, (n_old, k_old) = embeddings.shape[0], graph.indices.shape
    n_neighbors = k_old if n_neighbors is None else n_neighbors
    kept = np.flatnonzero(old_rows >= 0)
    if old_rows.shape != (n,) or (old_rows >= n_old).any() or np.unique(old_rows[kept]).size != kept.size:
        raise ParameterError(
            "old_rows must hold each row of the earlier graph at most once, and -1 for new images, for "
            f"{n} images; got the shape {old_rows.shape} for a graph of {n_old} images."
        )
    k = min(n_neighbors, max(n - 1, 0))
    if k != k_old or k == 0:
        return find_neighbors(embeddings, n_neighbors=max(n_neighbors, 2), n_threads=n_threads, progress=progress)
    row_of_old = np.full(n_old, -1, dtype=np.int32)
    row_of_old[old_rows[kept]] = kept
    old_indices = row_of_old[graph.indices[old_rows[kept]]]
    lost = (old_indices < 0).any(axis=1)
    new = np.flatnonzero(old_rows < 0)
    searched = np.union1d(new, kept[lost])
    if searched.size > n // 2:
        return find_neighbors(embeddings, n_neighbors=max(n_neighbors, 2), n_threads=n_threads, progress=progress)

    units = unit_rows(embeddings)
    indices = np.empty((n, k), dtype=np.int32)
    similarities = np.empty((n, k), dtype=np.float32)
    indices[kept], similarities[kept] = _in_order(old_indices, graph.similarities[old_rows[kept]])
    _insert_new(units, new, kept[~lost], indices, similarities, progress)
    indices[searched], similarities[searched] = _nearest(units, searched, k, n_threads, progress)
    progress.report("neighbors", n, n)
    return NeighborGraph(indices=indices, similarities=similarities)


def search(
    view_embeddings: Float32, norms: Float32, query: Float32, *, k: int, mask: Bool | None = None
) -> tuple[Int32, Float32]:
    """Find the images most similar to a query, exactly.

    Parameters
    ----------
    view_embeddings : ndarray of shape (n_images, n_dims), float32
        May be a memory map; read once, in blocks.
    norms : ndarray of shape (n_images,), float32
        Lengths of its rows.
    query : ndarray of shape (n_dims,), float32
    k : int
        At least 1; fewer come back where fewer images are left.
    mask : ndarray of shape (n_images,), bool, optional
        Only these images are searched.

    Returns
    -------
    rows : ndarray of shape (n_found,), int32
        Most similar first; ties: lower row first.
    similarities : ndarray of shape (n_found,), float32
        Cosine, in [-1, 1]; 0 for a zero row or a zero query.

    Raises
    ------
    ParameterError
        `k` below 1, a query of another length, or one that is not finite.
    """
    n, n_dims = view_embeddings.shape
    if k < 1:
        raise ParameterError(f"k must be at least 1, got {k}.")
    if query.shape != (n_dims,) or not np.isfinite(query).all():
        raise ParameterError(f"The query must be {n_dims} finite numbers, got the shape {query.shape}.")
    length = float(np.linalg.norm(query.astype(np.float64)))
    unit = (query / (length or 1.0)).astype(np.float32)
    rough = np.empty(n, dtype=np.float32)
    for rows in batches(n, _rows_in_block(n_dims)):
        # A product row by row, in this thread: one of matrix and vector wakes BLAS' threads, which wait for memory and
        # for each other, and take three times the processor's time for one search and ten times for eight at once.
        rough[rows] = np.vecdot(view_embeddings[rows], unit)
    rough /= np.where(norms > 0, norms, 1.0)
    if mask is not None:
        rough[~mask] = -np.inf
    k = min(k, n if mask is None else int(mask.sum()))
    if k == 0:
        return np.empty(0, np.int32), np.empty(0, np.float32)
    bound = np.partition(rough, n - k)[n - k] - _NOISE
    candidates = np.flatnonzero(rough >= bound)
    exact = np.empty(candidates.size, dtype=np.float32)
    for part in batches(candidates.size, _rows_in_block(n_dims)):
        block = np.asarray(view_embeddings[candidates[part]], dtype=np.float64)
        scale = np.where(norms[candidates[part]] > 0, np.linalg.norm(block, axis=1), 1.0)
        exact[part] = np.clip((block * unit.astype(np.float64)).sum(axis=1) / scale, -1, 1)
    order = np.lexsort((candidates, -exact))[:k]
    return candidates[order].astype(np.int32), exact[order]


def _check_n_neighbors(n_neighbors: int) -> None:
    if not 2 <= n_neighbors <= 100:
        raise ParameterError(f"n_neighbors must be in [2, 100], got {n_neighbors}.")


def _rows_in_block(n_columns: int, n_bytes: int = 8) -> int:
    return max(1, _BLOCK_BYTES // (n_columns * n_bytes))


def _in_order(indices: Int32 | Int64, similarities: Float32) -> tuple[Int32, Float32]:
    """Sort each row by similarity, ties by the lower index."""
    order = np.lexsort((indices, -similarities), axis=1)
    sorted_indices = np.take_along_axis(indices, order, axis=1).astype(np.int32)
    return sorted_indices, np.take_along_axis(similarities, order, axis=1)


def pair_similarities(units: Float32, rows: Int64, columns: Int32 | Int64) -> Float32:
    """Cosine of each of `rows` with each of its `columns`, by float64 sums that do not depend on the batch.

    Parameters
    ----------
    units : ndarray of shape (n_images, n_dims), float32
        Rows of length 1 or 0.
    rows : ndarray of shape (n_rows,), int
    columns : ndarray of shape (n_rows, n_columns), int

    Returns
    -------
    ndarray of shape (n_rows, n_columns), float32
    """
    similarities = np.empty(columns.shape, dtype=np.float32)
    for part in batches(rows.size, _rows_in_block(columns.shape[1] * units.shape[1])):
        left = units[rows[part]].astype(np.float64)
        for column in range(columns.shape[1]):
            right = units[columns[part, column]]
            similarities[part, column] = np.clip(np.einsum("nd,nd->n", left, right), -1, 1)
    return similarities


def _nearest(units: Float32, rows: Int64, k: int, n_threads: int, progress: Progress) -> tuple[Int32, Float32]:
    """Exact neighbours of some rows among all."""
    import faiss

    n = units.shape[0]
    n_wanted = min(n, k + 1 + _SPARE)
    indices = np.empty((rows.size, k), dtype=np.int32)
    similarities = np.empty((rows.size, k), dtype=np.float32)
    with _faiss_threads(n_threads):
        for part in batches(rows.size, 2048):
            progress.check_cancelled()
            _, found = faiss.knn(units[rows[part]], units, n_wanted, metric=faiss.METRIC_INNER_PRODUCT)
            near = _choose(units, rows[part], found, k, complete=n_wanted == n)
            indices[part], similarities[part], unsure = near
            if unsure.size:
                at = part.start + unsure
                indices[at], similarities[at] = _nearest_in_float64(units, rows[at], k)
            progress.report("neighbors", part.stop, rows.size)
    return indices, similarities


def _choose(units: Float32, rows: Int64, found: Int64, k: int, *, complete: bool) -> tuple[Int32, Float32, Int64]:
    """Take the k best of the candidates; `unsure` are rows where an image that was not found could be as near."""
    similarities = pair_similarities(units, rows, np.where(found >= 0, found, 0))
    similarities[(found == rows[:, None]) | (found < 0)] = -np.inf
    chosen, similarities = _in_order(found, similarities)
    # The image itself, if it was found, is last now; if equal images crowded it out, the row is unsure anyway.
    worst = np.where(np.isfinite(similarities), similarities, np.inf).min(axis=1)
    unsure = np.empty(0, np.int64) if complete else np.flatnonzero(worst > similarities[:, k - 1] - _NOISE)
    return chosen[:, :k], similarities[:, :k], unsure


def _nearest_in_float64(units: Float32, rows: Int64, k: int) -> tuple[Int32, Float32]:
    """Exact neighbours where many images are equally near: the whole row, in float64."""
    n, n_dims = units.shape
    indices = np.empty((rows.size, k), dtype=np.int32)
    similarities = np.empty((rows.size, k), dtype=np.float32)
    for part in batches(rows.size, _rows_in_block(n)):
        left = units[rows[part]].astype(np.float64)
        block = np.empty((left.shape[0], n), dtype=np.float32)
        for columns in batches(n, _rows_in_block(n_dims)):
            block[:, columns] = np.clip(left @ units[columns].astype(np.float64).T, -1, 1)
        block[np.arange(left.shape[0]), rows[part]] = -np.inf
        bounds = np.partition(block, n - k, axis=1)[:, n - k]
        for i, (values, bound) in enumerate(zip(block, bounds, strict=True)):
            above = np.flatnonzero(values > bound)
            equal = np.flatnonzero(values == bound)[: k - above.size]
            chosen = np.concatenate([above, equal])
            chosen = chosen[np.lexsort((chosen, -values[chosen]))]
            indices[part.start + i], similarities[part.start + i] = chosen, values[chosen]
    return indices, similarities


def _nearest_by_hnsw(units: Float32, k: int, n_threads: int, progress: Progress) -> tuple[Int32, Float32]:
    """Approximate neighbours of all rows."""
    import faiss

    n, n_dims = units.shape
    index = faiss.IndexHNSWFlat(n_dims, 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 80
    index.hnsw.efSearch = max(64, 2 * k)
    indices = np.empty((n, k), dtype=np.int32)
    similarities = np.empty((n, k), dtype=np.float32)
    with _faiss_threads(1):  # insertion by several threads gives another graph every time
        for part in batches(n, 4096):
            progress.check_cancelled()
            index.add(units[part])
            progress.report("neighbors", part.stop // 2, n)
    with _faiss_threads(n_threads):
        for part in batches(n, 4096):
            progress.check_cancelled()
            _, found = index.search(units[part], k + 1 + _SPARE)
            near = _choose(units, np.arange(part.start, part.stop), found, k, complete=True)
            indices[part], similarities[part], _ = near
            progress.report("neighbors", (n + part.stop) // 2, n)
    short = np.flatnonzero(~np.isfinite(similarities).all(axis=1))
    if short.size:  # parts of the index that cannot be reached from its entry
        indices[short], similarities[short] = _nearest(units, short, k, n_threads, progress)
    return indices, similarities


def _insert_new(
    units: Float32, new: Int64, kept: Int64, indices: Int32, similarities: Float32, progress: Progress
) -> None:
    """Let new images take the places of less similar ones in the lists of the kept rows, in place."""
    n_dims = units.shape[1]
    if new.size == 0:
        return
    for part in batches(kept.size, max(1, _rows_in_block(max(new.size, n_dims), 4))):
        progress.check_cancelled()
        rows = kept[part]
        near = units[rows] @ units[new].T >= similarities[rows, -1][:, None] - _NOISE
        for row, columns in zip(rows[near.any(axis=1)], near[near.any(axis=1)], strict=True):
            candidates = new[columns].astype(np.int32)
            exact = pair_similarities(units, np.array([row]), candidates[None])[0]
            merged, values = np.append(indices[row], candidates), np.append(similarities[row], exact)
            best = np.lexsort((merged, -values))[: indices.shape[1]]
            indices[row], similarities[row] = merged[best], values[best]


@contextmanager
def _faiss_threads(n_threads: int) -> Iterator[None]:
    """Set faiss' process-wide number of threads for a while."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(n_threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
