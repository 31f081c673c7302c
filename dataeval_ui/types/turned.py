"""Copies that are mirrored or turned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32

TURNS: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = (
    ((1, 0), (0, 1)),
    ((-1, 0), (0, 1)),
    ((1, 0), (0, -1)),
    ((-1, 0), (0, -1)),
    ((0, -1), (1, 0)),
    ((0, 1), (-1, 0)),
    ((0, 1), (1, 0)),
    ((0, -1), (-1, 0)),
)
"""The eight flips and quarter turns of a square: the left picture at a place p = (x, y), x to the right and y down,
shows what the right one shows at M p."""

TURN_NAMES: tuple[str, ...] = (
    "turned a little",
    "mirrored",
    "mirrored upside down",
    "turned by 180°",
    "turned by 90° clockwise",
    "turned by 90° counterclockwise",
    "mirrored and turned by 90° counterclockwise",
    "mirrored and turned by 90° clockwise",
)
"""What the right picture is of the left, for each of `TURNS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedPairs:
    """Verified copies that are mirrored or turned, a row a pair, `left < right`, most alike first.

    Attributes
    ----------
    left, right : ndarray of shape (n_pairs,), int32
        Rows of the two images.
    turn : ndarray of shape (n_pairs,), int32
        Which of `TURNS` lays the left on the right picture; 0 for one that is turned by a few degrees alone.
    angle : ndarray of shape (n_pairs,), float32
        Degrees, clockwise, by which the right picture is turned besides, in [-45, 45].
    cosine : ndarray of shape (n_pairs,), float32
        Similarity of the embeddings; NaN where it was not asked for.
    hash_distance : ndarray of shape (n_pairs,), int32
        Hamming distance of the perceptual hashes once the turn is undone, in bits of 64.
    pixel_similarity : ndarray of shape (n_pairs,), float32
        Similarity of the aligned thumbnails once the turn is undone, in [0, 1].
    groups : ndarray of shape (n_pairs,), int32
        Group of the pair, from 0: every two images of a group are a pair here or a near duplicate; -1 for a pair that
        joins two groups without completing them.
    """

    left: Int32
    right: Int32
    turn: Int32
    angle: Float32
    cosine: Float32
    hash_distance: Int32
    pixel_similarity: Float32
    groups: Int32

    @property
    def n_pairs(self) -> int:
        """Number of pairs."""
        return int(self.left.shape[0])


def turn_words(turn: int, angle: float) -> str:
    """Say what the right picture of a pair is of the left: "mirrored", "turned by 5° clockwise"."""
    if turn:
        return TURN_NAMES[turn]
    whole = round(abs(angle))
    if whole == 0:
        return "shifted or cropped"
    return f"turned by {whole}° {'clockwise' if angle > 0 else 'counterclockwise'}"
