"""Outliers of a run by every method, with the normal images nearest to each, and OOD against a reference run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dataeval_ui.errors import InputError
from dataeval_ui.types.outliers import OutlierMethods

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Float32, Int32

OutlierMethod = Literal["knn", "combined", "lof", "mahalanobis", "cluster"]
"""`knn` is the score that the run itself stores; the others are the fields of `OutlierMethods`."""

NORMAL_BELOW = 0.8
"""An image of a lower combined score is a normal one."""

_VERSION = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class OodScores:
    """Images of a run against a reference run.

    Attributes
    ----------
    scores : ndarray of shape (n_images,), float32
        In [0, 1]; 0.95 is 2.5 robust standard deviations above the reference's median.
    nearest : ndarray of shape (n_images, k), int32
        Rows of the reference run, most similar first.
    """

    scores: Float32
    nearest: Int32


def outlier_methods(run: Run) -> OutlierMethods:
    """Score the images by every method and all together; kept with the run."""
    from dataeval_ui.analysis.outlier_methods import score_outlier_methods
    from dataeval_ui.services.derived import kept
    from dataeval_ui.services.labels import classes_of

    def compute() -> OutlierMethods:
        try:
            codes = classes_of(run).codes
        except InputError:  # no labels: the set is one class
            codes = None
        return score_outlier_methods(
            run.view.embeddings, run.graph, cluster_labels=run.clustering.cluster_labels, codes=codes
        )

    return kept(run, "outlier-methods", _VERSION, OutlierMethods, compute)


def method_scores(run: Run, method: OutlierMethod) -> Float32:
    """Return how odd the images are by one method, in [0, 1]; of shape (n_images,)."""
    if method == "knn":
        return run.outliers.scores
    scores: Float32 = getattr(outlier_methods(run), method)
    return scores


def nearest_normal(
    run: Run, row: int, *, k: int = 6, threshold: float = NORMAL_BELOW, method: OutlierMethod = "combined"
) -> tuple[int, ...]:
    """Return the images most similar to one whose score by a method is below a threshold, most similar first."""
    from dataeval_ui.services.search import search_row

    return tuple(int(r) for r in search_row(run, row, k=k, mask=method_scores(run, method) < threshold).rows)


def ood(run: Run, reference: Run, *, n_neighbors: int = 10) -> OodScores:
    """Score how odd the images of a run are against those of another.

    Raises
    ------
    InputError
        The two runs' embeddings were made in different ways, or the reference has fewer than 3 images.
    """
    from dataeval_ui.analysis.outlier_methods import score_ood

    if run.record.key != reference.record.key:
        raise InputError(
            f"{run.id!r} and {reference.id!r} were embedded in different ways and cannot be compared; "
            "run both with the same backbone, layer and pooling."
        )
    scores, nearest = score_ood(
        run.view.embeddings, reference.view.embeddings, n_neighbors=n_neighbors, reference_graph=reference.graph
    )
    return OodScores(scores=scores, nearest=nearest)
