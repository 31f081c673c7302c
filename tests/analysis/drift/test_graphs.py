"""Neighbours and trees: cases small enough to count by hand, and scipy's tree."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from dataeval_ui.analysis.drift.graphs import hp_divergences, same_set_shares, spanning_tree
from dataeval_ui.analysis.drift.samples import memberships


def test_the_share_of_own_neighbours_weighs_both_sets_alike() -> None:
    # Three reference images and one test image: 1, 1 and 1/2 of the neighbours are own; the test image has none.
    neighbors = np.array([[1, 2], [0, 2], [3, 0], [2, 1]])
    members = np.array([[0], [0], [0], [1]], np.float32)
    assert same_set_shares(neighbors, members)[0] == pytest.approx((2.5 / 3 + 0) / 2)
    apart = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    assert same_set_shares(np.array([[1], [0], [3], [2]]), apart) == pytest.approx([1.0, 0.0])


def test_the_tree_is_scipys() -> None:
    points = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    edges = spanning_tree(points)
    expected = minimum_spanning_tree(cdist(points, points))
    assert {frozenset(edge) for edge in edges.tolist()} == {
        frozenset(edge) for edge in np.stack(expected.nonzero(), axis=1).tolist()
    }


def test_equal_points_have_a_tree_too() -> None:
    edges = spanning_tree(np.ones((4, 2), np.float32))
    assert sorted(edges[:, 1].tolist()) == [1, 2, 3]
    assert spanning_tree(np.ones((1, 2), np.float32)).shape == (0, 2)


def test_hp_divergence_is_1_for_sets_apart_and_0_for_sets_that_alternate() -> None:
    line = np.arange(6, dtype=np.float32)[:, None] * np.array([1, 1.01], np.float32)
    apart, alternating = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 0, 1, 0, 1])
    members = np.stack([apart, alternating], axis=1).astype(np.float32)
    assert hp_divergences(spanning_tree(line), members, n_needed=1) == pytest.approx([1.0, 0.0])
    # One of five edges more between the sets: 1 - 1 * 6 / (2 * 3 * 3).
    one_swap = np.array([[0], [0], [1], [0], [1], [1]], np.float32)
    assert hp_divergences(spanning_tree(line), one_swap, n_needed=1) == pytest.approx([1 - 2 * 6 / 18])


def test_the_order_of_the_images_changes_nothing() -> None:
    points = np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)
    members = memberships(18, 12, n_permutations=5, random_state=0)
    order = np.random.default_rng(2).permutation(30)
    first = hp_divergences(spanning_tree(points), members)
    assert first == pytest.approx(hp_divergences(spanning_tree(points[order]), members[order]))
