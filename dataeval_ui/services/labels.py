"""What a run's labels are worth: suspected errors, bounds of the Bayes error, balance, parity, predictors, confusion.

Every function takes a finished run and a column of categories (default "label"; "split" and "meta.<name>" work too).
`label_errors` is kept in the run's folder; the rest is cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataeval_ui.errors import InputError
from dataeval_ui.types import METADATA_PREFIX, digest_of
from dataeval_ui.types.labels import Association, BayesErrorBounds, ClassBalance, LabelErrors, NeighbourConfusion

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Bool, Int32, Int64

_VERSION = 2
_N_BINS = 10
_SAMPLING_Z = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """A column of categories as codes.

    Attributes
    ----------
    names : tuple of str
        Sorted; `codes` index it.
    codes : ndarray of shape (n_images,), int32
        -1 for none.
    """

    names: tuple[str, ...]
    codes: Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """How well one column tells another.

    Attributes
    ----------
    column, title : str
    mutual_information : float
        Normalised, in [0, 1].
    association : Association
    """

    column: str
    title: str
    mutual_information: float
    association: Association


def classes_of(run: Run, column: str = "label") -> Classes:
    """Return a column of the manifest as codes; mixed types are read as text, empty text and NaN as no label.

    Raises
    ------
    InputError
        The run has no such column, or it is empty: one sentence that says so.
    """
    import numpy as np

    if column not in ("label", "split") and not column.startswith(METADATA_PREFIX):
        raise InputError(f"{column!r} is no column of labels: take 'label', 'split' or one that begins with 'meta.'.")
    if column not in run.first_places.column_names:
        raise InputError(f"This dataset has no column {column!r}.")
    texts = [_text(value) for value in run.first_places[column].to_pylist()]
    names = tuple(sorted({text for text in texts if text is not None}))
    if not names:
        raise InputError(f"The column {column!r} is empty: no image has a value there. Choose where labels come from.")
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.array([-1 if text is None else code_of[text] for text in texts], dtype=np.int32)
    return Classes(names=names, codes=codes)


def _text(value: object) -> str | None:
    if value is None or value != value:  # NaN is the one value that is not itself
        return None
    return str(value).strip() or None


def label_errors(run: Run, column: str = "label") -> LabelErrors:
    """Find images whose label is probably wrong; kept with the run.

    `suggested` holds codes: `classes_of(run, column).names[code]` is the class.

    Raises
    ------
    InputError
        No labels, or fewer than two classes of at least three images.
    """
    from dataeval_ui.analysis.label_errors import find_label_errors
    from dataeval_ui.services.derived import kept

    classes = classes_of(run, column)
    name = _kept_as(column)
    n_classes = len(classes.names)
    return kept(
        run,
        name,
        _VERSION,
        LabelErrors,
        lambda: find_label_errors(run.view.embeddings, run.graph, classes.codes, n_classes),
        is_valid=lambda found: bool(((found.suggested >= -1) & (found.suggested < n_classes)).all()),
    )


def are_label_errors_kept(run: Run, column: str = "label") -> bool:
    """Whether `label_errors` would read and not compute."""
    from dataeval_ui.services.derived import is_kept

    return is_kept(run, _kept_as(column), _VERSION)


def _kept_as(column: str) -> str:
    return "label-errors" if column == "label" else f"label-errors-{digest_of(column, n_chars=8)}"


def bayes_error(run: Run, column: str = "label") -> Mapping[str, BayesErrorBounds]:
    """Bound the error of the best possible classifier: "knn" and "mst", widened by their sampling error (95 %).

    Raises
    ------
    InputError
        Fewer than two classes.
    """
    from dataeval_ui.analysis.label_statistics import bound_bayes_error_knn, bound_bayes_error_mst

    codes = classes_of(run, column).codes
    return {
        "knn": bound_bayes_error_knn(run.graph, codes, z=_SAMPLING_Z),
        "mst": bound_bayes_error_mst(run.graph, codes, z=_SAMPLING_Z),
    }


def balance(run: Run, column: str = "label") -> ClassBalance:
    """Measure how evenly the images spread over the classes; `counts` follow `classes_of(run, column).names`."""
    from dataeval_ui.analysis.label_statistics import class_balance

    classes = classes_of(run, column)
    return class_balance(classes.codes, len(classes.names))


def parity(run: Run, column: str = "label", between: str = "split") -> Association:
    """Test whether the classes are spread alike over the splits (or another column)."""
    from dataeval_ui.analysis.label_statistics import measure_association

    return measure_association(classes_of(run, column).codes, classes_of(run, between).codes)


def predictors(run: Run, column: str = "label", *, flags: Bool | None = None) -> tuple[Predictor, ...]:
    """Rank what predicts the label, or which images are flagged: the user's columns and what was measured.

    Parameters
    ----------
    flags : ndarray of shape (n_images,), bool, optional
        Flagged images, in place of the column.

    Notes
    -----
    Numbers are cut at their deciles. Columns of as many values as images tell nothing and are left out.
    """
    import numpy as np

    from dataeval_ui.analysis.label_statistics import measure_association, mutual_information

    target = classes_of(run, column).codes if flags is None else np.asarray(flags).astype(np.int32)
    found = []
    for other in run.columns.values():
        if other.name in {column, "cluster", "duplicate", "outlier_score", "label_agreement", "placed"}:
            continue
        codes = _codes(other.codes, other.values, other.neutral)
        if np.unique(codes[codes >= 0]).size > max(2, run.n_images // 2):
            continue
        found.append(
            Predictor(
                column=other.name,
                title=other.title,
                mutual_information=mutual_information(target, codes),
                association=measure_association(target, codes),
            )
        )
    return tuple(sorted(found, key=lambda p: (-p.mutual_information, p.column)))


def _codes(codes: npt.NDArray[np.uint16] | None, values: npt.NDArray[np.float32] | None, neutral: int | None) -> Int32:
    import numpy as np

    if codes is not None:
        categories = codes.astype(np.int32)
        return categories if neutral is None else np.where(categories == neutral, -1, categories).astype(np.int32)
    assert values is not None  # a column has one of the two
    known = np.isfinite(values)
    if not known.any():
        return np.full(values.shape[0], -1, dtype=np.int32)
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, _N_BINS + 1)[1:-1]))
    return np.where(known, np.searchsorted(edges, values, side="right"), -1).astype(np.int32)


def confusion(run: Run, column: str = "label") -> NeighbourConfusion:
    """Count which label the neighbours of each label's images carry; `rows(given, voted)` opens a cell."""
    from dataeval_ui.analysis.label_statistics import confuse_neighbours

    return confuse_neighbours(run.graph, classes_of(run, column).codes)


