"""What the map can be coloured and filtered by, and the table that exports write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dataeval_ui.services.objects import OBJECT_COLUMNS, object_columns
from dataeval_ui.types import METADATA_PREFIX

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Float32, Int32

MAX_CATEGORIES = 5_000
"""A text column with more distinct values says nothing as a colour; it stays in exports and captions."""

MAX_NUMERIC_CATEGORIES = 12
"""A column of whole numbers with at most so many distinct values is shown as categories."""

NOISE = "noise"
MISSING = "(none)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One value an image.

    Attributes
    ----------
    name : str
        Name in URLs: "cluster", "label", "meta.weather".
    title : str
        Name on the page.
    kind : {"categorical", "continuous"}
    codes : ndarray of shape (n_images,), uint16, or None
        Index into `categories`.
    categories : tuple of str
    neutral : int or None
        The category that stands for "none" (noise, no label) and is drawn grey.
    values : ndarray of shape (n_images,), float32, or None
        NaN where there is none.
    """

    name: str
    title: str
    kind: Literal["categorical", "continuous"]
    codes: npt.NDArray[np.uint16] | None = None
    categories: tuple[str, ...] = ()
    neutral: int | None = None
    values: Float32 | None = None

    def counts(self, rows: Sequence[int] | None = None) -> tuple[tuple[str, int], ...]:
        """Return name and number of images of each category that occurs, most first.

        Parameters
        ----------
        rows : sequence of int, optional
            Default: all rows.
        """
        import numpy as np

        if self.codes is None:
            return ()
        codes = self.codes if rows is None else self.codes[np.asarray(rows, dtype=np.int64)]
        n = np.bincount(codes, minlength=len(self.categories))
        order = sorted(range(len(n)), key=lambda i: (-int(n[i]), i))
        return tuple((self.categories[i], int(n[i])) for i in order if n[i])

    def text(self, row: int) -> str:
        """Return a row's value as the page shows it."""
        if self.codes is not None:
            return self.categories[int(self.codes[row])]
        assert self.values is not None  # one of the two is always there
        value = float(self.values[row])
        return "–" if value != value else f"{value:.3g}"


def run_columns(run: Run) -> Iterator[Column]:
    """Make a run's columns: what was found, what was given, what was measured, then the user's own."""
    import numpy as np

    yield cluster_column(run.clustering.cluster_labels)
    for name, title in (("label", "Label"), ("split", "Split")):
        values = run.first_places[name].to_pylist()
        if any(v is not None for v in values):
            column = categorical(name, title, values)
            if column is not None:
                yield column
    if run.is_of_objects:
        yield from object_columns(run.first_places)
    yield Column(name="outlier_score", title="Outlier score", kind="continuous", values=run.outliers.scores)
    yield _duplicate_column(run)
    if (agreement := _label_agreement(run)) is not None:
        yield Column(name="label_agreement", title="Label agreement", kind="continuous", values=agreement)
    if run.projection.placed.any():
        yield Column(
            name="placed",
            title="Placed on the map",
            kind="categorical",
            codes=run.projection.placed.astype(np.uint16),
            categories=("fitted", "placed later"),
            neutral=0,
        )
    yield from _measured(run)
    for name in run.manifest.column_names:
        if name.startswith(METADATA_PREFIX):
            column = from_values(name, name.removeprefix(METADATA_PREFIX), run.first_places[name])
            if column is not None:
                yield column


def cluster_column(labels: Int32) -> Column:
    """Make the column of clusters; -1 is noise, the last category."""
    import numpy as np

    n_clusters = int(labels.max(initial=-1)) + 1
    names = [f"cluster {i}" for i in range(n_clusters)]
    has_noise = bool((labels < 0).any())
    return Column(
        name="cluster",
        title="Cluster",
        kind="categorical",
        codes=np.where(labels < 0, n_clusters, labels).astype(np.uint16),
        categories=(*names, NOISE) if has_noise else tuple(names),
        neutral=n_clusters if has_noise else None,
    )


