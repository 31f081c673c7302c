"""Distances between two sets: hand-checked cases, scipy's matrix root, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from dataeval_ui.analysis.drift.distances import (
    distances,
    frechet,
    kid,
    leading_components,
    precision_recall,
    squared_distances,
)
from dataeval_ui.analysis.drift.samples import memberships, permutation_p


def normal(n: int, *, shift: float = 0.0, seed: int = 0, n_dims: int = 5) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(n, n_dims)) + shift).astype(np.float32)


def test_frechet_of_one_dimension_is_the_gap_of_means_and_of_spreads() -> None:
    # Means 1 and 5; standard deviations 1 and 2 (unbiased): (5 - 1)^2 + (2 - 1)^2.
    scores = np.array([[0.0], [1], [2], [3], [5], [7]])
    members = memberships(3, 3, n_permutations=0, random_state=0)
    assert frechet(scores, members) == pytest.approx([17.0])


def test_frechet_equals_the_formula_with_scipys_root() -> None:
    x, y = normal(80, seed=1).astype(float), normal(50, shift=0.3, seed=2) @ np.diag([1, 2, 1, 1, 0.5])
    members = memberships(80, 50, n_permutations=0, random_state=0)
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    gap = x.mean(axis=0) - y.mean(axis=0)
    expected = gap @ gap + np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert frechet(np.concatenate([x, y]), members)[0] == pytest.approx(expected, rel=1e-6)


def test_few_dimensions_lose_nothing_as_components() -> None:
    pooled = np.concatenate([normal(40, seed=1), normal(30, shift=1, seed=2)])
    members = memberships(40, 30, n_permutations=2, random_state=0)
    assert frechet(leading_components(pooled), members) == pytest.approx(frechet(pooled.astype(float), members))
    wide = normal(20, n_dims=50)
    centred = wide - wide.mean(axis=0)
    np.testing.assert_allclose(leading_components(wide) @ leading_components(wide).T, centred @ centred.T, atol=1e-3)


def test_kid_equals_its_definition() -> None:
    x, y = normal(12, seed=1), normal(9, shift=0.5, seed=2)
    members = memberships(12, 9, n_permutations=0, random_state=0)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a.astype(float) @ b.T / 5 + 1) ** 3

    own = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (kernel(x, x), kernel(y, y))]
    expected = own[0] + own[1] - 2 * kernel(x, y).mean()
    assert kid(np.concatenate([x, y]), members)[0] == pytest.approx(expected, rel=1e-4)


def test_precision_and_recall_of_points_on_a_line() -> None:
    # Balls of the reference 0, 1, 2, 3 reach 3, 2, 2 and 3; those of the test set 2.5, 20, 30, 40 at least 27.5.
    pooled = np.array([[0.0], [1], [2], [3], [2.5], [20], [30], [40]], np.float32)
    precision, recall = precision_recall(squared_distances(pooled), memberships(4, 4, n_permutations=0, random_state=0))
    assert (precision[0], recall[0]) == (0.25, 1.0)


def test_sets_apart_are_far_by_every_distance_and_halves_of_one_set_by_none() -> None:
    members = memberships(60, 60, n_permutations=99, random_state=0)
    for shift, is_far in ((6.0, True), (0.0, False)):
        found = distances(np.concatenate([normal(60, seed=1), normal(60, shift=shift, seed=2)]), members)
        for name, values in found.items():
            towards = -values if name in ("precision", "recall") else values
            assert (permutation_p(towards) <= 0.05) == is_far, name
    apart = distances(np.concatenate([normal(60, seed=1), normal(60, shift=60, seed=2)]), members)
    assert apart["precision"][0] == apart["recall"][0] == 0


def test_a_drawn_part_of_many_images_answers_like_the_whole() -> None:
    pooled = np.concatenate([normal(1500, seed=1), normal(900, shift=1, seed=2)])
    members = memberships(1500, 900, n_permutations=19, random_state=0)
    found = distances(pooled, members)
    whole = kid(pooled, members[:, :1])[0]
    assert found["kid"][0] == pytest.approx(whole, rel=0.15)
    assert permutation_p(found["frechet"]) == 0.05
