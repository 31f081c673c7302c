"""Classifiers that never saw an image's own label: logistic and ridge regression, and the vote of the neighbours."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from dataeval_ui.analysis.neighbors import unit_rows
from dataeval_ui.types import NeighborGraph, batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32, Int64

    Float64 = np.ndarray[Any, np.dtype[np.float64]]

N_FOLDS = 5
N_AXES = 128
MAX_TRAINED = 10_000
INVERSE_PENALTY = 0.1

_BLOCK_FLOATS = 1_000_000
_FEATURE_SCALE = 5.0
_KNN_SHARPNESS = 10.0
_TEMPERATURES = (2.0, 4.0, 8.0, 16.0, 32.0)


def softmax(logits: Float64) -> Float64:
    """Turn rows of logits into probabilities, in place."""
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=1, keepdims=True)
    return logits


class Logistic:
    """Multinomial logistic regression; each image's answer comes from a fit without its fold.

    Parameters
    ----------
    embeddings : ndarray of shape (n_images, n_dims), float32
    codes : ndarray of shape (n_images,), int32
        Class of each image, in [0, n_classes); -1 for none.
    n_classes : int

    Notes
    -----
    On the first 128 principal axes of the embeddings scaled to length 1, times 5, with the inverse penalty 0.1 on the
    sum of the losses. At most 10,000 images teach a fold. Images are dealt to the five folds in turn, in the order of
    class and content, so that a class of three has two in every fit and the order of the rows changes nothing.
    """

    def __init__(self, embeddings: Float32, codes: Int32, n_classes: int) -> None:
        from sklearn.linear_model import LogisticRegression

        order = _content_order(embeddings, codes)
        self.fold = np.zeros(codes.size, dtype=np.int64)
        labelled = order[codes[order] >= 0]
        self.fold[labelled] = np.arange(labelled.size) % N_FOLDS
        self.units = unit_rows(embeddings)
        self.mean, self.axes = _principal_axes(self.units, labelled)
        n_axes = self.axes.shape[1]
        self.weights = np.zeros((N_FOLDS, n_axes, n_classes))
        self.biases = np.full((N_FOLDS, n_classes), -20.0)  # of a class that a fold never saw
        for fold in range(N_FOLDS):
            taught = labelled[self.fold[labelled] != fold]
            taught = taught[:: -(-taught.size // MAX_TRAINED)]  # in the order of classes: each keeps its share
            model = LogisticRegression(C=INVERSE_PENALTY, max_iter=100, tol=1e-3)
            model.fit(self._features(taught), codes[taught])
            coefficients, intercepts = model.coef_, model.intercept_
            if model.classes_.size == 2:  # one row stands for both
                coefficients, intercepts = (
                    np.vstack([-coefficients, coefficients]) / 2,
                    np.r_[-intercepts, intercepts] / 2,
                )
            self.weights[fold][:, model.classes_] = coefficients.T
            self.biases[fold][model.classes_] = intercepts

    def _features(self, rows: Int64 | slice) -> Float64:
        features: Float64 = (self.units[rows] - self.mean) @ self.axes * _FEATURE_SCALE
        return features

    def probabilities(self, rows: slice) -> Float64:
        """Probabilities of shape (n_rows, n_classes); rows without a label are answered by the first fit."""
        features, fold = self._features(rows), self.fold[rows]
        logits = np.empty((fold.size, self.biases.shape[1]))
        for f in range(N_FOLDS):
            of_fold = fold == f
            logits[of_fold] = features[of_fold] @ self.weights[f] + self.biases[f]
        return softmax(logits)


def _content_order(embeddings: Float32, codes: Int32) -> Int64:
    keys = np.frombuffer(
        b"".join(hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in embeddings), dtype=">u8"
    )
    order: Int64 = np.lexsort((keys, codes)).astype(np.int64)
    return order


def _principal_axes(units: Float32, rows: Int64) -> tuple[Float64, Float64]:
    """Mean of some rows, of shape (n_dims,), and their first principal axes, of shape (n_dims, n_axes)."""
    n_dims = units.shape[1]
    mean, gram = np.zeros(n_dims), np.zeros((n_dims, n_dims))
    for part in batches(rows.size, max(1, _BLOCK_FLOATS // n_dims)):
        block = units[rows[part]].astype(np.float64)
        mean += block.sum(axis=0)
        gram += block.T @ block
    mean /= rows.size
    if n_dims <= N_AXES:
        return mean, np.eye(n_dims)
    from scipy.linalg import eigh

    _, axes = eigh(gram - rows.size * np.outer(mean, mean), subset_by_index=[n_dims - N_AXES, n_dims - 1])
    # A sign that no solver chooses: the largest entry of each axis is positive.
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(N_AXES)])
    return mean, axes * signs


class Ridge:
    """One-against-all ridge regression whose answers leave each labelled image out of its own fit."""

    def __init__(self, embeddings: Float32, codes: Int32, n_classes: int, ridge: float = 1e-2) -> None:
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
        self.temperature = self.best_temperature()

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

    def probabilities(self, rows: slice, temperature: float | None = None) -> Float64:
        """Probabilities of shape (n_rows, n_classes)."""
        return softmax(self.left_out(rows) * (self.temperature if temperature is None else temperature))

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


def vote(graph: NeighborGraph, codes: Int32, n_classes: int, rows: slice) -> Float64:
    """Vote of the labelled neighbours, weighted by `exp(10 cosine)`, with one image spread evenly over the classes."""
    around = codes[graph.indices[rows]]
    weights = np.exp(_KNN_SHARPNESS * (graph.similarities[rows].astype(np.float64) - 1))
    weights /= np.maximum(weights.max(axis=1, keepdims=True, initial=0), 1e-12)
    votes = np.full((around.shape[0], n_classes), 1 / n_classes)
    at, place = np.nonzero(around >= 0)
    np.add.at(votes, (at, around[at, place]), weights[at, place])
    votes /= votes.sum(axis=1, keepdims=True)
    return votes