def categorical(name: str, title: str, values: Sequence[Any]) -> Column | None:
    """Make a column of categories in natural order, None where there are too many to tell apart."""
    import numpy as np

    texts = [MISSING if v is None else str(v) for v in values]
    known = sorted(set(texts) - {MISSING}, key=_natural)
    if len(known) > MAX_CATEGORIES or not known:
        return None
    has_missing = MISSING in texts
    categories = (*known, MISSING) if has_missing else tuple(known)
    code_of = {text: code for code, text in enumerate(categories)}
    return Column(
        name=name,
        title=title,
        kind="categorical",
        codes=np.array([code_of[t] for t in texts], dtype=np.uint16),
        categories=categories,
        neutral=len(known) if has_missing else None,
    )


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts "img 10" behind "img 9"."""
    import re

    parts = re.split(r"(\d{1,18})", text.casefold())
    return tuple((0, int(p), "") if p.isdecimal() and p.isascii() else (1, 0, p) for p in parts if p)


def from_values(name: str, title: str, values: pa.ChunkedArray) -> Column | None:
    """Make a column of what a user's table holds: numbers are continuous, the rest are categories."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_boolean(kind) or not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return categorical(name, title, values.to_pylist())
    if pa.types.is_integer(kind) and pc.count_distinct(values).as_py() <= MAX_NUMERIC_CATEGORIES:
        return categorical(name, title, values.to_pylist())
    numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float32)
    if not np.isfinite(numbers).any():
        return None
    return Column(name=name, title=title, kind="continuous", values=np.where(np.isfinite(numbers), numbers, np.nan))


def _duplicate_column(run: Run) -> Column:
    import numpy as np

    codes = np.zeros(run.n_images, dtype=np.uint16)
    codes[run.duplicates.left] = 1
    codes[run.duplicates.right] = 1
    for finding in run.findings:
        if finding.kind == "exact_duplicates":
            for image_id in finding.image_ids:
                codes[run.row_of[image_id]] = 2
    return Column(
        name="duplicate",
        title="Duplicate",
        kind="categorical",
        codes=codes,
        categories=("single", "near duplicate", "exact duplicate"),
        neutral=0,
    )


def _label_agreement(run: Run) -> Float32 | None:
    from dataeval_ui.analysis.labels import score_label_agreement

    labels = run.first_places["label"].to_pylist()
    if len({label for label in labels if label is not None}) < 2:
        return None
    return score_label_agreement(run.graph, labels)


def _measured(run: Run) -> Iterator[Column]:
    import numpy as np

    from dataeval_ui.store.images import read_image_columns

    table = read_image_columns(run.services.workspace, run.image_ids)
    for name, title in (("width_px", "Width (px)"), ("height_px", "Height (px)")):
        yield Column(name=name, title=title, kind="continuous", values=table[name].to_numpy().astype(np.float32))
    statistics = table["statistics"].combine_chunks()
    for name in (field.name for field in statistics.type):
        values = statistics.field(name).to_numpy(zero_copy_only=False).astype(np.float32)
        title = name.replace("_", " ").capitalize()
        yield Column(name=name, title=title, kind="continuous", values=values)
    column = categorical("format", "Format", run.first_places["format"].to_pylist())
    if column is not None:
        yield column


def run_table(run: Run, rows: Sequence[int] | None = None) -> pa.Table:
    """Make the table that exports write: a row an image."""
    import numpy as np
    import pyarrow as pa

    index = np.arange(run.n_images) if rows is None else np.asarray(rows, dtype=np.int64)
    first = run.first_places.take(pa.array(index))
    duplicate = run.column("duplicate")
    assert duplicate.codes is not None  # it always has categories
    columns: dict[str, Any] = {
        "image_id": pa.array([run.image_ids[row] for row in index], pa.string()),
        **{name: first[name] for name in ("path", "label", "split", "width_px", "height_px", "format")},
        "n_places": run.n_places[index],
        "cluster_label": run.clustering.cluster_labels[index],
        "cluster_probability": run.clustering.probabilities[index],
        "outlier_score": run.outliers.scores[index],
        "duplicate": pa.array(np.asarray(duplicate.categories)[duplicate.codes[index]], pa.string()),
        "x": run.projection.xy[index, 0],
        "y": run.projection.xy[index, 1],
    }
    if run.is_of_objects:
        columns |= {name: first[name] for name in OBJECT_COLUMNS}
    columns |= {name: first[name] for name in first.column_names if name.startswith(METADATA_PREFIX)}
    return pa.table(columns)
