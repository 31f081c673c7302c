"""Turns of pictures: each does what its name says, and hashes follow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dataeval_ui.analysis.candidates import cross_hash_pairs
from dataeval_ui.analysis.orientation import (
    N_TURNS,
    compose_turns,
    invert_turns,
    pixel_orders,
    swaps_sides,
    turn_images,
    turned_hashes,
)
from dataeval_ui.data.hashes import phash_of_values
from dataeval_ui.types.turned import TURN_NAMES, turn_words

BACK = {
    "mirrored": Image.Transpose.FLIP_LEFT_RIGHT,
    "mirrored upside down": Image.Transpose.FLIP_TOP_BOTTOM,
    "turned by 180°": Image.Transpose.ROTATE_180,
    "turned by 90° clockwise": Image.Transpose.ROTATE_90,  # Pillow turns counterclockwise
    "turned by 90° counterclockwise": Image.Transpose.ROTATE_270,
    "mirrored and turned by 90° counterclockwise": Image.Transpose.TRANSPOSE,
    "mirrored and turned by 90° clockwise": Image.Transpose.TRANSVERSE,
}
FORTH = {
    Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
}


@pytest.mark.parametrize("turn", range(1, N_TURNS))
def test_a_turn_undoes_what_its_name_says(turn: int) -> None:
    picture = np.arange(12 * 12, dtype=np.uint8).reshape(12, 12)
    back = BACK[TURN_NAMES[turn]]
    made = np.asarray(Image.fromarray(picture).transpose(FORTH.get(back, back)))
    np.testing.assert_array_equal(turn_images(made[None], turn)[0], picture)
    np.testing.assert_array_equal(made.ravel()[pixel_orders(12)[turn]].reshape(12, 12), picture)


def test_mirrored_and_turned_is_a_mirror_first() -> None:
    picture = Image.fromarray(np.arange(9, dtype=np.uint8).reshape(3, 3))
    clockwise = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).transpose(Image.Transpose.ROTATE_270)
    turn = TURN_NAMES.index("mirrored and turned by 90° clockwise")
    np.testing.assert_array_equal(turn_images(np.asarray(clockwise)[None], turn)[0], np.asarray(picture))


@given(st.integers(0, 7), st.integers(0, 7))
def test_turns_are_a_group(a: int, b: int) -> None:
    picture = np.arange(25).reshape(1, 5, 5)
    first, then = np.array([a]), np.array([b])
    both = int(compose_turns(first, then)[0])
    np.testing.assert_array_equal(turn_images(turn_images(picture, b), a), turn_images(picture, both))
    assert int(compose_turns(first, invert_turns(first))[0]) == 0
    assert swaps_sides(np.array([both]))[0] == (swaps_sides(first) ^ swaps_sides(then))[0]


def test_hashes_are_those_of_the_turned_pictures() -> None:
    luma = np.random.default_rng(0).uniform(0, 255, (3, 32, 32)).astype(np.float32)
    luma[2] = 7
    found = turned_hashes(luma)
    for turn in range(N_TURNS):
        turned = turn_images(luma, turn)
        expected = [phash_of_values(np.ascontiguousarray(image)) for image in turned]
        assert [int(value).bit_count() for value in found[turn] ^ np.array(expected, np.uint64)] == [0, 0, 0]
    assert (found[:, 2] == 0).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 3, 8, 16]))
def test_near_hashes_are_found_as_by_trying_all(seed: int, radius: int) -> None:
    rng = np.random.default_rng(seed)
    own = rng.integers(0, 2**63, 12, dtype=np.uint64)
    own[3] = 0
    flips = np.array([sum(1 << int(bit) for bit in rng.choice(64, n, replace=False)) for n in range(12)], np.uint64)
    other = rng.permutation(own ^ flips)
    pairs = {tuple(pair) for pair in cross_hash_pairs(own, other, radius=radius).tolist()}
    expected = {
        (i, j)
        for i in range(12)
        for j in range(12)
        if i != j and own[i] and other[j] and int(own[i] ^ other[j]).bit_count() <= radius
    }
    assert pairs == expected


def test_no_hashes_give_no_pairs() -> None:
    nothing = np.empty(0, np.uint64)
    assert cross_hash_pairs(nothing, nothing, radius=8).shape == (0, 2)


@pytest.mark.parametrize(
    ("turn", "angle", "words"),
    [
        (0, 5.2, "turned by 5° clockwise"),
        (0, -4.8, "turned by 5° counterclockwise"),
        (0, 0.3, "shifted or cropped"),
        (1, 3.0, "mirrored"),
    ],
)
def test_words(turn: int, angle: float, words: str) -> None:
    assert turn_words(turn, angle) == words
