"""The images that show a drift, each beside what the other set has that is most like it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataeval_ui.types import Json

if TYPE_CHECKING:
    import numpy as np

    from dataeval_ui.services.drift import DriftAnswer
    from dataeval_ui.services.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedImage:
    """An image of one set, and the images of the other that are most like it.

    Attributes
    ----------
    row : int
        In its run.
    score : float
        What it was chosen by: larger means more surely of its set, or denser there.
    nearest : tuple of (int, float)
        Rows in the other run with their cosine similarities, the most similar first.
    """

    row: int
    score: float
    nearest: tuple[tuple[int, float], ...]


def splits_of(run: Run) -> tuple[str, ...]:
    """Return the names of a run's splits, those that have an image, in order."""
    return tuple(sorted({name for name in run.first_places["split"].to_pylist() if name is not None}))


def images_beside(
    run: Run, other: Run, listed: Sequence[Json], *, among: np.ndarray | None = None, n: int = 8, n_nearest: int = 3
) -> tuple[ShiftedImage, ...]:
    """Return images of a comparison with their nearest images of the other set, exact by cosine.

    Parameters
    ----------
    listed : sequence of dict
        `new_in_test`, `vanished` or `most_shifted` of `compare_runs_for_drift`; images of `run`.
    among : ndarray of int64, optional
        Rows of the other run, of its set; only these may be nearest.
    """
    import numpy as np

    from dataeval_ui.services.search import search_vector

    mask = None
    if among is not None and len(among) < other.n_images:
        mask = np.zeros(other.n_images, dtype=np.bool_)
        mask[among] = True
    shown = []
    for image in listed[:n]:
        row = run.row_of[image["image_id"]]
        found = search_vector(other, np.asarray(run.view.embeddings[row]), k=n_nearest, mask=mask)
        nearest = tuple((int(r), float(s)) for r, s in zip(found.rows, found.similarities, strict=True))
        shown.append(ShiftedImage(row=row, score=float(image["score"]), nearest=nearest))
    return tuple(shown)


def galleries(reference: Run, test: Run, answer: DriftAnswer) -> dict[str, tuple[ShiftedImage, ...]]:
    """Return the images that show a drift, by the name of their list in `answer.told`."""
    first, second = answer.among
    return {
        "new_in_test": images_beside(test, reference, answer.told["new_in_test"], among=first),
        "vanished": images_beside(reference, test, answer.told["vanished"], among=second),
        "most_shifted": images_beside(test, reference, answer.told["most_shifted"], among=first),
    }


def told_with_images(reference: Run, test: Run, answer: DriftAnswer) -> Json:
    """Return `answer.told` with what the map and the galleries of the page say: what `drift --json` prints.

    Returns
    -------
    dict
        `answer.told`, and `map`: `n_unsure` of the `n_test` images have no sure place. The first images of
        `new_in_test`, `vanished` and `most_shifted` have their `nearest` of the other set: `image_id`, `path`,
        `similarity`.
    """
    from dataeval_ui.services.drift_map import drift_map

    is_unsure = drift_map(reference, test, answer).is_unsure
    told = {**answer.told, "map": {"n_test": len(is_unsure), "n_unsure": int(is_unsure.sum())}}
    for name, shown in galleries(reference, test, answer).items():
        other = test if name == "vanished" else reference
        beside = [{"nearest": [_told_near(other, *near) for near in image.nearest]} for image in shown]
        listed = answer.told[name]
        told[name] = [{**image, **near} for image, near in zip(listed, beside, strict=False)] + listed[len(beside) :]
    return told


def _told_near(run: Run, row: int, similarity: float) -> Json:
    return {"image_id": run.image_ids[row], "path": run.places(row)[0].path, "similarity": round(similarity, 6)}
