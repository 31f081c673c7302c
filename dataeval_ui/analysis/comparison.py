"""How far two backbones agree: on neighbours, and each with the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph, batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Bool, Float32, Int32

Z_95 = 1.959964
"""97.5 % quantile of the normal distribution."""

_BLOCK_CELLS = 2**24


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of a sample with its interval.

    Attributes
    ----------
    n_hits, n : int
    value : float
        `n_hits / n`, NaN where n is 0.
    low, high : float
        95 % interval by Wilson's score, NaN where n is 0.
    """

    n_hits: int
    n: int
    value: float
    low: float
    high: float

    def overlaps(self, other: Share) -> bool:
        """Whether the two intervals have a point in common."""
        return self.low <= other.high and other.low <= self.high


def share_of(n_hits: int, n: int) -> Share:
    """Estimate a share from a sample.

    Notes
    -----
    Wilson's interval [1]_ keeps to [0, 1] and is right for shares near 0 or 1 and for small samples, where the one of
    the normal distribution is not.

    References
    ----------
    .. [1] Wilson, "Probable inference, the law of succession, and statistical inference", 1927,
       https://doi.org/10.1080/01621459.1927.10502953
    """
    if not 0 <= n_hits <= n:
        raise ParameterError(f"n_hits must be in [0, {n}], got {n_hits}.")
    if n == 0:
        return Share(n_hits=0, n=0, value=np.nan, low=np.nan, high=np.nan)
    p, z2 = n_hits / n, Z_95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * np.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Share(
        n_hits=n_hits,
        n=n,
        value=p,
        low=min(p, max(0.0, float(centre - half))),
        high=max(p, min(1.0, float(centre + half))),
    )


def neighbor_overlap(left: Int32, right: Int32) -> Float32:
    """Jaccard index of each image's neighbours in two graphs: those in both, of those in either.

    Parameters
    ----------
    left, right : ndarray of shape (n_images, k), int32
        `NeighborGraph.indices` over the same images; each row without repeats.

    Returns
    -------
    ndarray of shape (n_images,), float32
        In [0, 1]; 1 where there are no neighbours at all.

    Raises
    ------
    ParameterError
        Graphs of different images or of another number of neighbours.
    """
    if left.shape != right.shape:
        raise ParameterError(f"The two graphs must have the same shape, got {left.shape} and {right.shape}.")
    n, k = left.shape
    if k == 0:
        return np.ones(n, dtype=np.float32)
    shared = np.empty(n, dtype=np.int64)
    for rows in batches(n, max(1, _BLOCK_CELLS // (k * k))):
        shared[rows] = (left[rows, :, None] == right[rows, None, :]).sum(axis=(1, 2))
    overlap: Float32 = (shared / (2 * k - shared)).astype(np.float32)
    return overlap


def predicts_label(graph: NeighborGraph, labels: Sequence[str | None]) -> tuple[Bool, Bool]:
    """Whether each image's neighbours vote for its own label, itself left out.

    Parameters
    ----------
    graph : NeighborGraph
        The vote is of all its neighbours that have a label. Equal votes: the label with the larger sum of
        similarities wins, then the one that comes first among the neighbours.
    labels : sequence of str or None, of length n_images

    Returns
    -------
    is_right, is_asked : ndarray of shape (n_images,), bool
        An image without a label, or without any labelled neighbour, is not asked.

    Raises
    ------
    ParameterError
        As many labels as images are needed.
    """
    n = graph.n_images
    if len(labels) != n:
        raise ParameterError(f"There must be one label an image, {n} in all, got {len(labels)}.")
    codes = label_codes(labels)
    around = codes[graph.indices]
    counts = np.zeros(around.shape)
    closeness = np.zeros(around.shape)
    for column in range(around.shape[1]):
        same = around == around[:, column, None]
        counts[:, column] = same.sum(axis=1)
        closeness[:, column] = np.where(same, graph.similarities, 0).sum(axis=1)
    counts[around < 0] = -1
    is_asked = (codes >= 0) & (around >= 0).any(axis=1)
    is_right = np.zeros(n, dtype=np.bool_)
    if around.shape[1]:
        is_most = counts == counts.max(axis=1, keepdims=True)
        winner = np.where(is_most, closeness, -np.inf).argmax(axis=1)
        is_right = is_asked & (around[np.arange(n), winner] == codes)
    return is_right, is_asked


def label_codes(labels: Sequence[str | None]) -> Int32:
    """Number labels from 0 by first appearance; -1 for None."""
    names = {name: code for code, name in enumerate(dict.fromkeys(label for label in labels if label is not None))}
    return np.array([-1 if label is None else names[label] for label in labels], dtype=np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAgreement:
    """How far clusters and labels say the same, of images with a label.

    Attributes
    ----------
    ami : float
        Adjusted mutual information: 1 for the same partition, about 0 for an unrelated one.
    ari : float
        Adjusted Rand index, likewise.
    n : int
        Labelled images.
    n_noise : int
        Of these, images in no cluster; each counts as a cluster of its own.
    """

    ami: float
    ari: float
    n: int
    n_noise: int


def agree_clusters(cluster_labels: Int32, labels: Sequence[str | None]) -> ClusterAgreement | None:
    """Compare clusters with labels; None with fewer than two labels, where there is nothing to agree on.

    Notes
    -----
    Noise stays noise: as one cluster it would join images that the clustering did not join, and without it a clustering
    that calls nearly all images noise would look perfect.
    """
    codes = label_codes(labels)
    known = codes >= 0
    if len(np.unique(codes[known])) < 2:
        return None
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

    clusters = cluster_labels[known].astype(np.int64)
    is_noise = clusters < 0
    clusters[is_noise] = clusters.max(initial=-1) + 1 + np.arange(int(is_noise.sum()))
    return ClusterAgreement(
        ami=float(adjusted_mutual_info_score(codes[known], clusters)),
        ari=float(adjusted_rand_score(codes[known], clusters)),
        n=int(known.sum()),
        n_noise=int(is_noise.sum()),
    )
