"""Completeness, sparse images, what to label next, and how honest the map is."""

from __future__ import annotations

import numpy as np
import pytest

from dataeval_ui.analysis.coverage import find_sparse_images, measure_completeness, order_by_class, rank_to_label
from dataeval_ui.analysis.honesty import score_map_honesty
from dataeval_ui.analysis.neighbors import find_neighbors
from dataeval_ui.errors import ParameterError


def test_a_set_that_fills_one_of_four_dimensions_is_a_quarter_complete() -> None:
    line = np.zeros((10, 4), np.float32)
    line[:, 0] = np.arange(10)
    assert measure_completeness(line) == pytest.approx(1 / 4)
    corners = np.concatenate([np.eye(4), -np.eye(4)]).astype(np.float32)
    assert measure_completeness(corners) == pytest.approx(1)
    assert measure_completeness(np.ones((5, 4), np.float32)) == 0


def test_completeness_is_that_of_the_singular_values() -> None:
    x = np.random.default_rng(0).normal(size=(200, 12)).astype(np.float32) * np.arange(1, 13, dtype=np.float32)
    p = np.linalg.svd(x - x.mean(axis=0), compute_uv=False) ** 2
    p /= p.sum()
    assert measure_completeness(x) == pytest.approx(np.exp(-(p * np.log(p)).sum()) / 12, rel=1e-4)


def test_the_lonely_image_is_the_sparsest() -> None:
    x = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32) * 0.1 + np.eye(6, dtype=np.float32)[0]
    x[9] = np.eye(6)[2]
    assert find_sparse_images(find_neighbors(x, n_neighbors=5), fraction=0.02).tolist() == [9]
    with pytest.raises(ParameterError, match="fraction"):
        find_sparse_images(find_neighbors(x, n_neighbors=5), fraction=0)


def test_the_image_unlike_any_labelled_one_is_labelled_next_and_copies_last() -> None:
    x = np.array([[1, 0], [1, 0], [0.9, 0.1], [0, 1], [-1, 0]], np.float32)
    assert rank_to_label(x, labelled=np.array([0]), n=9).tolist() == [4, 3, 2, 1]
    assert rank_to_label(x, labelled=np.arange(5), n=3).tolist() == []
    assert rank_to_label(x, labelled=np.empty(0, np.int64), n=5).size == 5


def test_classes_take_turns() -> None:
    scores = np.array([0.1, 0.9, 0.5, 0.2, 0.3], np.float32)
    assert order_by_class(scores, np.array([0, 0, 0, 1, 1], np.int32)).tolist() == [1, 4, 2, 3, 0]
    assert order_by_class(np.empty(0, np.float32), np.empty(0, np.int32)).tolist() == []


def test_an_image_that_is_drawn_among_strangers_is_told() -> None:
    angle = np.linspace(0, 3, 60)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    graph = find_neighbors(x, n_neighbors=4)
    precision, recall = score_map_honesty(graph, x)
    assert precision.min() == 1
    assert recall.min() == 1
    lie = x.copy()
    lie[0] = x[59]
    precision, recall = score_map_honesty(graph, lie)
    assert precision[0] == 0
    assert recall[0] == 0
    with pytest.raises(ParameterError, match="a place for each"):
        score_map_honesty(graph, x[:5])
