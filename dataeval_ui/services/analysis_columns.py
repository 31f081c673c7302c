"""Analyses as colours of the map: computed when first chosen, and never before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataeval_ui.errors import UnknownNameError

if TYPE_CHECKING:
    from dataeval_ui.services.columns import Column
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Float32

CLUSTERS = "analysis.clusters."
"""A column's name that begins so holds the clusters at another `min_cluster_size`, which follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisColour:
    """An analysis that the map can be coloured by.

    Attributes
    ----------
    name : str
        Of the column; begins with `run.ANALYSIS`.
    title : str
        Name on the page.
    doc : str
        What a value says, in a sentence or two.
    version : int
        Of the values: they stand at an address of their own, which a browser keeps.
    compute : callable
        Run to values of shape (n_images,), float32; NaN where nothing can be said.
    needs_classes : bool
        Whether labels of two classes are needed.
    """

    name: str
    title: str
    doc: str
    version: int
    compute: Callable[[Run], Float32]
    needs_classes: bool = False


def offered_analyses(run: Run) -> Mapping[str, AnalysisColour]:
    """Return the analyses that a run can be coloured by, by the column's name; nothing is computed."""
    label = run.columns.get("label")
    n_classes = 0 if label is None else len(label.categories) - (label.neutral is not None)
    return {colour.name: colour for colour in _COLOURS if n_classes >= 2 or not colour.needs_classes}


def version_of(run: Run, name: str) -> int | None:
    """Return the version of an analysis's values; None for a column that a run stores."""
    from dataeval_ui.services.stability import VERSION

    if name.startswith(CLUSTERS):
        return VERSION
    analysis = offered_analyses(run).get(name)
    return None if analysis is None else analysis.version


def analysis_column(run: Run, name: str) -> Column:
    """Compute an analysis, or read what the run keeps of it, as a column.

    Raises
    ------
    UnknownNameError
        No such analysis, or the run lacks the labels for it.
    ParameterError
        Clusters of another size in a run whose clusters are those of k-means.
    InputError
        The labels are too few; see `labels.label_errors`.
    """
    from dataeval_ui.services.columns import Column
    from dataeval_ui.services.stability import cluster_column

    size = name.removeprefix(CLUSTERS)
    if name.startswith(CLUSTERS) and size.isascii() and size.isdecimal() and len(size) < 10:
        return cluster_column(run, int(size))
    offered = offered_analyses(run)
    if name not in offered:
        raise UnknownNameError("column", name, (*run.columns, *offered))
    colour = offered[name]
    return Column(name=name, title=colour.title, kind="continuous", values=colour.compute(run))


def _trustworthiness(run: Run) -> Float32:
    from dataeval_ui.services.honesty import map_honesty

    return map_honesty(run).precision


def _continuity(run: Run) -> Float32:
    from dataeval_ui.services.honesty import map_honesty

    return map_honesty(run).recall


def _all_methods(run: Run) -> Float32:
    from dataeval_ui.services.outlier_scores import method_scores

    return method_scores(run, "combined")


def _label_error(run: Run) -> Float32:
    from dataeval_ui.services.labels import label_errors

    return label_errors(run).scores


def _sparsity(run: Run) -> Float32:
    import numpy as np

    if run.graph.similarities.shape[1] == 0:
        return np.zeros(run.n_images, np.float32)
    return (1 - run.graph.similarities[:, -1]).astype(np.float32)


def _label_priority(run: Run) -> Float32:
    """Return 1 for the first of the list, falling; NaN for what is not on it, and has a label unless all have one."""
    import numpy as np

    from dataeval_ui.services.coverage import MAX_SUGGESTED, labelled_images, suggest_to_label

    every = bool(labelled_images(run).all())
    rows = suggest_to_label(run, n=MAX_SUGGESTED, every=every)
    values = np.full(run.n_images, np.nan, np.float32)
    values[rows] = 1 - np.arange(len(rows)) / max(len(rows), 1)
    return values


_COLOURS = (
    AnalysisColour(
        name="analysis.trustworthiness",
        title="Map: trustworthiness",
        doc="Share of the images drawn nearest to this one that are truly like it. Low: the map drew unlike images "
        "together here, so do not read a group into them.",
        version=1,
        compute=_trustworthiness,
    ),
    AnalysisColour(
        name="analysis.continuity",
        title="Map: continuity",
        doc="Share of an image's true nearest neighbours that are drawn near it. Low: the map tore like images apart; "
        "the lines from the point show where they went.",
        version=1,
        compute=_continuity,
    ),
    AnalysisColour(
        name="analysis.outlier",
        title="Outlier score, all methods",
        doc="Three methods together, calibrated; larger is odder. The Outliers page tells the methods apart.",
        version=2,
        compute=_all_methods,
    ),
    AnalysisColour(
        name="analysis.label_error",
        title="Suspected label error",
        doc="How likely it is that the label is wrong, by confident learning and the labels of the neighbours; grey "
        "where that cannot be judged.",
        version=1,
        compute=_label_error,
        needs_classes=True,
    ),
    AnalysisColour(
        name="analysis.sparsity",
        title="Coverage: sparsity",
        doc="Cosine distance to the farthest of the stored neighbours. Large: few images like this one.",
        version=1,
        compute=_sparsity,
    ),
    AnalysisColour(
        name="analysis.label_priority",
        title="What to label next",
        doc="Place in the list that the Coverage page makes, farthest first: 1 comes first. Grey: it has a label, or "
        "is not among the first 1,000.",
        version=1,
        compute=_label_priority,
    ),
)
