"""The images that show a drift, each beside what the reference has that is most like it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataeval_ui.types import Json

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedImage:
    """An image of the test set, and the images of the reference that are most like it.

    Attributes
    ----------
    row : int
        In the test run.
    score : float
        Of the domain classifier; larger means more surely of the test set.
    nearest : tuple of (int, float)
        Rows in the reference run with their cosine similarities, the most similar first.
    """

    row: int
    score: float
    nearest: tuple[tuple[int, float], ...]


def splits_of(run: Run) -> tuple[str, ...]:
    """Return the names of a run's splits, those that have an image, in order."""
    return tuple(sorted({name for name in run.first_places["split"].to_pylist() if name is not None}))


def shifted_images(
    reference: Run, test: Run, told: Json, *, split: str | None = None, n: int = 8, n_nearest: int = 3
) -> tuple[ShiftedImage, ...]:
    """Return the most shifted images of a comparison with their nearest images of the reference, exact by cosine.

    Parameters
    ----------
    told : dict
        What `compare_runs_for_drift` returned for these runs.
    split : str, optional
        Of the reference; only its images may be nearest.
    """
    import numpy as np

    from dataeval_ui.services.search import search_vector

    mask = None
    if split is not None:
        mask = np.array([name == split for name in reference.first_places["split"].to_pylist()], dtype=np.bool_)
    shown = []
    for image in told["most_shifted"][:n]:
        row = test.row_of[image["image_id"]]
        found = search_vector(reference, np.asarray(test.view.embeddings[row]), k=n_nearest, mask=mask)
        nearest = tuple((int(r), float(s)) for r, s in zip(found.rows, found.similarities, strict=True))
        shown.append(ShiftedImage(row=row, score=float(image["score"]), nearest=nearest))
    return tuple(shown)
