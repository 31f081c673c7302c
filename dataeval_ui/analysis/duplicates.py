"""Near duplicates: candidate pairs, each verified on its pixels, in groups of which every two images are a pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.candidates import MAX_HASH_PARTNERS, hash_distances, hash_pairs, neighbor_pairs, unique_pairs
from dataeval_ui.analysis.pixels import COARSE_PX, compare_coarsely, similarity
from dataeval_ui.analysis.squares import Squares
from dataeval_ui.errors import ParameterError
from dataeval_ui.types import AnalysisParams, DuplicatePairs, NeighborGraph, Progress, Silent, batches

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32, Int64, UInt64

MIN_PIXEL_SIMILARITY = 0.82
"""Least similarity of the aligned thumbnails of a near duplicate; see `docs/analysis.md` for how it was measured."""

_MIN_COSINE = 0.25
"""Even a changed copy keeps more of its embedding."""

_BITS_A_COSINE = 100
"""Bits of the two hashes together that must agree more where the cosine is lower by 1."""

_MAX_BITS_ALONE = 28
"""Bits of 128 in which the hashes of a pair that is no edge may differ: drawings on white often share one of the two
hashes by chance. Unlike images differ in about 60."""

_MAX_ASPECT_RATIO = 1.2

_ROWS_A_READ = 512
_PAIRS_A_STEP = 2048
_PAIRS_A_LOOK = 2**15
_EMBEDDING_BYTES = 2**22


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What an earlier run found among images that are still there.

    Attributes
    ----------
    pairs : DuplicatePairs
    graph : NeighborGraph
        The earlier run's.
    old_rows : ndarray of shape (n_images,), int32
        Row of each image in the earlier run, -1 for a new image.
    """

    pairs: DuplicatePairs
    graph: NeighborGraph
    old_rows: Int32


@dataclass(frozen=True, slots=True)
class _Source:
    """Where hashes and thumbnails come from."""

    phash: UInt64
    dhash: UInt64
    squares: Squares
    n_threads: int
    progress: Progress


def find_near_duplicates(
    graph: NeighborGraph,
    *,
    phash: UInt64,
    dhash: UInt64,
    thumbnails: Callable[[Sequence[int]], Sequence[bytes]],
    params: AnalysisParams,
    embeddings: Float32 | None = None,
    earlier: Earlier | None = None,
    n_threads: int = 1,
    progress: Progress | None = None,
) -> DuplicatePairs:
    """Find images that show the same picture in another size, crop, compression or light.

    Parameters
    ----------
    graph : NeighborGraph
        Of the run's images, whose contents differ: exact duplicates are not found here.
    phash, dhash : ndarray of shape (n_images,), uint64
        Perceptual hashes; 0 for a blank image.
    thumbnails : callable
        Gives the JPEG thumbnails of some rows, in their order.
    params : AnalysisParams
        `hash_radius` counts here.
    embeddings : ndarray of shape (n_images, n_dims), float32, optional
        For the cosine of pairs that are no edge of the graph; without, it is NaN.
    earlier : Earlier, optional
        Found with the same parameters: its pairs are taken over, and only what is new is compared.
    n_threads : int, default 1
        Threads that decode; the result does not depend on it.
    progress : Progress, optional

    Returns
    -------
    DuplicatePairs
        The most alike first, ties by rows.

    Raises
    ------
    ParameterError
        Hashes of another number of images, or `hash_radius` outside [0, 16].
    StorageError
        A damaged thumbnail.

    Notes
    -----
    Candidates are the edges of the graph, and all pairs of hashes within the radius (an image brings in at most 32).
    Pairs by hash alone whose two hashes differ in more than 28 of 128 bits are dropped unread, and so are pairs whose
    cosine is below 0.25 + bits / 100. Of the rest, the thumbnails are compared in steps: grey values and colours
    on 16 x 16 pixels after an affine alignment, then, where these agree, on 32 x 32 and 64 x 64 after finer
    ones. Where a pair is found, the partners of its images are compared with each other too, so that groups are whole.
    A picture without any pattern is like no other. Memory: O(n) descriptors, and the pixels of one batch.

    With an earlier run, pairs of two old images that it could compare are not compared again. The result equals one
    from scratch, but for pairs found through an edge that nearer, new images displaced, which stay.
    """
    n = graph.n_images
    if phash.shape != (n,) or dhash.shape != (n,):
        raise ParameterError(f"There must be one hash an image, {n} in all, got {phash.shape} and {dhash.shape}.")
    if not 0 <= params.hash_radius <= 16:
        raise ParameterError(f"hash_radius must be in [0, 16], got {params.hash_radius}.")
    source = _Source(phash, dhash, Squares(thumbnails, n_threads=n_threads), n_threads, progress or Silent())
    pairs, scores, compared = _taken_over(earlier, n)
    candidates = _without_known(_candidates(source, graph, params, embeddings, earlier), compared, n)
    compared = np.concatenate([compared, candidates])
    found, found_scores = _verify(source, candidates)
    pairs, scores = np.concatenate([pairs, found]), np.concatenate([scores, found_scores])
    more = _without_known(_partners_of_partners(pairs, n), compared, n)
    if more.size:
        found, found_scores = _verify(source, more)
        pairs, scores = np.concatenate([pairs, found]), np.concatenate([scores, found_scores])
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -scores))
    pairs, scores = pairs[order], scores[order]
    left, right = pairs[:, 0].astype(np.int32), pairs[:, 1].astype(np.int32)
    return DuplicatePairs(
        left=left,
        right=right,
        cosine=pair_cosines(graph, pairs, embeddings),
        hash_distance=np.minimum(hash_distances(phash[left], phash[right]), hash_distances(dhash[left], dhash[right])),
        pixel_similarity=scores,
        groups=group_pairs(left, right),
    )


