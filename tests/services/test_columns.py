"""Columns of a run: categories in natural order, numbers as numbers, nothing lost without a word."""

import numpy as np
import pyarrow as pa
import pytest

from dataeval_ui.services.columns import MAX_CATEGORIES, MISSING, Column, categorical, from_values


def test_categories_come_in_natural_order_and_missing_comes_last_and_grey() -> None:
    column = categorical("meta.x", "x", ["img 10", None, "img 9", "Img 1"])
    assert column is not None
    assert column.categories == ("Img 1", "img 9", "img 10", MISSING)
    assert column.neutral == 3
    assert column.codes is not None
    assert [column.categories[c] for c in column.codes] == ["img 10", MISSING, "img 9", "Img 1"]


def test_counts_are_by_size_and_can_be_taken_of_some_rows() -> None:
    column = categorical("label", "Label", ["a", "b", "b", "c"])
    assert column is not None
    assert column.counts() == (("b", 2), ("a", 1), ("c", 1))
    assert column.counts([0, 3]) == (("a", 1), ("c", 1))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array([1.5, 2.5, None]), "continuous"),
        (pa.array([1, 2, 1]), "categorical"),
        (pa.array(list(range(100))), "continuous"),
        (pa.array([True, False, None]), "categorical"),
        (pa.array(["a", "b", None]), "categorical"),
    ],
)
def test_the_kind_follows_from_the_values(values: pa.Array, kind: str) -> None:
    column = from_values("meta.x", "x", pa.chunked_array([values]))
    assert column is not None
    assert column.kind == kind


def test_a_missing_number_is_shown_as_none_and_infinity_too() -> None:
    column = from_values("meta.x", "x", pa.chunked_array([pa.array([0.25, None, float("inf")])]))
    assert column is not None
    assert [column.text(i) for i in range(3)] == ["0.25", "–", "–"]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([None, None], pa.string()),
        pa.array([None], pa.float64()),
        pa.array([float("nan")]),
        pa.array([], pa.string()),
    ],
)
def test_a_column_without_a_value_is_not_offered(values: pa.Array) -> None:
    assert from_values("meta.x", "x", pa.chunked_array([values])) is None


def test_a_column_of_all_different_texts_is_not_offered_as_a_colour() -> None:
    assert categorical("meta.id", "id", [str(i) for i in range(MAX_CATEGORIES + 1)]) is None


def test_digits_of_other_scripts_and_endless_numbers_do_not_break_the_order() -> None:
    column = categorical("label", "Label", ["²", "٣", "9" * 5000, "10", "a"])
    assert column is not None
    assert len(column.categories) == 5


def test_a_continuous_column_has_no_counts() -> None:
    assert Column(name="s", title="S", kind="continuous", values=np.zeros(2, np.float32)).counts() == ()
