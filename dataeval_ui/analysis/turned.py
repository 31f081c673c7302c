"""Copies that are mirrored, turned by quarters, or turned by a few degrees: what near duplicates leave out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.alignment import luma_of, shrink, smooth
from dataeval_ui.analysis.candidates import (
    MAX_HASH_PARTNERS,
    cross_hash_pairs,
    hash_distances,
)
from dataeval_ui.analysis.duplicates import MIN_PIXEL_SIMILARITY, group_pairs, pair_cosines
from dataeval_ui.analysis.orientation import (
    N_TURNS,
    compose_turns,
    invert_turns,
    pixel_orders,
    swaps_sides,
    turn_images,
    turned_hashes,
)
from dataeval_ui.analysis.pixels import COARSE_PX, STARTS, Pictures, compare_coarsely, similarity, unit_pictures
from dataeval_ui.analysis.squares import Squares
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import DuplicatePairs, NeighborGraph, Progress, Silent, batches
from dataeval_ui.types.turned import TurnedPairs

if TYPE_CHECKING:
    from dataeval_ui.types.base import Bool, Float32, Int32, Int64, UInt8, UInt64

BOUNDS = np.array([0.25, 0.25, 0.3], dtype=np.float32)
"""As `alignment.BOUNDS`, but of shear: a turn by 10 degrees of a picture twice as wide as high is a shear of 0.35 and
0.09 once it is squeezed into a square."""

_ANGLE_DEG = 5.0
"""Turns that are tried as starts; the alignment goes on to about twice as many degrees."""

_MIN_COSINE = 0.25
_MIN_UNALIGNED = 0.6
"""Least correlation of two 16 x 16 pictures, the turn undone, before they are aligned."""

_MAX_BEHIND = 0.1
"""Turns that correlate so much less than a pair's best one are not looked at."""

_MAX_ASPECT_RATIO = 1.2
_MAX_SQUARES_BYTES = 2**26
_ROWS_A_READ = 512
_PAIRS_A_STEP = 2048
_PAIRS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class _Source:
    """Small pictures of all images, in all orientations."""

    coarse: UInt8
    aspects: Float32
    hashes: UInt64
    squares: Squares
    n_threads: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class _Found:
    """Rows of the two images of each pair, how the left lies on the right, and how alike they are."""

    pairs: Int64
    turns: Int64
    scores: Float32
    angles: Float32

    def take(self, at: Int64 | Bool) -> _Found:
        """Return some of the pairs."""
        return _Found(self.pairs[at], self.turns[at], self.scores[at], self.angles[at])


def _join(found: Sequence[_Found]) -> _Found:
    return _Found(
        np.concatenate([one.pairs for one in found]),
        np.concatenate([one.turns for one in found]),
        np.concatenate([one.scores for one in found]),
        np.concatenate([one.angles for one in found]),
    )


