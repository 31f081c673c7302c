"""Where a run is sparse, how many dimensions it uses, and what to label next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int64

MAX_SUGGESTED = 1_000


def completeness(run: Run) -> float:
    """Return the share of the embedding's dimensions that the images use, in [0, 1]."""
    from dataeval_ui.analysis.coverage import measure_completeness

    return measure_completeness(run.view.embeddings)


def sparse_images(run: Run, *, fraction: float = 0.01) -> Int64:
    """Return the rows with the widest neighbourhoods, widest first; always the given share of the images."""
    from dataeval_ui.analysis.coverage import find_sparse_images

    return find_sparse_images(run.graph, fraction=fraction)


def label_next(run: Run, *, n: int = 100, column: str = "label") -> Int64:
    """Return the unlabelled rows that would add most, in order; where the column is empty, of all images.

    Raises
    ------
    ParameterError
        n outside [1, 1000].
    """
    import numpy as np

    from dataeval_ui.analysis.coverage import rank_to_label
    from dataeval_ui.errors import InputError, ParameterError
    from dataeval_ui.services.labels import classes_of

    if not 1 <= n <= MAX_SUGGESTED:
        raise ParameterError(f"n must be in [1, {MAX_SUGGESTED}], got {n}.")
    try:
        labelled = np.flatnonzero(classes_of(run, column).codes >= 0)
    except InputError:  # nothing is labelled yet
        labelled = np.empty(0, dtype=np.int64)
    return rank_to_label(run.view.embeddings, labelled=labelled, n=n)
