"""How far apart two sets are, on scales that other tools and papers use, each with a permutation p-value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.drift.graphs import hp_divergences, spanning_tree
from dataeval_ui.analysis.neighbors import unit_rows

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32

MAX_IMAGES = 2000
"""Of both sets together; of more, so many are drawn without a look at which set they are of."""

N_PERMUTATIONS = 199
N_BALL_PERMUTATIONS = 99
"""Of precision and recall, which cost as much again for every permutation."""

MAX_COMPONENTS = 32
N_BALL_NEIGHBORS = 3


def distances(pooled: Float32, members: Float32, *, random_state: int = 0) -> dict[str, np.ndarray]:
    """Compute every distance for the sets as given and for up to 199 of their permutations.

    Parameters
    ----------
    pooled : ndarray of shape (n, n_dims), float32
    members : ndarray of shape (n, n_arrangements), float32

    Returns
    -------
    dict
        `frechet`, `kid`, `precision`, `recall`, `hp_tree` and `hp_nearest`, each of shape (n_arrangements,): at most
        200, and 100 of precision and recall.
    """
    members = members[:, : 1 + N_PERMUTATIONS]
    if len(pooled) > MAX_IMAGES:
        rows = np.sort(np.random.default_rng(random_state).choice(len(pooled), MAX_IMAGES, replace=False))
        if min(members[rows].sum(axis=0).min(), (1 - members[rows]).sum(axis=0).min()) > N_BALL_NEIGHBORS:
            pooled, members = pooled[rows], members[rows]
    squared = squared_distances(pooled)
    precision, recall = precision_recall(squared, members[:, : 1 + N_BALL_PERMUTATIONS])
    units = unit_rows(pooled)
    near = units @ units.T
    near[np.diag_indices_from(near)] = -np.inf
    nearest = np.stack([np.arange(len(near)), near.argmax(axis=1)], axis=1)
    return {
        "frechet": frechet(leading_components(pooled), members),
        "kid": kid(pooled, members),
        "precision": precision,
        "recall": recall,
        "hp_tree": hp_divergences(spanning_tree(units), members, n_needed=1),
        "hp_nearest": hp_divergences(nearest, members),
    }


def squared_distances(pooled: Float32) -> Float32:
    """Squared Euclidean distances, infinite on the diagonal."""
    centred = pooled - pooled.mean(axis=0)
    squares = np.square(centred).sum(axis=1)
    squared: Float32 = np.maximum(squares[:, None] + squares - 2 * (centred @ centred.T), 0)
    squared[np.diag_indices_from(squared)] = np.inf
    return squared


def leading_components(pooled: Float32) -> np.ndarray:
    """Scores on the 32 leading principal components of both sets together, of shape (n, at most 32), float64."""
    centred = pooled.astype(np.float64) - pooled.mean(axis=0, dtype=np.float64)
    n_kept = min(MAX_COMPONENTS, *centred.shape)
    if centred.shape[0] <= centred.shape[1]:
        values, vectors = np.linalg.eigh(centred @ centred.T)
        scores: np.ndarray = vectors[:, ::-1][:, :n_kept] * np.sqrt(np.maximum(values[::-1][:n_kept], 0))
        return scores
    _, vectors = np.linalg.eigh(centred.T @ centred)
    projected: np.ndarray = centred @ vectors[:, ::-1][:, :n_kept]
    return projected


def frechet(scores: np.ndarray, members: Float32) -> np.ndarray:
    """Fréchet distance of the normal distributions with the sets' means and covariances, for every arrangement.

    Parameters
    ----------
    scores : ndarray of shape (n, n_components), float64
    members : ndarray of shape (n, n_arrangements), float32

    Notes
    -----
    |m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)), FID where the scores are Inception's: Heusel and others, 2017,
    https://doi.org/10.48550/arXiv.1706.08500
    """
    found = np.empty(members.shape[1])
    for column in range(members.shape[1]):
        of_test = members[:, column] > 0
        sides = scores[~of_test], scores[of_test]
        gap = sides[0].mean(axis=0) - sides[1].mean(axis=0)
        covariances = [np.atleast_2d(np.cov(side, rowvar=False)) for side in sides]
        values, vectors = np.linalg.eigh(covariances[0])
        root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
        between = np.linalg.eigvalsh(root @ covariances[1] @ root)
        trace = np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.sqrt(np.maximum(between, 0)).sum()
        found[column] = gap @ gap + trace
    return found


def kid(pooled: Float32, members: Float32) -> np.ndarray:
    """Kernel Inception distance of every arrangement: unbiased squared MMD of the kernel (x y / n_dims + 1)^3.

    References
    ----------
    .. Bińkowski and others, 2018, https://doi.org/10.48550/arXiv.1801.01401
    """
    kernel = (pooled @ pooled.T / np.float32(pooled.shape[1]) + 1) ** 3
    kernel[np.diag_indices_from(kernel)] = 0
    m = members.sum(axis=0, dtype=np.float64)
    n = len(members) - m
    rows = kernel.sum(axis=1, dtype=np.float64)
    within = np.einsum("ij,ij->j", kernel @ members, members, dtype=np.float64)
    of_test = members.T.astype(np.float64) @ rows
    of_reference = rows.sum() - 2 * of_test + within
    found: np.ndarray = of_reference / (n * (n - 1)) + within / (m * (m - 1)) - 2 * (of_test - within) / (n * m)
    return found


def precision_recall(squared: Float32, members: Float32) -> tuple[np.ndarray, np.ndarray]:
    """Share of the test images within the reference's balls, and of the reference within the test set's.

    Parameters
    ----------
    squared : ndarray of shape (n, n), float32
        Squared distances, infinite on the diagonal.
    members : ndarray of shape (n, n_arrangements), float32
        At least 4 images of each set.

    Returns
    -------
    precision, recall : ndarray of shape (n_arrangements,), in [0, 1]

    Notes
    -----
    An image's ball reaches to the third nearest of its own set: Kynkäänniemi and others, 2019,
    https://doi.org/10.48550/arXiv.1904.06991
    """
    found = np.empty((2, members.shape[1]))
    for column in range(members.shape[1]):
        sets = np.flatnonzero(members[:, column] == 0), np.flatnonzero(members[:, column] > 0)
        for kind, (balls, points) in enumerate((sets, sets[::-1])):
            own = squared[np.ix_(balls, balls)]
            k = min(N_BALL_NEIGHBORS, len(balls) - 1) - 1
            radius = np.partition(own, k, axis=1)[:, k]
            found[kind, column] = (squared[np.ix_(balls, points)] <= radius[:, None]).any(axis=0).mean()
    return found[0], found[1]
