"""Boxes and feature maps by their place in the frame: cases to check by hand, laws, and the level."""

from __future__ import annotations

import numpy as np
import pytest

from dataeval_ui.analysis.drift.frames import GRID, Boxes, cell_statistics, compare_boxes, rank_differences
from dataeval_ui.analysis.drift.samples import memberships


def boxes_at(places: list[list[tuple[float, float, float, float]]]) -> Boxes:
    """One list of boxes an image."""
    image = np.array([at for at, some in enumerate(places) for _ in some], dtype=np.int64)
    flat = np.array([one for some in places for one in some], dtype=np.float64).reshape(-1, 4)
    return Boxes(
        n_images=len(places), image=image, places=flat, aspects=flat[:, 2] / flat[:, 3], flags={"big": flat[:, 2] > 0.5}
    )


def scattered(n: int, rng: np.random.Generator, *, right: float = 0.0) -> list[list[tuple[float, float, float, float]]]:
    """Up to three boxes an image, those of one image near each other."""
    found = []
    for _ in range(n):
        x, y = rng.uniform(0, 0.6, 2)
        some = [(x, y, *rng.uniform(0, 0.1, 2)) for _ in range(rng.integers(0, 4))]
        found.append([(min(x + a + right, 0.8), y + b, 0.1, 0.1 + 0.1 * rng.random()) for x, y, a, b in some])
    return found


def test_maps_hold_what_can_be_counted_by_hand() -> None:
    left, right = (0.0, 0.0, 0.25, 0.125), (0.75, 0.875, 0.25, 0.125)
    found = compare_boxes(boxes_at([[left]] * 5 + [[left, right]] * 5), 5, n_permutations=59)
    centres, coverage = found.maps["centres"], found.maps["coverage"]
    assert centres.reference[0, 1] == centres.reference.sum() == 1
    assert centres.test[0, 1] == centres.test[7, 7] == 0.5
    assert coverage.test[0, 0] == coverage.test[0, 1] == coverage.test[7, 6] == 1
    assert coverage.test.sum() == 4
    assert centres.p_values[7, 7] <= 0.05 < centres.p_values[3, 3]
    tests = {test.name: test for test in found.tests}
    assert (tests["count"].reference, tests["count"].test, tests["count"].effect_size) == (1, 2, 1)
    assert tests["size"].effect_size == 0
    assert tests["size"].p_value == 1


def test_cliffs_delta_equals_all_pairs() -> None:
    rng = np.random.default_rng(0)
    values, image = rng.integers(0, 6, 40).astype(float), np.sort(rng.integers(0, 12, 40))
    members = np.zeros((12, 1), np.float32)
    members[5:] = 1
    first, second = values[image < 5], values[image >= 5]
    pairs = np.sign(second[:, None] - first).mean()
    assert rank_differences(values, image, members)[0] == pytest.approx(pairs, abs=1e-6)


def test_boxes_that_moved_are_found_where_they_are() -> None:
    rng = np.random.default_rng(1)
    found = compare_boxes(boxes_at(scattered(200, rng) + scattered(200, rng, right=0.3)), 200, n_permutations=99)
    tests = {test.name: test for test in found.tests}
    assert found.p_value == tests["across"].p_value == 0.01
    assert tests["across"].effect_size is not None
    assert tests["across"].effect_size > 0.5
    assert tests["down"].p_value > 0.05
    gone = found.maps["centres"]
    assert (gone.test[:, :2] == 0).all()
    assert gone.p_values[:, :2].min() <= 0.05


def test_images_with_many_boxes_of_one_place_raise_no_more_alarms_than_their_level() -> None:
    """A test that shuffled boxes instead of images would call nearly all of these different."""
    rng = np.random.default_rng(2)
    wrong = 0
    for round_ in range(60):
        places = []
        for _ in range(24):
            x, y = rng.uniform(0, 0.8, 2)
            places.append([(x, y, 0.1, 0.1)] * int(rng.integers(1, 30)))
        wrong += compare_boxes(boxes_at(places), 12, n_permutations=39, random_state=round_).p_value <= 0.05
    assert wrong <= 9  # 0.3 % of right tests would have more at a level of 5 %


def test_the_same_boxes_twice_and_no_box_at_all_are_no_drift() -> None:
    some = scattered(12, np.random.default_rng(3))
    assert compare_boxes(boxes_at(some + some), 12, n_permutations=39).p_value > 0.05
    assert compare_boxes(boxes_at([[] for _ in range(12)]), 6, n_permutations=39).p_value == 1


def test_boxes_beyond_the_frame_and_missing_aspects_are_counted_at_its_edge() -> None:
    odd = boxes_at([[(-0.2, 0.9, 0.1, 0.5)], [(1.4, 0.5, 0.1, 0.1)]] * 6)
    odd = Boxes(n_images=12, image=odd.image, places=odd.places, aspects=np.full(12, np.nan), flags={})
    found = compare_boxes(odd, 6, n_permutations=19)
    assert found.maps["centres"].reference[GRID - 1, 0] == 0.5
    assert {test.name: test for test in found.tests}["aspect"].reference is None
    assert found.faults == ()


def test_a_changed_cell_is_found_and_no_other() -> None:
    rng = np.random.default_rng(4)
    codes = rng.integers(-60, 60, (80, 16, 8))
    codes[40:, 6] += 40
    members = memberships(40, 40, n_permutations=99, random_state=0)
    statistics, found = cell_statistics(codes.astype(np.int8), members)
    assert (statistics[0] > statistics[1:]).all()
    assert found.test.shape == (4, 4)
    assert found.test.argmax() == 6
    assert (found.p_values <= 0.05).sum() == 1
    flat, constant = cell_statistics(np.zeros((80, 4, 3), np.int8), members)
    assert (flat == 0).all()
    assert (constant.p_values == 1).all()