def label_columns(run: Run) -> dict[str, str]:
    """Return the columns that can be taken for labels, name to title: labels, splits and the user's own categories."""
    return {
        column.name: column.title
        for column in run.columns.values()
        if column.kind == "categorical"
        and (column.name in ("label", "split") or column.name.startswith(METADATA_PREFIX))
    }


def nearest_of_class(run: Run, row: int, classes: Classes, code: int, *, k: int = 6) -> list[tuple[int, float]]:
    """Return the images of a class that are most similar to one, with the cosine, without the image itself. Exact."""
    from dataeval_ui.services.search import search_row

    found = search_row(run, row, k=k, mask=classes.codes == code)
    return [(int(other), float(s)) for other, s in zip(found.rows, found.similarities, strict=True)]


def label_errors_table(run: Run, rows: Int64, column: str = "label") -> pa.Table:
    """Make the table that is taken away: a row an image with given and suggested class, then what exports hold."""
    import pyarrow as pa

    classes, errors = classes_of(run, column), label_errors(run, column)
    names = [*classes.names, None]  # the last answers for -1
    told = {
        "given": pa.array([names[int(code)] for code in classes.codes[rows]], pa.string()),
        "suggested": pa.array([names[int(code)] for code in errors.suggested[rows]], pa.string()),
        "score": errors.scores[rows],
        "confidence": errors.confidence[rows],
        "given_probability": errors.given_probability[rows],
        "suspected": errors.suspected[rows],
    }
    table = run.table([int(row) for row in rows])
    for name in table.column_names:
        told.setdefault(name, table[name])
    first = ["image_id", "path", *(name for name in told if name not in ("image_id", "path"))]
    return pa.table({name: told[name] for name in first})


def class_counts(run: Run, column: str = "label", between: str = "split") -> dict[str, dict[str, int]]:
    """Count the images of each class in each split (or another column), the largest class first.

    Returns
    -------
    dict of str to dict of str to int
        Class to split to count. Images without a value in `between` do not count.

    Raises
    ------
    InputError
        One of the columns is missing or empty.
    """
    import numpy as np

    classes, groups = classes_of(run, column), classes_of(run, between)
    known = (classes.codes >= 0) & (groups.codes >= 0)
    cells, n = np.unique(np.stack([classes.codes[known], groups.codes[known]]), axis=1, return_counts=True)
    sizes = np.bincount(classes.codes[known], minlength=len(classes.names))
    told: dict[str, dict[str, int]] = {
        classes.names[code]: dict.fromkeys(groups.names, 0) for code in np.argsort(-sizes, kind="stable") if sizes[code]
    }
    for class_, group, count in zip(*cells.tolist(), n.tolist(), strict=True):
        told[classes.names[class_]][groups.names[group]] = count
    return told
