"""Places of test images on the reference's map, and how dense either set is around every image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.neighbors import unit_rows
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Bool, Float32

N_NEIGHBORS = 15
TEMPERATURE = 0.05
LOW_CONFIDENCE = 0.5
_SPARE = 5
"""Candidates beyond those that are used, so that float32 noise at the boundary changes nothing."""

_BLOCK_FLOATS = 2**24
N_DENSITY_NEIGHBORS = 3
_MAX_DENSITY_NEIGHBORS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where test images lie on the reference's map.

    Attributes
    ----------
    xy : ndarray of shape (n_test, 2), float64
    confidence : ndarray of shape (n_test,), float64
        In [0, 1]: 1 less the spread of the neighbours' places over that of the whole map.
    is_unsure : ndarray of shape (n_test,), bool
        The neighbours lie far apart on the map, or the image is less like its nearest than 99 % of the reference's
        images are like theirs.
    """

    xy: np.ndarray
    confidence: np.ndarray
    is_unsure: Bool


def place_by_reference(reference: Float32, xy: Float32, test: Float32, *, n_neighbors: int = N_NEIGHBORS) -> Placement:
    """Place every test image by its own nearest images of the reference.

    Parameters
    ----------
    reference : ndarray of shape (n_reference, n_dims), float32
    xy : ndarray of shape (n_reference, 2), float32
        The reference's map, which stays as it is.
    test : ndarray of shape (n_test, n_dims), float32

    Raises
    ------
    ParameterError
        No reference image, or a map of another number of images.

    Notes
    -----
    The place is the mean of the nearest images' places, weighted by a softmax of cosine / 0.05. Candidates come from
    products of matrices, whose rounding depends on how many images come together; their similarities are then computed
    anew, each image by itself in float64, so an image alone and among 10,000 gets the same place.
    """
    if len(reference) == 0 or xy.shape != (len(reference), 2):
        raise ParameterError(f"The map must have the shape ({len(reference)}, 2) of at least one reference image.")
    of_reference, of_test = unit_rows(reference), unit_rows(test)
    k = min(n_neighbors, len(reference))
    rows, similarities = _nearest(of_test, of_reference, k)
    weights = np.exp((similarities - similarities[:, :1]) / TEMPERATURE)
    weights /= weights.sum(axis=1, keepdims=True)
    around = xy.astype(np.float64)[rows]
    places = (weights[:, :, None] * around).sum(axis=1)
    spread = np.sqrt((weights * np.square(around - places[:, None]).sum(axis=2)).sum(axis=1))
    radius = float(np.sqrt(np.square(xy - xy.mean(axis=0)).sum(axis=1).mean()))
    confidence = np.clip(1 - spread / radius, 0, 1) if radius > 0 else np.ones(len(test))
    usual = _usual_similarity(of_reference)
    return Placement(
        xy=places, confidence=confidence, is_unsure=(confidence < LOW_CONFIDENCE) | (similarities[:, 0] < usual)
    )


def density_ratios(reference: Float32, test: Float32) -> tuple[np.ndarray, np.ndarray]:
    """Compare how near either set is to every image.

    Parameters
    ----------
    reference, test : ndarray of shape (n_images, n_dims), float32

    Returns
    -------
    of_reference, of_test : ndarray of shape (n_images,), float64
        Log of the cosine distance to the reference over that to the test set; positive where the test set is denser.
        Distances are to the third nearest of the smaller set and, so that equal sets get about 0, to a nearest of as
        high a rank in proportion of the larger one, at most the 60th. The image itself is not counted.
    """
    units = unit_rows(reference), unit_rows(test)
    smaller = min(len(side) for side in units)
    ranks = [
        min(max(1, round(N_DENSITY_NEIGHBORS * len(side) / smaller)), _MAX_DENSITY_NEIGHBORS, len(side) - 1)
        for side in units
    ]
    found = []
    for own in range(2):
        distances = []
        for other in range(2):
            skipped = 1 if own == other else 0
            kth = np.empty(len(units[own]))
            for block in batches(len(units[own]), max(1, _BLOCK_FLOATS // len(units[other]))):
                close = units[own][block] @ units[other].T
                at = len(units[other]) - ranks[other] - skipped
                kth[block] = np.partition(close, max(at, 0), axis=1)[:, max(at, 0)]
            distances.append(np.maximum(1 - kth, 1e-6))
        found.append(np.log(distances[0] / distances[1]))
    return found[0], found[1]


def _nearest(queries: Float32, units: Float32, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and float64 similarities of the k nearest, the nearest first and of equal ones the first row."""
    n = len(units)
    n_candidates = min(k + _SPARE, n)
    rows = np.empty((len(queries), k), dtype=np.int64)
    similarities = np.empty((len(queries), k))
    for block in batches(len(queries), max(1, _BLOCK_FLOATS // max(n, n_candidates * units.shape[1]))):
        close = queries[block] @ units.T
        candidates = np.sort(np.argpartition(-close, n_candidates - 1, axis=1)[:, :n_candidates], axis=1)
        exact = (queries[block].astype(np.float64)[:, None, :] * units[candidates]).sum(axis=2)
        order = np.argsort(-np.round(exact, 9), axis=1, kind="stable")[:, :k]
        rows[block] = np.take_along_axis(candidates, order, axis=1)
        similarities[block] = np.take_along_axis(exact, order, axis=1)
    return rows, similarities


def _usual_similarity(units: Float32, *, n_drawn: int = 2000) -> float:
    """Similarity to its nearest that 99 % of the reference's images reach; of at most 2,000 of them."""
    if len(units) < 2:
        return -1.0
    drawn = np.sort(np.random.default_rng(0).permutation(len(units))[:n_drawn])
    best = np.empty(len(drawn))
    for block in batches(len(drawn), max(1, _BLOCK_FLOATS // len(units))):
        close = units[drawn[block]] @ units.T
        close[np.arange(len(close)), drawn[block]] = -np.inf
        best[block] = close.max(axis=1)
    return float(np.quantile(best, 0.01))
