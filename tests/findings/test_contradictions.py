"""Annotations that contradict each other: hand-checked, and what is no contradiction."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataeval_ui.data.masks import mask_extent, read_inside
from dataeval_ui.findings.contradictions import box_iou, find_contradictions

SQUARE = {"x_px": 10.0, "y_px": 10.0, "width_px": 20.0, "height_px": 20.0}


def objects(*rows: dict[str, object]) -> pa.Table:
    plain = {"path": "a.png", "label": "cat", **SQUARE, "is_crowd": False, "mask": None, "status": "ok"}
    numbered = [{**plain, "object": number, **row} for number, row in enumerate(rows)]
    schema = pa.schema(
        [("path", pa.string()), ("object", pa.int32()), ("label", pa.string())]
        + [(name, pa.float64()) for name in SQUARE]
        + [("is_crowd", pa.bool_()), ("mask", pa.string()), ("status", pa.string())]
    )
    return pa.Table.from_pylist(numbered, schema)


def polygon(*numbers: float) -> str:
    return json.dumps({"polygons": [list(numbers)]})


def test_one_box_with_two_classes_is_found_at_the_later_object() -> None:
    found = list(find_contradictions(objects({}, {"label": "dog", "x_px": 10.5})))
    assert found == [("a.png", 1, "It is labelled dog and has the box of object 0, which is labelled cat.")]


@pytest.mark.parametrize(
    "other",
    [
        {"label": "cat"},  # a doubled annotation, which is an exact duplicate
        {"label": "dog", "x_px": 14.0},
        {"label": "dog", "is_crowd": True},
        {"label": None},
        {"label": "dog", "path": "b.png"},
        {"label": "dog", "status": "unusable", "x_px": None, "y_px": None, "width_px": None, "height_px": None},
    ],
)
def test_what_may_be_is_no_contradiction(other: dict[str, object]) -> None:
    assert list(find_contradictions(objects({}, other))) == []


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (polygon(10, 10, 30, 10, 30, 30, 10, 30), None),
        (polygon(50, 50, 60, 50, 60, 60), "Its mask lies elsewhere than its box."),
        (polygon(10, 10, 10, 20, 10, 30), "Its mask is empty."),
        (json.dumps({"size": [40, 40], "counts": [1600]}), "Its mask is empty."),
        (json.dumps({"size": [40, 40], "counts": [0, 40, 1560]}), "Its mask lies elsewhere than its box."),
        ("no mask", None),
    ],
)
def test_a_mask_lies_in_its_box(mask: str, reason: str | None) -> None:
    found = list(find_contradictions(objects({"mask": mask})))
    assert found == ([] if reason is None else [("a.png", 0, reason)])


def test_overlap_by_hand() -> None:
    iou = box_iou(np.array([[0.0, 0, 10, 10], [5, 0, 10, 10], [20, 20, 1, 1]]))
    np.testing.assert_allclose(iou, [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 1]])


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0, 0.5))
def test_the_extent_of_run_lengths_is_that_of_their_pixels(width: int, height: int, seed: int, share: float) -> None:
    inside = np.random.default_rng(seed).random((height, width)) < share
    flat = inside.T.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(int))) + 1
    counts = np.diff([0, *edges, len(flat)]).tolist()
    value = {"size": [height, width], "counts": [0, *counts] if flat[0] else counts}
    np.testing.assert_array_equal(read_inside(value, size=(width, height)), inside)
    extent = mask_extent(json.dumps(value))
    assert extent is not None
    if not inside.any():
        assert extent[2:] == (0, 0)
        return
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    left, top, across, down = extent
    assert (left, across) == (columns[0], columns[-1] + 1 - columns[0])
    assert (top, down) == (rows[0], rows[-1] + 1 - rows[0])
