"""Mirrored and turned copies: found under each turn, told apart, and grouped so that every two are a pair."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from dataeval_ui.analysis.neighbors import find_neighbors
from dataeval_ui.analysis.turned import find_turned_duplicates
from dataeval_ui.errors import CancelledError, ParameterError, StorageError
from dataeval_ui.types import DuplicatePairs, Silent
from dataeval_ui.types.turned import TURN_NAMES, TurnedPairs
from tests.analysis.test_duplicates import drawing, find, shrunk
from tests.analysis.test_orientation import BACK, FORTH

OTHERS = [drawing(seed) for seed in range(100, 112)]
NOTHING = DuplicatePairs(
    **{name: np.empty(0, np.int32) for name in ("left", "right", "hash_distance", "groups")},
    **{name: np.empty(0, np.float32) for name in ("cosine", "pixel_similarity")},
)


def turned(images: list[Image.Image], near: DuplicatePairs = NOTHING, **kwargs: object) -> TurnedPairs:
    """Of embeddings that tell nothing: each image has a few others as neighbours by chance."""
    embeddings = np.random.default_rng(0).normal(size=(len(images), 8)).astype(np.float32)
    thumbnails = [shrunk(image) for image in images]
    return find_turned_duplicates(
        find_neighbors(embeddings, n_neighbors=3),
        thumbnails=lambda rows: [thumbnails[row] for row in rows],
        near=near,
        **{"embeddings": embeddings, **kwargs},  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("name", TURN_NAMES[1:])
def test_a_copy_is_found_under_each_turn_by_its_hash(name: str) -> None:
    picture = drawing(3)
    copy = picture.transpose(FORTH.get(BACK[name], BACK[name])).resize((120, 150) if "90" in name else (150, 120))
    pairs = turned([picture, *OTHERS, copy])
    assert list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)) == [(0, 13)]
    assert TURN_NAMES[pairs.turn[0]] == name
    assert abs(pairs.angle[0]) < 1.5
    assert pairs.pixel_similarity[0] > 0.9
    assert pairs.hash_distance[0] <= 8
    assert np.isfinite(pairs.cosine[0])


@pytest.mark.parametrize("degrees", [-6, -4, 4, 6])
def test_a_small_turn_is_found_among_neighbours_with_its_angle(degrees: int) -> None:
    picture = drawing(5, (280, 200))
    copy = picture.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor="white")
    images = [picture, copy, *OTHERS]
    pairs = turned(images, embeddings=None)
    assert pairs.n_pairs == 0  # no edge of this graph
    thumbnails = [shrunk(image) for image in images]
    pixels = np.stack([np.asarray(image.resize((8, 8)), np.float32).ravel() for image in images])
    found = find_turned_duplicates(
        find_neighbors(255 - pixels, n_neighbors=5), thumbnails=lambda rows: [thumbnails[r] for r in rows], near=NOTHING
    )
    assert (found.left[0], found.right[0], found.turn[0]) == (0, 1, 0)
    assert found.angle[0] == pytest.approx(degrees, abs=2)
    assert found.n_pairs == 1


def test_what_is_a_near_duplicate_is_no_turned_one_and_groups_hold_both() -> None:
    picture = drawing(7)
    images = [picture, picture.resize((180, 150)), ImageOps.mirror(picture), *OTHERS]
    near = find(images)
    assert list(zip(near.left.tolist(), near.right.tolist(), strict=True)) == [(0, 1)]
    pairs = turned(images, near)
    assert {(a, b) for a, b in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)} == {(0, 2), (1, 2)}
    assert pairs.groups.tolist() == [0, 0]
    assert {TURN_NAMES[turn] for turn in pairs.turn} == {"mirrored"}


def test_every_two_of_a_group_are_a_pair() -> None:
    pictures = [drawing(seed) for seed in range(4)]
    images = [*pictures, *(ImageOps.mirror(p) for p in pictures), *(ImageOps.flip(p) for p in pictures), *OTHERS]
    pairs = turned(images)
    together = {(a, b) for a, b in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)}
    assert together >= {(i, i + 4) for i in range(4)} | {(i, i + 8) for i in range(4)} | {
        (i + 4, i + 8) for i in range(4)
    }
    for group in range(pairs.groups.max() + 1):
        rows = np.unique([pairs.left[pairs.groups == group], pairs.right[pairs.groups == group]])
        assert {(a, b) for i, a in enumerate(rows.tolist()) for b in rows.tolist()[i + 1 :]} <= together


def test_permuting_images_permutes_the_pairs() -> None:
    images = [drawing(seed) for seed in range(6)]
    images += [ImageOps.mirror(images[0]), images[1].transpose(Image.Transpose.ROTATE_90), ImageOps.flip(images[2])]
    order = np.random.default_rng(1).permutation(len(images))
    whole, permuted = turned(images), turned([images[i] for i in order])

    def as_set(pairs: TurnedPairs, names: np.ndarray) -> set[frozenset[int]]:
        return {frozenset((int(names[a]), int(names[b]))) for a, b in zip(pairs.left, pairs.right, strict=True)}

    found = as_set(whole, np.arange(len(images)))
    assert found == as_set(permuted, order)
    assert found == {frozenset((0, 6)), frozenset((1, 7)), frozenset((2, 8))}


def test_blank_and_unlike_images_have_no_copies() -> None:
    blanks = [Image.new("RGB", (100 + i, 100), "white") for i in range(8)]
    assert turned([*blanks, *OTHERS]).n_pairs == 0


@pytest.mark.parametrize("n", [0, 1, 2])
def test_tiny_sets(n: int) -> None:
    pairs = find_turned_duplicates(
        find_neighbors(np.eye(max(n, 1), 4, dtype=np.float32)[:n], n_neighbors=5),
        thumbnails=lambda rows: [shrunk(OTHERS[row]) for row in rows],
        near=NOTHING,
    )
    assert (pairs.n_pairs, pairs.groups.dtype) == (0, np.int32)


def test_bad_input_is_one_sentence() -> None:
    with pytest.raises(ParameterError, match=r"hash_radius must be in \[0, 16\], got 17"):
        turned(OTHERS[:2], hash_radius=17)
    graph = find_neighbors(np.eye(3, dtype=np.float32), n_neighbors=2)
    with pytest.raises(StorageError, match="thumbnail"):
        find_turned_duplicates(graph, thumbnails=lambda rows: [b"\xff\xd8junk"] * len(rows), near=NOTHING)


def test_cancelling_stops_the_search() -> None:
    class Cancelled(Silent):
        def check_cancelled(self) -> None:
            raise CancelledError("stop")

    with pytest.raises(CancelledError):
        turned(OTHERS[:3], progress=Cancelled())
