"""Suspected label errors by confident learning on two out-of-sample classifiers, without an n x n_classes array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dataeval_ui.analysis.neighbors import unit_rows
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph, batches
from dataeval_ui.types.labels import LabelErrors

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32

    Float64 = np.ndarray[Any, np.dtype[np.float64]]

MIN_CLASS = 3
"""Images of smaller classes are not judged: with one left out, nothing tells what the class looks like."""

_BLOCK_FLOATS = 4_000_000
_KNN_SHARPNESS = 10.0
_TEMPERATURES = (2.0, 4.0, 8.0, 16.0, 32.0)


def find_label_errors(
    embeddings: Float32, graph: NeighborGraph, codes: Int32, n_classes: int, *, ridge: float = 1e-2
) -> LabelErrors:
    """Find images whose label is probably wrong.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32
    graph : NeighborGraph
    codes : ndarray of shape (n_images,), int32
        Class of each image, in [0, n_classes); -1 for none.
    n_classes : int
    ridge : float, default 1e-2
        Penalty of the linear classifier, over the mean variance of the embeddings.

    Returns
    -------
    LabelErrors

    Raises
    ------
    ParameterError
        Codes that do not fit the graph, or fewer than two classes of at least three images.

    Notes
    -----
    Two probabilities are averaged. One comes from a ridge classifier on the embeddings scaled to length 1, left out
    exactly by its hat matrix: `(ŷ - h y) / (1 - h)` [2]_, turned into probabilities by a softmax whose temperature
    maximises the likelihood of the given labels. The other is the vote of the labelled neighbours, weighted by
    `exp(10 cosine)`, with one image spread evenly over the classes. Confident learning [1]_ takes the mean probability
    of each class over its own images as its threshold; an image is suspected if another class reaches its threshold,
    is likelier than the given one, and is the likeliest that does. The score is `(1 + p_other - p_given) / 2` with the
    likeliest other class. Unlike cleanlab no estimate of the noise rate prunes the list, and classes of one or two
    images are left out instead of failing.

    O(n d² + n d n_classes) time; blocks of rows bound the memory.

    References
    ----------
    .. [1] Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021,
       https://doi.org/10.1613/jair.1.12125
    .. [2] Golub, Heath and Wahba, "Generalized Cross-Validation as a Method for Choosing a Good Ridge Parameter",
       1979, https://doi.org/10.1080/00401706.1979.10489751
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
    linear = _Ridge(embeddings, judged, kept.size, ridge)
    temperature = linear.best_temperature()
    n_rows = max(1, _BLOCK_FLOATS // kept.size)

    def probabilities(rows: slice) -> Float64:
        return (linear.probabilities(rows, temperature) + _vote(graph, judged, kept.size, rows)) / 2

    own = np.full(n, np.nan)
    for rows in batches(n, n_rows):
        p, y = probabilities(rows), judged[rows]
        own[rows] = np.where(y >= 0, p[np.arange(y.size), np.maximum(y, 0)], np.nan)
    has_label = judged >= 0
    thresholds = np.bincount(judged[has_label], weights=own[has_label], minlength=kept.size) / sizes[kept]
    scores, confidence = np.full(n, np.nan, np.float32), np.zeros(n, np.float32)
    suggested, suspected = np.empty(n, np.int32), np.zeros(n, np.bool_)
    for rows in batches(n, n_rows):
        p, y = probabilities(rows), judged[rows]
        at = np.arange(y.size)
        likeliest = p.argmax(axis=1)
        suggested[rows], confidence[rows] = kept[likeliest], p[at, likeliest]
        given = p[at, np.maximum(y, 0)].copy()
        confident = np.where(p >= thresholds, p, -1).argmax(axis=1)
        reaches = p[at, confident] >= thresholds[confident]
        suspected[rows] = (y >= 0) & reaches & (confident != y) & (p[at, confident] > given)
        p[at[y >= 0], y[y >= 0]] = -1
        scores[rows] = np.where(y >= 0, (1 + p.max(axis=1) - given) / 2, np.nan)
    return LabelErrors(
        scores=scores,
        suspected=suspected,
        suggested=suggested,
        confidence=confidence,
        given_probability=own.astype(np.float32),
    )


class _Ridge:
    """One-against-all ridge regression whose answers leave each labelled image out of its own fit."""

    def __init__(self, embeddings: Float32, codes: Int32, n_classes: int, ridge: float) -> None:
        self.units, self.codes = unit_rows(embeddings), codes
        n_dims = self.units.shape[1]
        rows = np.flatnonzero(codes >= 0)
        self.mean = np.zeros(n_dims)
        gram, cross = np.zeros((n_dims, n_dims)), np.zeros((n_classes, n_dims))
        for part in batches(rows.size, max(1, _BLOCK_FLOATS // n_dims)):
            self.mean += self.units[rows[part]].sum(axis=0, dtype=np.float64)
        self.mean /= rows.size
        shares = np.bincount(codes[rows], minlength=n_classes) / rows.size
        for part in batches(rows.size, max(1, _BLOCK_FLOATS // n_dims)):
            x = self.units[rows[part]] - self.mean
            gram += x.T @ x
            np.add.at(cross, codes[rows[part]], x)  # the mean of x is 0: centring the targets changes nothing
        penalty = ridge * float(np.trace(gram)) / n_dims + 1e-9
        self.inverse = np.linalg.inv(gram + penalty * np.eye(n_dims))
        self.weights, self.shares, self.n = (cross @ self.inverse).T, shares, rows.size

    def left_out(self, rows: slice) -> Float64:
        """Answers in about [0, 1], of shape (n_rows, n_classes)."""
        x = self.units[rows] - self.mean
        answers: Float64 = x @ self.weights + self.shares
        y = self.codes[rows]
        known = np.flatnonzero(y >= 0)
        leverage = np.minimum(np.einsum("ij,ij->i", x[known] @ self.inverse, x[known]) + 1 / self.n, 0.999)
        own = answers[known]
        own[np.arange(known.size), y[known]] -= leverage
        answers[known] = own / (1 - leverage)[:, None]
        return answers

    def probabilities(self, rows: slice, temperature: float) -> Float64:
        logits = self.left_out(rows) * temperature
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits

    def best_temperature(self) -> float:
        """Of a few temperatures the one under which the given labels are likeliest, on the first rows of a block."""
        losses = []
        rows = slice(0, min(self.codes.size, max(1, _BLOCK_FLOATS // self.shares.size)))
        y = self.codes[rows]
        known = np.flatnonzero(y >= 0)
        for temperature in _TEMPERATURES:
            p = self.probabilities(rows, temperature)[known, y[known]]
            losses.append(-float(np.log(np.maximum(p, 1e-12)).sum()))
        return _TEMPERATURES[int(np.argmin(losses))]


def _vote(graph: NeighborGraph, codes: Int32, n_classes: int, rows: slice) -> Float64:
    around = codes[graph.indices[rows]]
    weights = np.exp(_KNN_SHARPNESS * (graph.similarities[rows].astype(np.float64) - 1))
    weights /= np.maximum(weights.max(axis=1, keepdims=True, initial=0), 1e-12)
    votes = np.full((around.shape[0], n_classes), 1 / n_classes)
    at, place = np.nonzero(around >= 0)
    np.add.at(votes, (at, around[at, place]), weights[at, place])
    votes /= votes.sum(axis=1, keepdims=True)
    return votes
