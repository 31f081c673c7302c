"""Faults of boxes: one by one, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from dataeval_ui.analysis.boxes import FLAGS, flag_boxes, intersection_over_union


def flags(*boxes: tuple[float, float, float, float], labels: list[int] | None = None) -> dict[str, list[bool]]:
    n = len(boxes)
    found = flag_boxes(
        np.array(boxes, dtype=np.float64),
        np.full((n, 2), 100.0),
        image=np.zeros(n, dtype=np.int64),
        labels=np.array(labels or [0] * n, dtype=np.int32),
    )
    assert set(found) == set(FLAGS)
    return {name: flag.tolist() for name, flag in found.items()}


@pytest.mark.parametrize(
    ("box", "faults"),
    [
        ((30, 30, 20, 20), set()),
        ((30, 30, 10, 10), {"tiny"}),
        ((0.5, 30, 20, 20), {"cut"}),
        ((30, 79.5, 20, 20), {"cut"}),
        ((2, 2, 96, 96), {"full"}),
        ((10, 10, 70, 6), {"sliver"}),
        ((30, 30, 0, 0), {"tiny"}),
    ],
)
def test_each_fault_by_itself(box: tuple[float, float, float, float], faults: set[str]) -> None:
    assert {name for name, flag in flags(box).items() if flag[0]} == faults


def test_overlap_counts_within_a_class_and_twice_in_any() -> None:
    near, same, far = (10, 10, 40, 40), (10, 10, 40, 41), (60, 60, 30, 30)
    found = flags(near, same, far, labels=[0, 1, 0])
    assert found["twice"] == [True, True, False]
    assert found["overlap"] == [False, False, False]
    assert flags(near, (20, 10, 40, 40), far)["overlap"] == [True, True, False]
    assert flags(near, (20, 10, 40, 40), labels=[-1, -1])["overlap"] == [False, False]


def test_boxes_of_other_images_do_not_overlap() -> None:
    found = flag_boxes(
        np.array([[10.0, 10, 40, 40]] * 2), np.full((2, 2), 100.0), image=np.array([0, 1]), labels=np.zeros(2, np.int32)
    )
    assert not found["twice"].any()


def test_intersection_over_union_is_symmetric_and_1_with_itself() -> None:
    rng = np.random.default_rng(0)
    boxes = np.concatenate([rng.uniform(0, 50, (20, 2)), rng.uniform(1, 50, (20, 2))], axis=1)
    found = intersection_over_union(boxes)
    np.testing.assert_allclose(found, found.T)
    np.testing.assert_allclose(np.diag(found), 1)
    assert intersection_over_union(np.array([[0.0, 0, 4, 2], [2, 0, 4, 2]]))[0, 1] == pytest.approx(4 / 12)
