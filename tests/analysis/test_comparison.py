"""Agreement of neighbours, labels and clusters, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.neighbors import KNeighborsClassifier

from dataeval_ui.analysis.comparison import agree_clusters, neighbor_overlap, predicts_label, share_of
from dataeval_ui.analysis.neighbors import find_neighbors, unit_rows
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph


@given(st.integers(0, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_scipys_and_holds_the_share(hits: tuple[int, int]) -> None:
    share = share_of(*hits)
    if share.n == 0:
        assert np.isnan(share.value)
        return
    expected = binomtest(*hits).proportion_ci(method="wilson")
    assert share.low == pytest.approx(expected.low, abs=1e-6)
    assert share.high == pytest.approx(expected.high, abs=1e-6)
    assert 0 <= share.low <= share.value <= share.high <= 1


def test_intervals_overlap_only_where_they_have_a_point_in_common() -> None:
    assert share_of(50, 100).overlaps(share_of(55, 100))
    assert not share_of(50, 1000).overlaps(share_of(900, 1000))
    with pytest.raises(ParameterError, match="n_hits"):
        share_of(3, 2)


def test_overlap_is_the_jaccard_index_of_two_sets() -> None:
    left = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3]], np.int32)
    right = np.array([[3, 1, 2], [4, 5, 6], [3, 0, 9]], np.int32)
    assert neighbor_overlap(left, right) == pytest.approx([1.0, 0.0, 2 / 4])
    assert neighbor_overlap(right, left) == pytest.approx([1.0, 0.0, 2 / 4])
    with pytest.raises(ParameterError, match="same shape"):
        neighbor_overlap(left, right[:, :2])


def test_overlap_agrees_with_python_sets_on_random_graphs() -> None:
    rng = np.random.default_rng(0)
    left, right = (np.array([rng.permutation(40)[:15] for _ in range(60)], np.int32) for _ in range(2))
    expected = [len(set(a) & set(b)) / len(set(a) | set(b)) for a, b in zip(left, right, strict=True)]
    assert neighbor_overlap(left, right) == pytest.approx(expected)


def graph_of(indices: list[list[int]], similarities: list[list[float]]) -> NeighborGraph:
    return NeighborGraph(indices=np.array(indices, np.int32), similarities=np.array(similarities, np.float32))


def test_neighbours_vote_and_the_closer_ones_decide_a_draw() -> None:
    graph = graph_of([[1, 2], [0, 2], [1, 3], [2, 0]], [[0.9, 0.1], [0.9, 0.2], [0.5, 0.6], [0.4, 0.3]])
    is_right, is_asked = predicts_label(graph, ["a", "a", "b", "b"])
    assert is_asked.all()
    assert is_right.tolist() == [True, True, True, True]
    is_right, _ = predicts_label(graph, ["a", "b", "a", "b"])
    assert is_right.tolist() == [False, False, False, False]


def test_an_image_without_label_or_labelled_neighbours_is_not_asked() -> None:
    graph = graph_of([[1], [2], [1]], [[0.9], [0.9], [0.9]])
    is_right, is_asked = predicts_label(graph, ["a", None, "a"])
    assert is_asked.tolist() == [False, False, False]
    assert not is_right.any()
    with pytest.raises(ParameterError, match="one label an image"):
        predicts_label(graph, ["a"])


def test_the_vote_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(90, 6)).astype(np.float32)
    points[:45] += 0.7
    labels = ["a" if i < 45 else "b" for i in range(90)]
    graph = find_neighbors(points, n_neighbors=7)  # odd: no draws
    units = unit_rows(points)
    expected = []
    for i in range(90):
        rest = np.delete(np.arange(90), i)
        model = KNeighborsClassifier(7, algorithm="brute").fit(units[rest], np.array(labels)[rest])
        expected.append(model.predict(units[[i]])[0] == labels[i])
    assert predicts_label(graph, labels)[0].tolist() == expected


def test_the_same_partition_agrees_and_noise_is_no_cluster() -> None:
    labels = ["a"] * 20 + ["b"] * 20 + [None]
    same = agree_clusters(np.array([1] * 20 + [0] * 20 + [0], np.int32), labels)
    assert same is not None
    assert (same.ami, same.ari, same.n, same.n_noise) == (pytest.approx(1), pytest.approx(1), 40, 0)
    noise = agree_clusters(np.full(41, -1, np.int32), labels)
    assert noise is not None
    assert noise.n_noise == 40
    assert abs(noise.ari) < 1e-9
    half = agree_clusters(np.array([1] * 10 + [-1] * 10 + [0] * 20 + [0], np.int32), labels)
    assert half is not None
    assert 0 < half.ari < 1
    assert half.n_noise == 10


def test_with_one_label_there_is_nothing_to_agree_on() -> None:
    assert agree_clusters(np.array([0, 1, 1], np.int32), ["a", "a", None]) is None