def find_turned_duplicates(
    graph: NeighborGraph,
    *,
    thumbnails: Callable[[Sequence[int]], Sequence[bytes]],
    near: DuplicatePairs,
    embeddings: Float32 | None = None,
    hash_radius: int = 8,
    n_threads: int = 1,
    progress: Progress | None = None,
) -> TurnedPairs:
    """Find images that show the same picture mirrored or turned.

    Parameters
    ----------
    graph : NeighborGraph
        Of the run's images, whose contents differ.
    thumbnails : callable
        Gives the JPEG thumbnails of some rows, in their order.
    near : DuplicatePairs
        The near duplicates: what is one of these is none here.
    embeddings : ndarray of shape (n_images, n_dims), float32, optional
        For the cosine of pairs that are no edge of the graph; without, it is NaN.
    hash_radius : int, default 8
        Hashes of turned images at most this many bits apart are candidates, in [0, 16].
    n_threads : int, default 1
        The result does not depend on it.
    progress : Progress, optional

    Returns
    -------
    TurnedPairs
        The most alike first, ties by rows.

    Raises
    ------
    ParameterError
        `hash_radius` outside [0, 16].
    StorageError
        A damaged thumbnail.

    Notes
    -----
    Candidates are the edges of the graph under all eight flips and quarter turns, and images whose perceptual hash is
    near that of another one turned. Of these, turns whose 16 x 16 grey values correlate by 0.6 unaligned, and by at
    most 0.1 less than the pair's best turn, are verified as near duplicates are, with the turn undone. Without a flip
    or quarter turn, the alignment begins at turns of 5 degrees too. Where a pair is found, its images are compared
    with the partners of each other. Memory: 1 kB an image, the squares that are kept, and the pixels of one batch.
    """
    if not 0 <= hash_radius <= 16:
        raise ParameterError(f"hash_radius must be in [0, 16], got {hash_radius}.")
    squares = Squares(thumbnails, n_threads=n_threads, max_bytes=_MAX_SQUARES_BYTES)
    source = _read(graph.n_images, squares, n_threads, progress or Silent())
    known = _codes(np.stack([near.left, near.right], axis=1).astype(np.int64), graph.n_images)
    pairs, turns = _candidates(source, graph, known, hash_radius)
    found = _best(_verify(source, pairs, turns))
    more, more_turns = _partners(found, near, known, graph.n_images)
    if more.size:
        added = _verify(source, more, more_turns)
        found = _best(_join([found, added]))
    order = np.lexsort((found.pairs[:, 1], found.pairs[:, 0], -found.scores))
    pairs, turns = found.pairs[order], found.turns[order]
    left, right = pairs.T.astype(np.int32)
    return TurnedPairs(
        left=left,
        right=right,
        turn=turns.astype(np.int32),
        angle=found.angles[order],
        cosine=pair_cosines(graph, pairs, embeddings),
        hash_distance=hash_distances(source.hashes[0, left], source.hashes[turns, right]),
        pixel_similarity=found.scores[order],
        groups=_group(pairs, found.scores[order], near),
    )


def _read(n: int, squares: Squares, n_threads: int, progress: Progress) -> _Source:
    coarse = np.empty((n, COARSE_PX, COARSE_PX, 3), dtype=np.uint8)
    aspects = np.empty(n, dtype=np.float32)
    hashes = np.empty((N_TURNS, n), dtype=np.uint64)
    for part in batches(n, _ROWS_A_READ):
        progress.check_cancelled()
        luma, coarse[part], aspects[part] = squares.read(np.arange(part.start, part.stop))
        hashes[:, part] = turned_hashes(shrink(luma, 32))
        progress.report("findings", part.stop, 2 * n)
    return _Source(coarse, aspects, hashes, squares, n_threads, progress)


