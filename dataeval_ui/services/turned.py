"""Mirrored and turned copies of a run, found when first asked for and kept with the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.types.turned import TURNS, TurnedPairs

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types import DuplicatePairs, Progress

_NAME, _VERSION = "turned-duplicates", 1


def turned_duplicates(run: Run, progress: Progress | None = None) -> TurnedPairs:
    """Find a run's mirrored and turned copies; ask `run.turned`, which keeps them open.

    Raises
    ------
    StorageError
        Thumbnails were lost, or the result cannot be written.
    """
    from dataeval_ui.services.derived import kept

    def compute() -> TurnedPairs:
        from dataeval_ui.analysis.projection import load_compiled
        from dataeval_ui.analysis.turned import find_turned_duplicates
        from dataeval_ui.store.thumbnails import thumbnail_reader

        load_compiled()
        return find_turned_duplicates(
            run.graph,
            thumbnails=thumbnail_reader(run.services.workspace, run.image_ids),
            near=run.duplicates,
            embeddings=run.view.embeddings,
            hash_radius=run.record.params.hash_radius,
            n_threads=run.services.settings.n_threads,
            progress=progress,
        )

    def is_valid(pairs: TurnedPairs) -> bool:
        ordered = (pairs.left >= 0) & (pairs.left < pairs.right) & (pairs.right < run.n_images)
        turns = (pairs.turn >= 0) & (pairs.turn < len(TURNS))
        groups = (pairs.groups >= -1) & (pairs.groups < max(pairs.n_pairs, 1))
        return bool((ordered & turns & groups).all())

    return kept(run, _NAME, _VERSION, TurnedPairs, compute, is_valid=is_valid, per_image=False)


def are_known(run: Run) -> bool:
    """Whether a run's mirrored and turned copies were looked for already."""
    from dataeval_ui.services.derived import is_kept

    return is_kept(run, _NAME, _VERSION)


def pair_number(pairs: DuplicatePairs | TurnedPairs, left: int, right: int) -> int | None:
    """Return which pair two images are, in either order; None where they are none."""
    found = ((pairs.left == left) & (pairs.right == right)) | ((pairs.left == right) & (pairs.right == left))
    at = found.nonzero()[0]
    return int(at[0]) if at.size else None


def turn_of_pair(run: Run, left: int, right: int) -> tuple[int, float] | None:
    """Return what the right image is of the left: which of `TURNS`, and degrees clockwise; None for no turned pair."""
    at = pair_number(run.turned, left, right)
    if at is None:
        return None
    turn, angle = int(run.turned.turn[at]), float(run.turned.angle[at])
    if left < right:
        return turn, angle
    matrix = np.array(TURNS[turn])
    back = TURNS.index(tuple(tuple(row) for row in matrix.T.tolist()))
    # a mirror turns the sense of a rotation round
    return back, angle * -float(np.linalg.det(matrix))


def undoing(turn: tuple[int, float]) -> tuple[float, float, float, float]:
    """Return (a, b, c, d) of the CSS or canvas matrix that draws the right picture as it lies on the left."""
    number, angle = turn[0], round(turn[1], 2)  # less than a hundredth of a degree is what measuring leaves of none
    # the left picture at p is the right one at M p, so the right one is drawn by the inverse, the transpose
    inverse = np.array(TURNS[number], dtype=float).T
    c, s = np.cos(np.radians(-angle)), np.sin(np.radians(-angle))
    a, b, d, e = (np.array([[c, -s], [s, c]]) @ inverse).T.ravel().round(6).tolist()
    return a, b, d, e
