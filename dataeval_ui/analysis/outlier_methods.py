"""Outliers by four methods and one combined score; images that are odd against a reference set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dataeval_ui.analysis.neighbors import unit_rows
from dataeval_ui.analysis.outliers import SIGMAS_AT_THRESHOLD
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph, batches
from dataeval_ui.types.outliers import OutlierMethods

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32

    Float64 = np.ndarray[Any, np.dtype[np.float64]]

_LOGIT = float(np.log(0.95 / 0.05))
_MIN_SIGMA = 0.05
_TINY = 1e-6
_BLOCK_FLOATS = 1_000_000
_MIN_CLASS = 10
_SHRINKAGE = 0.1
_N_LOCAL = 10


def score_outlier_methods(
    embeddings: Float32, graph: NeighborGraph, *, cluster_labels: Int32, codes: Int32 | None = None
) -> OutlierMethods:
    """Score how odd each image is, by each method and all together.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32
    graph : NeighborGraph
    cluster_labels : ndarray of shape (n_images,), int32
        -1 is noise, which belongs to no cluster and moves no centre.
    codes : ndarray of shape (n_images,), int32, optional
        Class of each image, -1 for none. Classes of fewer than 10 images do not count; without any, the set is one.

    Raises
    ------
    ParameterError
        Arrays of different lengths.

    Notes
    -----
    Raw distances become scores by `1 / (1 + exp(-z log(19) / 2.5))` of the logarithm's robust z, as in
    `analysis.outliers`: 0.95 is 2.5 robust standard deviations above the median. LOF [1]_ uses the Euclidean
    distance of the embeddings scaled to length 1. The covariance of Mahalanobis [2]_ is that within the classes,
    a tenth of its mean variance added. The combined score has one voice for how far an image is from everything and
    one for how far it is beside its neighbours: the mean z of Mahalanobis and of LoOP's local ratio [3]_, calibrated
    once more. Sums of z weigh an image that one of them finds very odd above one that both find a little odd.
    O(n d² + n k + n d n_classes) time, blocks of rows in memory.

    References
    ----------
    .. [1] Breunig, Kriegel, Ng and Sander, "LOF: identifying density-based local outliers", 2000,
       https://doi.org/10.1145/335191.335388
    .. [2] Lee, Lee, Lee and Shin, "A Simple Unified Framework for Detecting Out-of-Distribution Samples", 2018,
       https://doi.org/10.48550/arXiv.1807.03888
    .. [3] Kriegel, Kröger, Schubert and Zimek, "LoOP: local outlier probabilities", 2009,
       https://doi.org/10.1145/1645953.1646195
    """
    n = graph.n_images
    if embeddings.shape[0] != n or cluster_labels.shape != (n,) or (codes is not None and codes.shape != (n,)):
        raise ParameterError(f"Embeddings, clusters and classes must have a row for each of the {n} images.")
    if n < 3 or graph.indices.shape[1] == 0:
        half = np.full(n, 0.5, np.float32)
        return OutlierMethods(knn=half, lof=half, mahalanobis=half, cluster=half, combined=half)
    units = unit_rows(embeddings)
    groups = np.zeros(n, dtype=np.int32) if codes is None else _large_groups(codes)
    of_class = _class_distance(units, groups)
    together = (_robust_z(of_class) + _robust_z(local_distance_ratio(graph))) / 2
    return OutlierMethods(
        knn=calibrate(1 - graph.similarities.mean(axis=1, dtype=np.float64)),
        lof=calibrate(local_outlier_factor(graph)),
        mahalanobis=calibrate(of_class),
        cluster=calibrate(_cluster_distance(units, cluster_labels)),
        combined=calibrate(np.exp(np.clip(together, -500, 500))),
    )


def calibrate(distances: Float64, reference: Float64 | None = None) -> Float32:
    """Turn distances into scores in [0, 1] by the spread of a reference's (default: their own)."""
    z = np.clip(_robust_z(distances, reference) * _LOGIT / SIGMAS_AT_THRESHOLD, -500, 500)
    scores: Float32 = (1 / (1 + np.exp(-z))).astype(np.float32)
    return scores


