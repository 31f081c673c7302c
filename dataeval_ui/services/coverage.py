"""Where a run is sparse, how many dimensions it uses, and what to label next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Bool, Int64

MAX_SUGGESTED = 1_000

LabelOrder = Literal["farthest", "sparse", "clusters"]
"""`farthest`: each image in turn is the one farthest from all that are labelled by then. `sparse`: the widest
neighbourhood first. `clusters`: the clusters take turns, the widest neighbourhood of each first."""


def completeness(run: Run) -> float:
    """Return the share of the embedding's dimensions that the images use, in [0, 1]."""
    from dataeval_ui.analysis.coverage import measure_completeness

    return measure_completeness(run.view.embeddings)


def sparse_images(run: Run, *, fraction: float = 0.01) -> Int64:
    """Return the rows with the widest neighbourhoods, widest first; always the given share of the images."""
    from dataeval_ui.analysis.coverage import find_sparse_images

    return find_sparse_images(run.graph, fraction=fraction)


def labelled_images(run: Run, column: str = "label") -> Bool:
    """Return which images have a value in a column; none where there is no such column. Of shape (n_images,)."""
    import numpy as np

    from dataeval_ui.errors import InputError
    from dataeval_ui.services.labels import classes_of

    try:
        return np.asarray(classes_of(run, column).codes >= 0)
    except InputError:  # nothing is labelled yet
        return np.zeros(run.n_images, dtype=np.bool_)


def suggest_to_label(
    run: Run, *, order: LabelOrder = "farthest", n: int = 100, column: str = "label", every: bool = False
) -> Int64:
    """Return images to label next, the most useful first.

    Parameters
    ----------
    order : {"farthest", "sparse", "clusters"}
    n : int
        Images wanted, in [1, 1000]; fewer come back where fewer are left.
    column : str
        Where labels come from.
    every : bool
        Rank all images as if none had a label.

    Raises
    ------
    ParameterError
        n outside [1, 1000].
    """
    import numpy as np

    from dataeval_ui.analysis.coverage import find_sparse_images, order_by_class, rank_to_label
    from dataeval_ui.errors import ParameterError

    if not 1 <= n <= MAX_SUGGESTED:
        raise ParameterError(f"n must be in [1, {MAX_SUGGESTED}], got {n}.")
    known = np.zeros(run.n_images, dtype=np.bool_) if every else labelled_images(run, column)
    if order == "farthest":
        return rank_to_label(run.view.embeddings, labelled=np.flatnonzero(known), n=n)
    if order == "sparse":
        rows = find_sparse_images(run.graph, fraction=1)
        found: Int64 = rows[~known[rows]][:n]
        return found
    left = np.flatnonzero(~known)
    if run.graph.similarities.shape[1] == 0:
        return left[:n]
    radius = 1 - run.graph.similarities[left, -1]
    turns: Int64 = left[order_by_class(radius, run.clustering.cluster_labels[left])][:n]
    return turns
