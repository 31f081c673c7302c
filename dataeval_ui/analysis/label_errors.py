"""Suspected label errors by confident learning on out-of-sample classifiers, without an n x n_classes array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dataeval_ui.analysis.label_classifiers import Logistic, Ridge, softmax, vote
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph, batches
from dataeval_ui.types.labels import LabelErrors

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32

    Float64 = np.ndarray[Any, np.dtype[np.float64]]

MIN_CLASS = 3
"""Images of smaller classes are not judged: with one left out, nothing tells what the class looks like."""

MAX_LOGISTIC_CLASSES = 300
"""With more classes a ridge regression takes the place of the logistic, whose fit holds images x classes numbers."""

_BLOCK_FLOATS = 1_000_000
_VOTE_WEIGHT = 0.25


def find_label_errors(embeddings: Float32, graph: NeighborGraph, codes: Int32, n_classes: int) -> LabelErrors:
    """Find images whose label is probably wrong.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32
    graph : NeighborGraph
    codes : ndarray of shape (n_images,), int32
        Class of each image, in [0, n_classes); -1 for none.
    n_classes : int

    Returns
    -------
    LabelErrors

    Raises
    ------
    ParameterError
        Codes that do not fit the graph, or fewer than two classes of at least three images.

    Notes
    -----
    Two classifiers that never saw an image's own label are multiplied and normalised: a logistic regression (see
    `Logistic`; a `Ridge` beyond 300 classes) and, to the power of 1/4, the vote of the labelled neighbours. The score
    is `1 - p_given`: where labels are flipped at random it ranks by the odds of a flip, for
    `P(flip | x, y) = e / (e + (1 - e) (C - 1) p(y | x))` falls with `p(y | x)` alone.

    Confident learning [1]_ takes the mean probability of each class over its own images as its threshold; an image is
    suspected if another class is the likeliest and reaches its threshold, and neither classifier alone holds the given
    one for the likeliest. Unlike cleanlab no estimate of the noise rate prunes the list, and classes of one or two
    images are left out instead of failing.

    Blocks of rows bound the memory.

    References
    ----------
    .. [1] Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021,
       https://doi.org/10.1613/jair.1.12125
    """
    n = graph.n_images
    if codes.shape != (n,) or embeddings.shape[0] != n:
        raise ParameterError(f"There must be one label code and one embedding an image, {n}, got {codes.shape}.")
    sizes = np.bincount(codes[codes >= 0], minlength=n_classes)
    kept = np.flatnonzero(sizes >= MIN_CLASS)
    if kept.size < 2:
        raise ParameterError(
            f"Label errors need at least two classes of {MIN_CLASS} images or more, and there are {kept.size}. "
            "Choose another label column."
        )
    code_of = np.full(n_classes + 1, -1, dtype=np.int32)  # the last entry answers for -1
    code_of[kept] = np.arange(kept.size)
    judged = code_of[codes]
    linear = (Logistic if kept.size <= MAX_LOGISTIC_CLASSES else Ridge)(embeddings, judged, kept.size)
    n_rows = max(1, _BLOCK_FLOATS // max(kept.size, embeddings.shape[1]))

    def probabilities(rows: slice) -> tuple[Float64, Float64]:
        of_linear, of_neighbours, y = linear.probabilities(rows), vote(graph, judged, kept.size, rows), judged[rows]
        agree = (of_linear.argmax(axis=1) != y) & (of_neighbours.argmax(axis=1) != y)
        return softmax(np.log(np.maximum(of_linear, 1e-12)) + _VOTE_WEIGHT * np.log(of_neighbours)), agree

    own = np.full(n, np.nan)
    for rows in batches(n, n_rows):
        p, y = probabilities(rows)[0], judged[rows]
        own[rows] = np.where(y >= 0, p[np.arange(y.size), np.maximum(y, 0)], np.nan)
    has_label = judged >= 0
    thresholds = np.bincount(judged[has_label], weights=own[has_label], minlength=kept.size) / sizes[kept]
    confidence = np.zeros(n, np.float32)
    suggested, suspected = np.empty(n, np.int32), np.zeros(n, np.bool_)
    for rows in batches(n, n_rows):
        (p, agree), y = probabilities(rows), judged[rows]
        at = np.arange(y.size)
        likeliest = p.argmax(axis=1)
        suggested[rows], confidence[rows] = kept[likeliest], p[at, likeliest]
        reaches = p[at, likeliest] >= thresholds[likeliest]
        suspected[rows] = (y >= 0) & (likeliest != y) & reaches & agree
    return LabelErrors(
        scores=(1 - own).astype(np.float32),
        suspected=suspected,
        suggested=suggested,
        confidence=confidence,
        given_probability=own.astype(np.float32),
    )