def _robust_z(distances: Float64, reference: Float64 | None = None) -> Float64:
    """Robust standard deviations of the logarithm above the median of a reference's (default: their own)."""
    logs = np.log(np.maximum(distances, _TINY))
    known = logs if reference is None else np.log(np.maximum(reference, _TINY))
    middle = float(np.median(known))
    sigma = max(_MIN_SIGMA, 1.4826 * (float(np.quantile(known, 0.75)) - middle))
    z: Float64 = (logs - middle) / sigma
    return z


def local_outlier_factor(graph: NeighborGraph) -> Float64:
    """Return the local outlier factor of each image on its graph, about 1 for an ordinary one; of shape (n_images,)."""
    distances = np.sqrt(np.maximum(2 - 2 * graph.similarities.astype(np.float64), 0))
    reach = np.maximum(distances, distances[:, -1][graph.indices])
    density = 1 / (reach.mean(axis=1) + 1e-10)
    factor: Float64 = density[graph.indices].mean(axis=1) / density
    return factor


def local_distance_ratio(graph: NeighborGraph) -> Float64:
    """Return how far each image's 10 nearest are over how far theirs are; about 1 for an ordinary one, (n_images,).

    Notes
    -----
    The ratio from which LoOP makes its probability: root mean square distances, which are not smoothed as the
    reachability of LOF is. A few odd images that lie near each other are found by it where LOF calls them ordinary.
    """
    k = min(_N_LOCAL, graph.indices.shape[1])
    spread = np.sqrt(np.maximum(2 - 2 * graph.similarities[:, :k].mean(axis=1, dtype=np.float64), 0)) + _TINY
    ratio: Float64 = spread / spread[graph.indices[:, :k]].mean(axis=1)
    return ratio


def score_ood(
    embeddings: Float32, reference: Float32, *, n_neighbors: int = 10, reference_graph: NeighborGraph | None = None
) -> tuple[Float32, Int32]:
    """Score how odd images are against a reference set.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32
    reference : ndarray of shape (n_reference, n_dims), float32
        Made by the same backbone, layer and preprocessing.
    n_neighbors : int, default 10
    reference_graph : NeighborGraph, optional
        Of the reference, so that its own distances need no search.

    Returns
    -------
    scores : ndarray of shape (n_images,), float32
        Mean cosine distance to the nearest reference images, calibrated by what the reference images have among
        themselves: in [0, 1], 0.95 is 2.5 robust standard deviations above the reference's median.
    nearest : ndarray of shape (n_images, k), int32
        Rows of the reference, most similar first.

    Raises
    ------
    ParameterError
        Different numbers of dimensions, or fewer than 3 reference images.

    References
    ----------
    .. [1] Sun, Ming, Zhu and Li, "Out-of-Distribution Detection with Deep Nearest Neighbors", 2022,
       https://doi.org/10.48550/arXiv.2204.06507
    """
    if embeddings.shape[1:] != reference.shape[1:] or reference.shape[0] < 3:
        raise ParameterError(
            f"The reference needs at least 3 embeddings of {embeddings.shape[1]} numbers, got {reference.shape}."
        )
    known = unit_rows(reference)
    k = min(n_neighbors, known.shape[0] - 1)
    if reference_graph is not None and reference_graph.indices.shape[1] >= k:
        own = 1 - reference_graph.similarities[:, :k].mean(axis=1, dtype=np.float64)
    else:
        own, _ = _nearest(known, known, k, skip_self=True)
    distances, nearest = _nearest(unit_rows(embeddings), known, k, skip_self=False)
    return calibrate(distances, own), nearest


