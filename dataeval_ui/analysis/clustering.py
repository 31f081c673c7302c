"""Clusters of the map or of the embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.neighbors import unit_rows
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import AnalysisParams, Clustering

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32


def default_min_cluster_size(n_images: int) -> int:
    """Return the smallest cluster worth a name in a set of this size, in images."""
    return max(10, n_images // 200) if n_images <= 10_000 else max(50, n_images // 1_000)


def cluster(projection_xy: Float32, embeddings: Float32, *, params: AnalysisParams) -> Clustering:
    """Group the images.

    Parameters
    ----------
    projection_xy : ndarray of shape (n_images, 2), float32
        The map; HDBSCAN works on it.
    embeddings : ndarray of shape (n_images, n_dims), float32
        k-means works on them, scaled to length 1.
    params : AnalysisParams
        `cluster_method`, and `min_cluster_size` and `min_samples` for HDBSCAN or `n_clusters` and `random_state` for
        k-means.

    Returns
    -------
    Clustering
        Larger clusters first (ties: the one with the lower first row). HDBSCAN: noise is -1 and stays noise;
        `probabilities` are its strengths of membership. k-means: no noise; the strength is `1 - d1 / d2`, of the
        distances to the nearest and the second nearest centre.

    Raises
    ------
    ParameterError
        `min_cluster_size` below 2, `min_samples` below 1, more clusters than images, or an unknown method.

    Notes
    -----
    HDBSCAN [1]_ of the library `hdbscan`, on the exact minimum spanning tree. On the map, since what is seen is then
    what is labelled; on 50 principal components it is ten times slower and finds little. With fewer images than
    `min_cluster_size` all are noise.

    References
    ----------
    .. [1] Campello, Moulavi and Sander, "Density-Based Clustering Based on Hierarchical Density Estimates", 2013,
       https://doi.org/10.1007/978-3-642-37456-2_14
    """
    match params.cluster_method:
        case "hdbscan":
            return _hdbscan(projection_xy, params)
        case "kmeans":
            return _kmeans(embeddings, params)
        case other:
            raise ParameterError(f"cluster_method must be 'hdbscan' or 'kmeans', got {other!r}.")


def _hdbscan(xy: Float32, params: AnalysisParams) -> Clustering:
    n = xy.shape[0]
    size = default_min_cluster_size(n) if params.min_cluster_size is None else params.min_cluster_size
    if size < 2:
        raise ParameterError(f"min_cluster_size must be at least 2, got {size}.")
    if params.min_samples < 1:
        raise ParameterError(f"min_samples must be at least 1, got {params.min_samples}.")
    if n < size or n <= params.min_samples:
        return Clustering(cluster_labels=np.full(n, -1, np.int32), probabilities=np.zeros(n, np.float32))
    from hdbscan import HDBSCAN

    # The exact spanning tree costs a hundredth more than the approximate one, and finds more in noise.
    found = HDBSCAN(
        min_cluster_size=size, min_samples=params.min_samples, approx_min_span_tree=False, core_dist_n_jobs=1
    )
    found.fit(xy.astype(np.float64))
    labels = _larger_first(found.labels_.astype(np.int32))
    # Equal places have infinite density, and their ratio is no number: they are as sure as can be.
    strengths = np.where(labels < 0, 0.0, np.nan_to_num(found.probabilities_, nan=1.0))
    return Clustering(cluster_labels=labels, probabilities=np.clip(strengths, 0, 1).astype(np.float32))


def _kmeans(embeddings: Float32, params: AnalysisParams) -> Clustering:
    n, k = embeddings.shape[0], params.n_clusters
    if n == 0:
        return Clustering(cluster_labels=np.empty(0, np.int32), probabilities=np.empty(0, np.float32))
    if not 1 <= k <= n:
        raise ParameterError(f"n_clusters must be in [1, {n}] for {n} images, got {k}.")
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    units = unit_rows(embeddings)
    with warnings.catch_warnings():
        # Fewer distinct images than clusters: the result has fewer clusters, and shows it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(n_clusters=k, n_init=1, random_state=params.random_state).fit(units)
    distances = np.sort(found.transform(units), axis=1)
    strengths = np.ones(n) if k == 1 else 1 - distances[:, 0] / np.maximum(distances[:, 1], 1e-12)
    return Clustering(
        cluster_labels=_larger_first(found.labels_.astype(np.int32)),
        probabilities=np.clip(strengths, 0, 1).astype(np.float32),
    )


def _larger_first(labels: Int32) -> Int32:
    """Number clusters by falling size, ties by their first row; -1 stays."""
    names, first, sizes = np.unique(labels[labels >= 0], return_index=True, return_counts=True)
    renamed = np.full(int(labels.max(initial=-1)) + 2, -1, dtype=np.int32)  # the last entry answers for -1
    renamed[names[np.lexsort((first, -sizes))]] = np.arange(names.size)
    return renamed[labels]