def group_pairs(left: Int32, right: Int32) -> Int32:
    """Group images so that every two of a group are a pair.

    Complete linkage, greedy: the pairs are taken in their order, and one joins the groups of its two images if all
    pairs between these are there.

    Parameters
    ----------
    left, right : ndarray of shape (n_pairs,), int32
        The most alike first.

    Returns
    -------
    ndarray of shape (n_pairs,), int32
        Group of each pair, larger groups first (ties: lower first row); -1 for a pair between two groups.
    """
    partners: dict[int, set[int]] = {}
    edges = list(zip(left.tolist(), right.tolist(), strict=True))
    for a, b in edges:
        partners.setdefault(a, {a}).add(b)
        partners.setdefault(b, {b}).add(a)
    group_of = {row: {row} for row in partners}
    for a, b in edges:
        ours, theirs = group_of[a], group_of[b]
        if ours is not theirs and all(theirs <= partners[row] for row in ours):
            ours |= theirs
            for row in theirs:
                group_of[row] = ours
    groups = {id(group): group for group in group_of.values() if len(group) > 1}
    ranked = sorted(groups.values(), key=lambda group: (-len(group), min(group)))
    number = {id(group): i for i, group in enumerate(ranked)}
    together = (number[id(group_of[a])] if group_of[a] is group_of[b] else -1 for a, b in edges)
    return np.fromiter(together, dtype=np.int32, count=len(edges))


def _candidates(
    source: _Source,
    graph: NeighborGraph,
    params: AnalysisParams,
    embeddings: Float32 | None,
    earlier: Earlier | None,
) -> Int64:
    """Pairs that are worth a look at their pixels."""
    n = graph.n_images
    edges = neighbor_pairs(graph, min_cosine=_MIN_COSINE)
    alike = [hash_pairs(hashes, radius=params.hash_radius) for hashes in (source.phash, source.dhash)]
    near = unique_pairs(np.concatenate(alike), n)
    if earlier is not None:
        near = near[(earlier.old_rows[near] < 0).any(axis=1)]
    near = near[_hash_bits(source, near) <= _MAX_BITS_ALONE]
    pairs = unique_pairs(np.concatenate([edges, near]), n)
    cosines = pair_cosines(graph, pairs, embeddings)
    # A cosine that is not known rules nothing out.
    return pairs[~(cosines < _MIN_COSINE + _hash_bits(source, pairs) / _BITS_A_COSINE)]


def _taken_over(earlier: Earlier | None, n_images: int) -> tuple[Int64, Float32, Int64]:
    """The earlier run's pairs of images that are still there, their scores, and which pairs it compared."""
    if earlier is None:
        return np.empty((0, 2), np.int64), np.empty(0, np.float32), np.empty((0, 2), np.int64)
    kept = np.flatnonzero(earlier.old_rows >= 0)
    row_of_old = np.full(earlier.graph.n_images, -1, dtype=np.int64)
    row_of_old[earlier.old_rows[kept]] = kept

    def here(pairs: Int64) -> Int64:
        """Their rows now, the lower on the left; (-1, .) where one is gone."""
        return np.sort(row_of_old[pairs], axis=1)

    pairs = here(np.stack([earlier.pairs.left, earlier.pairs.right], axis=1).astype(np.int64))
    still = pairs[:, 0] >= 0
    edges = here(neighbor_pairs(earlier.graph, min_cosine=_MIN_COSINE))
    pairs, scores = pairs[still], earlier.pairs.pixel_similarity[still]
    compared = np.concatenate([pairs, edges[edges[:, 0] >= 0], _partners_of_partners(pairs, n_images)])
    return pairs, scores, compared


