"""Masks as pictures: hand-checked, turned back from their run lengths, and hostile."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataeval_ui.data.masks import mask_picture, read_inside


def compressed(counts: list[int]) -> str:
    """Write run lengths as pycocotools does."""
    text = ""
    for place, count in enumerate(counts):
        number = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            digit = number & 31
            number >>= 5
            more = number != -1 if digit & 16 else number != 0
            text += chr((digit | 32 if more else digit) + 48)
    return text


def counts_of(inside: np.ndarray) -> list[int]:
    flat = inside.T.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(int))) + 1
    counts = np.diff([0, *edges, len(flat)]).tolist()
    return [0, *counts] if flat[0] else counts


def test_run_lengths_go_down_the_columns() -> None:
    value = {"size": [2, 3], "counts": [1, 2, 3]}
    assert read_inside(value, size=(3, 2)).tolist() == [[False, True, False], [True, False, False]]


def test_compressed_run_lengths_are_read_by_hand() -> None:
    # 7 is "7"; 40 is 8 with "more" (48 + 8 + 32 = "X"), then 1; 2 is "2"; the fourth, 39, is -1 from the second: "O"
    value = {"size": [8, 11], "counts": "7X12O"}
    inside = read_inside(value, size=(11, 8))
    assert inside is not None
    assert np.flatnonzero(inside.T.ravel()).tolist() == [*range(7, 47), *range(49, 88)]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_what_was_written_as_run_lengths_is_read_back(width: int, height: int, seed: int, share: float) -> None:
    inside = np.random.default_rng(seed).random((height, width)) < share
    counts = counts_of(inside)
    for written in (counts, compressed(counts)):
        value = {"size": [height, width], "counts": written}
        np.testing.assert_array_equal(read_inside(value, size=(width, height)), inside)


def test_polygons_are_drawn_at_the_size_that_is_shown() -> None:
    mask = json.dumps({"polygons": [[20, 20, 60, 20, 60, 40, 20, 40]]})
    picture = mask_picture(mask, size=(100, 80), shown=(50, 40))
    inside = np.array(picture) > 0
    assert inside.shape == (40, 50)
    assert inside[15, 20]
    assert not inside[5, 20]
    assert not inside[15, 40]
    assert 0.9 <= inside.sum() / (20 * 10) <= 1.2  # Pillow counts the edge in


def test_run_lengths_are_shown_smaller() -> None:
    inside = np.zeros((80, 100), dtype=bool)
    inside[20:40, 20:60] = True
    mask = json.dumps({"size": [80, 100], "counts": counts_of(inside)})
    small = np.array(mask_picture(mask, size=(100, 80), shown=(50, 40))) > 0
    np.testing.assert_array_equal(small, inside[::2, ::2])


@pytest.mark.parametrize(
    "mask",
    [
        "",
        "[" * 100_000,
        "null",
        "[]",
        '{"polygons": [[1, 2, 3]]}',
        '{"polygons": [["a", 2, 3, 4, 5, 6]]}',
        '{"size": [80, 99], "counts": [7920]}',  # of another image
        '{"size": [80, 100], "counts": [7999]}',
        '{"size": [80, 100], "counts": [-1, 8001]}',
        '{"size": [80, 100], "counts": "~~"}',
        '{"size": [80, 100], "counts": "oooooooooooooooooooo"}',
        '{"size": [80, 100], "counts": "o"}',
        '{"size": [1048575, 1048575], "counts": "0"}',
    ],
)
def test_what_is_no_mask_of_this_image_is_no_picture(mask: str) -> None:
    assert mask_picture(mask, size=(100, 80), shown=(50, 40)) is None