def _candidates(source: _Source, graph: NeighborGraph, known: Int64, hash_radius: int) -> tuple[Int64, Int64]:
    """Pairs with the turns under which they are worth a look, each once, and sorted by turn."""
    n = graph.n_images
    found = [(np.empty((0, 2), np.int64), np.empty(0, np.int64))]
    for part in batches(n, _ROWS_A_READ):
        edges = _edges(graph, part)
        found.append(_worth_a_look(source, edges[~np.isin(_codes(edges, n), known)]))
    for turn in range(1, N_TURNS):
        pairs = cross_hash_pairs(source.hashes[0], source.hashes[turn], radius=hash_radius)
        # the same pair the other way round is found by the inverse turn
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        pairs = pairs[~np.isin(_codes(pairs, n), known)]
        for part in batches(len(pairs), _PAIRS_AT_ONCE):
            alike = _unaligned(source, pairs[part], (turn,))[:, 0] >= _MIN_UNALIGNED
            found.append((pairs[part][alike], np.full(int(alike.sum()), turn)))
    pairs, turns = (np.concatenate(parts) for parts in zip(*found, strict=True))
    codes = np.unique(turns * n * n + _codes(pairs, n)) if n else np.empty(0, np.int64)
    return np.stack([codes // max(n, 1) % max(n, 1), codes % max(n, 1)], axis=1), codes // max(n * n, 1)


def _edges(graph: NeighborGraph, part: slice) -> Int64:
    """Edges of some rows as pairs; those that go both ways are the lower row's."""
    k = graph.indices.shape[1]
    near = graph.similarities[part].ravel() >= _MIN_COSINE
    rows = np.repeat(np.arange(part.start, part.stop, dtype=np.int64), k)[near]
    others = graph.indices[part].ravel()[near].astype(np.int64)
    own = (rows < others) | ~(graph.indices[others] == rows[:, None]).any(axis=1)
    return np.sort(np.stack([rows[own], others[own]], axis=1), axis=1)


def _worth_a_look(source: _Source, pairs: Int64) -> tuple[Int64, Int64]:
    """Return pairs with the turns under which their pictures correlate, each as often as there are such turns."""
    correlations = _unaligned(source, pairs, range(N_TURNS))
    best = correlations.max(axis=1, keepdims=True, initial=-1)
    at, turns = np.nonzero((correlations >= _MIN_UNALIGNED) & (correlations >= best - _MAX_BEHIND))
    return pairs[at], turns


def _unaligned(source: _Source, pairs: Int64, turns: Sequence[int]) -> Float32:
    """Correlation of each pair's 16 x 16 grey values under each turn, -1 where their shapes do not fit."""
    from dataeval_ui.analysis.compiled_pairs import correlate_turned

    source.progress.check_cancelled()
    rows, places = np.unique(pairs, return_inverse=True)
    left, right = places.reshape(-1, 2).T
    units = unit_pictures(smooth(luma_of(source.coarse[rows])))
    scores = np.empty((len(pairs), len(turns)), dtype=np.float32)
    correlate_turned(units, left, right, pixel_orders(COARSE_PX)[list(turns)], scores)
    for column, turn in enumerate(turns):
        scores[~_shapes_fit(source, pairs, turn), column] = -1
    return scores


def _shapes_fit(source: _Source, pairs: Int64, turn: int) -> Bool:
    own, other = (np.log(source.aspects[pairs[:, side]]) for side in (0, 1))
    fits: Bool = np.abs(own + other if swaps_sides(np.array([turn]))[0] else own - other) <= np.log(_MAX_ASPECT_RATIO)
    return fits


def _verify(source: _Source, pairs: Int64, turns: Int64) -> _Found:
    """Return the pairs that show the same picture."""
    nothing = _Found(
        np.empty((0, 2), np.int64), np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32)
    )
    found, n_done = [nothing], 0
    for turn in range(N_TURNS):
        of_turn = pairs[turns == turn]
        for part in batches(len(of_turn), _PAIRS_A_STEP):
            source.progress.check_cancelled()
            found.append(_verify_turn(source, of_turn[part], turn))
            n_done += part.stop - part.start
            source.progress.report("findings", len(pairs) + n_done, 2 * len(pairs))
    return _join(found)


def _verify_turn(source: _Source, pairs: Int64, turn: int) -> _Found:
    rows, places = _two_sided(pairs)
    rgb = _as_turned(source.coarse[np.concatenate(rows)], len(rows[0]), turn)
    starts = STARTS if turn else np.concatenate([STARTS, _turned_starts()])
    alike, warps = compare_coarsely(rgb, places, starts=starts, bounds=BOUNDS, n_threads=source.n_threads)
    pairs = pairs[alike]
    rows, places = _two_sided(pairs)
    sides = zip(*(source.squares.read(of_side) for of_side in rows), strict=True)
    luma, small, aspects = (np.concatenate(of_both) for of_both in sides)
    pictures = Pictures(_as_turned(luma, len(rows[0]), turn), _as_turned(small, len(rows[0]), turn), aspects)
    scores = similarity(pictures, places, warps, least=MIN_PIXEL_SIMILARITY, bounds=BOUNDS, n_threads=source.n_threads)
    same = scores >= MIN_PIXEL_SIMILARITY
    pairs = pairs[same]
    turns = np.full(len(pairs), turn)
    return _Found(pairs, turns, scores[same], _angles(source, pairs, turns, warps[same]))


def _two_sided(pairs: Int64) -> tuple[tuple[Int64, Int64], Int64]:
    """Return the distinct left and right rows of pairs, and where each pair is in the two one after the other."""
    (left, own), (right, other) = (np.unique(pairs[:, side], return_inverse=True) for side in (0, 1))
    return (left, right), np.stack([own, left.size + other], axis=1)


def _as_turned(pixels: UInt8, n_left: int, turn: int) -> UInt8:
    """Undo the turn of the right pictures, which follow the left."""
    return np.concatenate([pixels[:n_left], turn_images(pixels[n_left:], turn)])


def _turned_starts() -> Float32:
    c, s = np.cos(np.radians(_ANGLE_DEG)), np.sin(np.radians(_ANGLE_DEG))
    return np.array([[[c, -s, 0], [s, c, 0]], [[c, s, 0], [-s, c, 0]]], dtype=np.float32)


def _angles(source: _Source, pairs: Int64, turns: Int64, warps: Float32) -> Float32:
    """Degrees by which the right picture, its turn undone, is turned clockwise against the left."""
    own, other = source.aspects[pairs[:, 0]], source.aspects[pairs[:, 1]]
    other = np.where(swaps_sides(turns), 1 / other, other)
    # the squeeze into a square is undone: a place is (aspect * x, y)
    down, across = warps[:, 1, 0] / own, warps[:, 0, 1] * other
    angles: Float32 = np.degrees(np.arctan2(down - across, warps[:, 0, 0] * other / own + warps[:, 1, 1]))
    return angles.astype(np.float32)


def _best(found: _Found) -> _Found:
    """Keep each pair once, under the turn at which it is most alike; ties: the first."""
    order = np.lexsort((found.turns, -found.scores, found.pairs[:, 1], found.pairs[:, 0]))
    ordered = found.take(order)
    first = np.ones(len(order), dtype=bool)
    first[1:] = (ordered.pairs[1:] != ordered.pairs[:-1]).any(axis=1)
    return ordered.take(first)


def _partners(found: _Found, near: DuplicatePairs, known: Int64, n: int) -> tuple[Int64, Int64]:
    """Pairs of images that have a partner in common, turned or near, with the turn that follows."""
    partners: dict[int, list[tuple[int, int]]] = {}

    def add(pairs: Int64, turns: Int64) -> None:
        inverse = invert_turns(turns).tolist()
        for (a, b), turn, back in zip(pairs.tolist(), turns.tolist(), inverse, strict=True):
            partners.setdefault(a, []).append((b, turn))
            partners.setdefault(b, []).append((a, back))

    add(found.pairs, found.turns)
    near_pairs = np.stack([near.left, near.right], axis=1).astype(np.int64)
    touched = np.isin(near_pairs, found.pairs).any(axis=1)
    add(near_pairs[touched], np.zeros(int(touched.sum()), np.int64))
    made = [
        (a, b, int(turn_a), int(turn_b))
        for of_one in partners.values()
        for i, (a, turn_a) in enumerate(sorted(of_one)[:MAX_HASH_PARTNERS])
        for b, turn_b in sorted(of_one)[i + 1 : MAX_HASH_PARTNERS]
        if a != b
    ]
    if not made:
        return np.empty((0, 2), np.int64), np.empty(0, np.int64)
    a, b, turn_a, turn_b = np.array(made, dtype=np.int64).T
    turns = compose_turns(invert_turns(turn_a), turn_b)
    codes = np.unique(turns * n * n + np.minimum(a, b) * n + np.maximum(a, b))
    pairs, turns = np.stack([codes // n % n, codes % n], axis=1), codes // (n * n)
    new = ~np.isin(_codes(pairs, n), np.concatenate([known, _codes(found.pairs, n)]))
    return pairs[new], turns[new]


def _group(pairs: Int64, scores: Float32, near: DuplicatePairs) -> Int32:
    """Group the pairs together with the near duplicates, by complete linkage; numbered from 0, larger groups first."""
    every = np.concatenate([pairs, np.stack([near.left, near.right], axis=1)])
    order = np.argsort(-np.concatenate([scores, near.pixel_similarity]), kind="stable")
    groups = np.empty(len(every), dtype=np.int32)
    groups[order] = group_pairs(*every[order].T.astype(np.int32))
    own = groups[: len(pairs)]
    numbers, places = np.unique(own[own >= 0], return_inverse=True)
    numbered = np.full(len(pairs), -1, dtype=np.int32)
    numbered[own >= 0] = np.arange(numbers.size, dtype=np.int32)[places]
    return numbered


def _codes(pairs: Int64, n: int) -> Int64:
    codes: Int64 = pairs[:, 0] * n + pairs[:, 1]
    return codes
