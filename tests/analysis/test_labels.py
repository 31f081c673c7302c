import numpy as np
import pytest

from dataeval_ui.analysis.labels import score_label_agreement
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import NeighborGraph


def graph(rows):
    return NeighborGraph(indices=np.array(rows, np.int32), similarities=np.ones((len(rows), len(rows[0])), np.float32))


def test_the_share_of_neighbours_with_the_same_label_by_hand():
    found = score_label_agreement(graph([[1, 2], [0, 2], [3, 1], [2, 1]]), ["cat", "cat", "dog", "dog"])
    np.testing.assert_allclose(found, [0.5, 0.5, 0.5, 0.5])


def test_unlabelled_images_have_none_and_do_not_count():
    found = score_label_agreement(graph([[1, 2], [0, 2], [3, 1], [2, 1]]), ["cat", None, "cat", None])
    np.testing.assert_allclose(found, [1.0, np.nan, np.nan, np.nan])


def test_a_wrong_label_disagrees_with_all_its_neighbours():
    n = 20
    rows = [[r for r in range(n) if r != i][:5] for i in range(n)]
    labels = ["cat"] * n
    labels[4] = "dog"
    found = score_label_agreement(graph(rows), labels)
    assert found.argmin() == 4
    assert found[4] == 0


def test_an_empty_string_is_a_label():
    assert score_label_agreement(graph([[1], [0]]), ["", ""]).tolist() == [1.0, 1.0]


def test_there_must_be_one_label_an_image():
    with pytest.raises(ParameterError, match="one label an image, 2 in all, got 3"):
        score_label_agreement(graph([[1], [0]]), ["a", "b", "c"])