def _hash_bits(source: _Source, pairs: Int64) -> Int32:
    """Bits in which the two hashes of each pair differ together; 0 where one has no pattern to hash."""
    left, right = pairs[:, 0], pairs[:, 1]
    total = hash_distances(source.phash[left], source.phash[right])
    total += hash_distances(source.dhash[left], source.dhash[right])
    total[(source.phash[left] == 0) | (source.phash[right] == 0)] = 0
    return total


def _verify(source: _Source, pairs: Int64) -> tuple[Int64, Float32]:
    """Return the pairs that show the same picture, and how alike they are."""
    pairs, warps = _coarsely_alike(source, pairs)
    scores = np.empty(len(pairs), dtype=np.float32)
    for part in batches(len(pairs), _PAIRS_A_STEP):
        source.progress.check_cancelled()
        rows, places = np.unique(pairs[part], return_inverse=True)
        scores[part] = similarity(
            source.squares.read(rows),
            places.reshape(-1, 2),
            warps[part],
            least=MIN_PIXEL_SIMILARITY,
            n_threads=source.n_threads,
        )
        source.progress.report("findings", part.stop, len(pairs))
    same = scores >= MIN_PIXEL_SIMILARITY
    return pairs[same], scores[same]


def _coarsely_alike(source: _Source, pairs: Int64) -> tuple[Int64, Float32]:
    """Return the pairs that may show the same picture, and how one lies on the other."""
    rows, places = np.unique(pairs, return_inverse=True)
    places = places.reshape(-1, 2)
    rgb = np.empty((rows.size, COARSE_PX, COARSE_PX, 3), dtype=np.uint8)
    aspects = np.empty(rows.size, dtype=np.float32)
    for part in batches(rows.size, _ROWS_A_READ):
        source.progress.check_cancelled()
        _, rgb[part], aspects[part] = source.squares.read(rows[part])
    stretch = np.abs(np.log(aspects[places[:, 0]] / aspects[places[:, 1]]))
    fits = stretch <= np.log(_MAX_ASPECT_RATIO)
    pairs, places = pairs[fits], places[fits]
    alike, warps = compare_coarsely(rgb, places, n_threads=source.n_threads)
    return pairs[alike], warps


def _partners_of_partners(pairs: Int64, n_images: int) -> Int64:
    """Pairs of images that have a partner in common."""
    partners: dict[int, list[int]] = {}
    for a, b in pairs.tolist():
        partners.setdefault(a, []).append(b)
        partners.setdefault(b, []).append(a)
    return unique_pairs(np.array(list(_two_of_each(partners.values())), dtype=np.int64).reshape(-1, 2), n_images)


def _two_of_each(lists: Iterable[list[int]]) -> Iterable[tuple[int, int]]:
    for rows in lists:
        some = sorted(rows)[:MAX_HASH_PARTNERS]
        for i, a in enumerate(some):
            for b in some[i + 1 :]:
                yield a, b


def _without_known(pairs: Int64, known: Int64, n_images: int) -> Int64:
    codes, known_codes = (p[:, 0] * n_images + p[:, 1] for p in (pairs, known))
    return pairs[~np.isin(codes, known_codes)]


def pair_cosines(graph: NeighborGraph, pairs: Int64, embeddings: Float32 | None) -> Float32:
    """Cosine of each pair: from the graph where it is an edge, else from the embeddings."""
    cosines = np.full(len(pairs), np.nan, dtype=np.float32)
    for part in batches(len(pairs), _PAIRS_A_LOOK):
        of_part = cosines[part]
        for own, other in (pairs[part].T, pairs[part, ::-1].T):
            is_edge = graph.indices[own] == other[:, None]
            at = np.flatnonzero(is_edge.any(axis=1))
            of_part[at] = graph.similarities[own[at], is_edge[at].argmax(axis=1)]
    if embeddings is not None:
        from dataeval_ui.analysis.compiled_hashes import cosines as row_cosines

        missing = np.flatnonzero(np.isnan(cosines))
        for part in batches(missing.size, max(1, _EMBEDDING_BYTES // (4 * embeddings.shape[1]))):
            at = missing[part]
            found = np.empty(at.size, dtype=np.float32)
            left, right = (np.ascontiguousarray(embeddings[rows], dtype=np.float32) for rows in pairs[at].T)
            row_cosines(left, right, found)
            cosines[at] = found
    return cosines
