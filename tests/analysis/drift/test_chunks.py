"""Chunks of time: a step is found where it is, and nowhere without one."""

from __future__ import annotations

import numpy as np
import pytest

from dataeval_ui.analysis.drift.chunks import MAX_IMAGES, compare_chunks
from dataeval_ui.errors import ParameterError


def normal(n: int, *, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(n, 5)) + shift).astype(np.float32)


def test_a_step_marks_its_chunk_and_every_later_one_has_drifted() -> None:
    shifts = [0, 0, 1, 1]
    found = compare_chunks(normal(60), [normal(50, shift=s, seed=at + 1) for at, s in enumerate(shifts)])
    assert [chunk.drifted for chunk in found] == [False, False, True, True]
    assert [chunk.changed for chunk in found] == [False, False, True, False]
    assert found[2].statistic > found[2].band_high > 0
    assert found[2].p_value == 1 / 200


def test_without_a_step_nothing_is_marked() -> None:
    found = compare_chunks(normal(40), [normal(30, seed=at + 1) for at in range(6)], n_permutations=239)
    assert not any(chunk.drifted or chunk.changed for chunk in found)


def test_many_chunks_get_enough_shuffles_to_find_something() -> None:
    found = compare_chunks(normal(30), [normal(20, shift=3 * (at == 7), seed=at + 1) for at in range(8)])
    assert [chunk.drifted for chunk in found] == [at == 7 for at in range(8)]


def test_large_chunks_are_drawn_and_small_ones_get_a_sentence() -> None:
    [found] = compare_chunks(normal(MAX_IMAGES + 500), [normal(MAX_IMAGES + 1, seed=1)], n_permutations=19)
    assert not found.drifted
    with pytest.raises(ParameterError, match="at least 5 images"):
        compare_chunks(normal(20), [normal(3)])
