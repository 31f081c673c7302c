"""How much the clusters depend on the smallest size that a cluster may have."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.clustering import cluster, default_min_cluster_size
from dataeval_ui.errors import ParameterError
from dataeval_ui.types.stability import ClusterSweep, SweepSummary

if TYPE_CHECKING:
    from dataeval_ui.types import AnalysisParams
    from dataeval_ui.types.base import Float32, Int32

N_STEPS = 4
"""Sizes that are tried to each side of the run's own; each is larger by the square root of two."""


def swept_sizes(n_images: int, params: AnalysisParams) -> tuple[int, ...]:
    """Return the values of `min_cluster_size` to try: from a quarter to four times the run's own, four to each side.

    Returns
    -------
    tuple of int
        Rising, without doubles, at least 2 and, but for the own one, at most half of the images.
    """
    own = default_min_cluster_size(n_images) if params.min_cluster_size is None else params.min_cluster_size
    tried = (round(own * 2 ** (step / 2)) for step in range(-N_STEPS, N_STEPS + 1))
    return tuple(sorted({own, *(size for size in tried if 2 <= size <= n_images // 2)}))


def sweep_clusters(xy: Float32, own_labels: Int32, *, params: AnalysisParams) -> ClusterSweep:
    """Cluster the map by HDBSCAN at every size of `swept_sizes`, all else as in the run.

    Parameters
    ----------
    xy : ndarray of shape (n_images, 2), float32
    own_labels : ndarray of shape (n_images,), int32
        The run's clusters, which stand for the run's own size.
    params : AnalysisParams

    Raises
    ------
    ParameterError
        The clusters are those of k-means, which has no smallest size.
    """
    if params.cluster_method != "hdbscan":
        raise ParameterError("The clusters of this run are those of k-means, which has no min_cluster_size to vary.")
    own = default_min_cluster_size(xy.shape[0]) if params.min_cluster_size is None else params.min_cluster_size
    labels = [
        own_labels if size == own else cluster(xy, xy, params=replace(params, min_cluster_size=size)).cluster_labels
        for size in swept_sizes(xy.shape[0], params)
    ]
    return ClusterSweep(labels=np.stack(labels, axis=1).astype(np.int32))


def summarise_sweep(sweep: ClusterSweep, params: AnalysisParams) -> SweepSummary:
    """Count clusters and noise at each size, and compare each size with the next.

    References
    ----------
    .. [1] Hubert and Arabie, "Comparing partitions", 1985, https://doi.org/10.1007/BF01908075
    """
    from sklearn.metrics import adjusted_rand_score

    n, n_sizes = sweep.labels.shape
    sizes = swept_sizes(n, params)
    own = default_min_cluster_size(n) if params.min_cluster_size is None else params.min_cluster_size
    columns = [sweep.labels[:, at] for at in range(n_sizes)]
    ari = [float(adjusted_rand_score(a, b)) for a, b in itertools.pairwise(columns)]
    return SweepSummary(
        sizes=sizes,
        own=sizes.index(own),
        n_clusters=np.array([labels.max(initial=-1) + 1 for labels in columns], dtype=np.int32),
        noise_share=np.array([float((labels < 0).mean()) if n else 0.0 for labels in columns]),
        ari=np.array(ari),
    )