def _nearest(units: Float32, known: Float32, k: int, *, skip_self: bool) -> tuple[Float64, Int32]:
    n = units.shape[0]
    distances, nearest = np.empty(n), np.empty((n, k), dtype=np.int32)
    for rows in batches(n, max(1, _BLOCK_FLOATS // known.shape[0])):
        similar = units[rows] @ known.T
        at = np.arange(similar.shape[0])
        if skip_self:
            similar[at, at + rows.start] = -np.inf
        found = np.argpartition(-similar, k - 1, axis=1)[:, :k]
        values = np.take_along_axis(similar, found, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        nearest[rows] = np.take_along_axis(found, order, axis=1)
        distances[rows] = 1 - values.mean(axis=1)
    return distances, nearest


def _large_groups(codes: Int32) -> Int32:
    sizes = np.bincount(codes[codes >= 0], minlength=1)
    large = np.flatnonzero(sizes >= _MIN_CLASS)
    if large.size == 0:
        return np.zeros_like(codes)
    name = np.full(sizes.size + 1, -1, dtype=np.int32)
    name[large] = np.arange(large.size)
    groups: Int32 = name[codes]
    return groups


def _class_distance(units: Float32, groups: Int32) -> Float64:
    """Smallest Mahalanobis distance to a class mean under the covariance within the classes."""
    n, n_dims = units.shape
    means, _ = _centres(units, groups)
    covariance = np.zeros((n_dims, n_dims))
    rows = np.flatnonzero(groups >= 0)
    for part in batches(rows.size, max(1, _BLOCK_FLOATS // n_dims)):
        x = units[rows[part]] - means[groups[rows[part]]]
        covariance += x.T @ x
    covariance /= rows.size
    covariance = (1 - _SHRINKAGE) * covariance
    covariance += (_SHRINKAGE * np.trace(covariance) / (1 - _SHRINKAGE) / n_dims + 1e-12) * np.eye(n_dims)
    whiten = np.linalg.cholesky(np.linalg.inv(covariance))
    centres = means @ whiten
    distances = np.empty(n)
    for block in batches(n, max(1, _BLOCK_FLOATS // max(n_dims, centres.shape[0]))):
        distances[block] = _squared(units[block] @ whiten, centres).min(axis=1)
    return np.sqrt(distances)


def _cluster_distance(units: Float32, labels: Int32) -> Float64:
    """Distance to the nearest centre over the root mean square distance of that cluster's own images."""
    n, n_dims = units.shape
    if (labels < 0).all():
        labels = np.zeros_like(labels)
    centres, sizes = _centres(units, labels)
    spread = np.zeros(centres.shape[0])
    distances = np.empty(n)
    n_rows = max(1, _BLOCK_FLOATS // max(n_dims, centres.shape[0]))
    for rows in batches(n, n_rows):
        own = labels[rows]
        known = np.flatnonzero(own >= 0)
        found = _squared(units[rows], centres)
        spread += np.bincount(own[known], weights=found[known, own[known]], minlength=centres.shape[0])
    spread = np.sqrt(spread / np.maximum(sizes, 1))
    spread = np.maximum(spread, 0.1 * float(np.median(spread)) + _TINY)  # a cluster of copies makes nobody odd
    for rows in batches(n, n_rows):
        distances[rows] = (np.sqrt(_squared(units[rows], centres)) / spread).min(axis=1)
    return distances


def _centres(units: Float32, groups: Int32) -> tuple[Float64, Float64]:
    n_groups = int(groups.max(initial=0)) + 1
    sums = np.zeros((n_groups, units.shape[1]))
    rows = np.flatnonzero(groups >= 0)
    for part in batches(rows.size, max(1, _BLOCK_FLOATS // units.shape[1])):
        np.add.at(sums, groups[rows[part]], units[rows[part]])
    sizes = np.bincount(groups[rows], minlength=n_groups).astype(np.float64)
    return sums / np.maximum(sizes, 1)[:, None], sizes


def _squared(x: np.ndarray[Any, Any], centres: Float64) -> Float64:
    found: Float64 = (x.astype(np.float64) ** 2).sum(axis=1)[:, None] - 2 * x @ centres.T + (centres**2).sum(axis=1)
    return np.maximum(found, 0)
