"""The confusion matrix and the classes over splits, cell by cell and bar by bar."""

from __future__ import annotations

import numpy as np
import pytest

from dataeval_ui.errors import ParameterError
from dataeval_ui.figures import class_share_figure, confusion_figure


def test_a_point_of_the_confusion_matrix_is_its_cell() -> None:
    figure = confusion_figure(np.array([[3, 1], [0, 2]], np.int64), ["<b>a</b>", "b"])
    cells, points = figure.data
    np.testing.assert_allclose(np.asarray(cells.z), [[0.75, 0.25], [0, 1]])
    assert [points.x[1], points.y[1]] == [1, 0]
    assert list(points.customdata[1]) == ["&lt;b&gt;a&lt;/b&gt;", "b", 1, "25.0%"]
    assert "<b>" not in str(figure.layout.yaxis.ticktext)


def test_a_class_without_images_has_an_empty_row() -> None:
    cells = confusion_figure(np.zeros((2, 2), np.int64), ["a", "b"]).data[0]
    assert np.asarray(cells.z).tolist() == [[0, 0], [0, 0]]


def test_a_matrix_of_another_size_is_refused() -> None:
    with pytest.raises(ParameterError, match="2 x 2"):
        confusion_figure(np.zeros((3, 3), np.int64), ["a", "b"])


def test_shares_of_each_split_sum_to_one() -> None:
    figure = class_share_figure({"cat": {"test": 1, "train": 6}, "dog": {"test": 3, "train": 2}}, dark=True)
    assert {bar.name: list(bar.x) for bar in figure.data} == {"test": [0.25, 0.75], "train": [0.75, 0.25]}
