"""Places of test images: by hand, alone and among many, and where neither set nor map says where."""

from __future__ import annotations

import numpy as np
import pytest

from dataeval_ui.analysis.drift.placement import density_ratios, place_by_reference
from dataeval_ui.errors import ParameterError


def blobs(n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings around four directions, and a map with a corner for each."""
    rng = np.random.default_rng(seed)
    of_blob = rng.integers(0, 4, n)
    embeddings = np.eye(4, 16)[of_blob] * 3 + rng.normal(size=(n, 16)) * 0.2
    corners = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])[of_blob] + rng.normal(size=(n, 2)) * 0.3
    return embeddings.astype(np.float32), corners.astype(np.float32)


def test_an_image_of_the_reference_lies_about_where_it_lies_and_halfway_between_two() -> None:
    reference = np.eye(3, dtype=np.float32)
    xy = np.array([[0, 0], [4, 0], [0, 4]], np.float32)
    same = place_by_reference(reference, xy, reference[:1])
    # Cosines 1, 0 and 0: weights 1, e^-20 and e^-20.
    assert same.xy[0] == pytest.approx([0, 0], abs=1e-6)
    assert same.confidence[0] == pytest.approx(1, abs=1e-3)
    between = place_by_reference(reference, xy, np.array([[0, 1, 1]], np.float32))
    assert between.xy[0] == pytest.approx([2, 2], abs=1e-4)
    assert between.confidence[0] < same.confidence[0]


def test_alone_and_among_many_the_place_is_the_same() -> None:
    reference, xy = blobs(400)
    test, _ = blobs(1000, seed=1)
    together = place_by_reference(reference, xy, test)
    for row in (0, 17, 998):
        alone = place_by_reference(reference, xy, test[row : row + 1])
        np.testing.assert_allclose(alone.xy[0], together.xy[row], rtol=0, atol=1e-6)
        assert alone.is_unsure[0] == together.is_unsure[row]
    shuffled = place_by_reference(reference, xy, test[::-1].copy())
    np.testing.assert_allclose(shuffled.xy[::-1], together.xy, rtol=0, atol=1e-6)


def test_an_image_like_none_of_the_reference_is_unsure_and_the_others_mostly_are_not() -> None:
    reference, xy = blobs(400)
    known, _ = blobs(100, seed=2)
    strange = np.zeros((1, 16), np.float32)
    strange[0, 12] = 1
    found = place_by_reference(reference, xy, np.concatenate([known, strange]))
    assert found.is_unsure[-1]
    assert found.is_unsure[:-1].mean() < 0.1
    assert np.isfinite(found.xy).all()


def test_few_and_equal_reference_images_are_enough_and_none_is_not() -> None:
    ones = np.ones((3, 4), np.float32)
    found = place_by_reference(ones, np.ones((3, 2), np.float32), ones[:2])
    assert found.xy == pytest.approx(np.ones((2, 2)))
    assert found.confidence.tolist() == [1, 1]
    with pytest.raises(ParameterError, match="at least one reference image"):
        place_by_reference(ones[:0], np.ones((0, 2), np.float32), ones)


def test_what_is_new_is_denser_in_the_test_set_and_what_vanished_in_the_reference() -> None:
    reference, corners = blobs(300)
    test, test_corners = blobs(120, seed=3)
    gone, new = corners.max(axis=1) < 5, test_corners.min(axis=1) > 5
    kept = [~(corners.min(axis=1) > 5), ~(test_corners.max(axis=1) < 5)]
    of_reference, of_test = density_ratios(reference[kept[0]], test[kept[1]])
    assert of_test[new[kept[1]]].min() > 1
    assert of_reference[gone[kept[0]]].max() < -1
    both = of_test[~new[kept[1]]]
    assert abs(float(np.median(both))) < 0.3
