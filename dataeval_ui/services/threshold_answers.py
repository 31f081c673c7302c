"""What a person answered when asked whether an image is right beyond a threshold, kept in the run's folder.

The file's name carries a version. Answers are in the order in which they were given: the last can be taken back.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from dataeval_ui.errors import InputError, StorageError

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

_RESULT = "threshold-answers-v1"
_writing = Lock()
Answer = bool | None
"""None: one cannot tell."""


def threshold_answers(run: Run, subject: str) -> dict[int, Answer]:
    """Return the answers about one measure, by row.

    Parameters
    ----------
    run : Run
    subject : str
        The measure, such as "outliers-knn" or "quality-blurry".

    Raises
    ------
    StorageError
        The file is damaged.
    """
    return {
        run.row_of[image_id]: answer
        for image_id, answer in _load(run).get(subject, [])
        if image_id in run.row_of  # a bundle may name images of another run
    }


def answer_threshold(run: Run, subject: str, row: int, answer: Answer) -> None:
    """Keep an answer, on the disk when this returns. A later one about the same image takes its place.

    Raises
    ------
    InputError
        The run has no such image.
    StorageError
        The file is damaged, or the disk is full.
    """
    if not 0 <= row < run.n_images:
        raise InputError(f"There is no image {row}; the run has {run.n_images}.")
    image_id = run.image_ids[row]
    with _writing:
        every = _load(run)
        kept = [entry for entry in every.get(subject, []) if entry[0] != image_id]
        _save(run, {**every, subject: [*kept, [image_id, answer]]})


def take_back_answer(run: Run, subject: str) -> int | None:
    """Forget the last answer about a measure; return its row, None where there was none."""
    with _writing:
        every = _load(run)
        if not every.get(subject):
            return None
        *kept, (image_id, _) = every[subject]
        _save(run, {**every, subject: kept})
    return run.row_of.get(image_id)


def _load(run: Run) -> dict[str, list[list[Any]]]:
    from dataeval_ui.store.results import load_json

    if not (run.services.workspace.run_dir(run.id) / f"{_RESULT}.json").is_file():
        return {}
    stored = load_json(run.services.workspace, run.id, _RESULT)
    if not _is_sound(stored):
        raise StorageError(f"The answers about thresholds of run {run.id!r} are damaged. Delete {_RESULT}.json there.")
    return stored  # type: ignore[no-any-return]


def _is_sound(stored: Any) -> bool:
    return isinstance(stored, dict) and all(
        isinstance(entries, list)
        and all(
            isinstance(entry, list)
            and len(entry) == 2
            and isinstance(entry[0], str)
            and (entry[1] is None or isinstance(entry[1], bool))
            for entry in entries
        )
        for entries in stored.values()
    )


def _save(run: Run, every: dict[str, list[list[Any]]]) -> None:
    from dataeval_ui.store.results import save_json

    save_json(run.services.workspace, run.id, _RESULT, every)
