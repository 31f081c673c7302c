"""Slices of a run: clusters, labels, their combinations and the user's own columns, with what is odd about each."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataeval_ui.errors import InputError, ParameterError
from dataeval_ui.findings.words import shown_name
from dataeval_ui.types import METADATA_PREFIX

if TYPE_CHECKING:
    import pyarrow as pa

    from dataeval_ui.services.columns import Column
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Bool, Int32, Int64
    from dataeval_ui.types.slices import SliceCell

BOTH = "cluster and label"
LEVEL, SURE = 0.2, 0.05
"""Share of chance findings that is expected among all slices, and among those that are called sure."""

MAX_VALUES = 200
"""Columns of more categories are no groups: each would hold too few images."""

_GAIN = 1.25
"""So much more frequent must a property be in a cluster's images of one label than in the cluster and in the label."""

FLAGS = {
    "labels": "label disagreement",
    "outliers": "outliers",
    "quality": "poor images",
    "copies": "near or exact copies",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One group of images, and everything that is odd about it.

    Attributes
    ----------
    name : str
        "cluster 12", "label cat", "cluster 12 labelled cat".
    sentence : str
    rows : ndarray of shape (n_images,), int64
    n_images : int
    cells : tuple of SliceCell
        The surest first.
    """

    name: str
    sentence: str
    rows: Int64
    n_images: int
    cells: tuple[SliceCell, ...]

    @property
    def is_sure(self) -> bool:
        """Whether its surest property is among those of which one in twenty is expected to be chance."""
        return min(cell.p_value for cell in self.cells) <= SURE


def find_run_slices(run: Run) -> tuple[Slice, ...]:
    """Find the groups of a run's images in which a split, a column's value or a fault is unusually frequent or rare.

    Returns
    -------
    tuple of Slice
        The surest first. A cluster's images of one label are named only where more is odd about them than about the
        whole cluster and the whole label.
    """
    import numpy as np

    from dataeval_ui.analysis.slices import find_slices

    names: dict[str, tuple[str, ...]] = {}
    groups: dict[str, Int32] = {}
    for column in run.columns.values():
        is_own = column.name.startswith(METADATA_PREFIX)
        if column.codes is None or not (is_own or column.name in ("cluster", "label", "split")):
            continue
        if len(column.categories) <= MAX_VALUES or not is_own:
            groups[column.name], names[column.name] = _codes(column), column.categories
    properties = {name: codes for name, codes in groups.items() if name not in ("cluster", "label")}
    groups.pop("split", None)
    for name, flags in _flags(run).items():
        properties[name], names[name] = flags.astype(np.int32), ("", FLAGS[name])
    if "label" in groups:
        pairs, groups[BOTH] = _pairs(groups["cluster"], groups["label"])
        names[BOTH] = tuple(f"{names['cluster'][c]} labelled {shown_name(names['label'][k])}" for c, k in pairs)
    found = [
        cell for cell in find_slices(groups, properties, level=LEVEL) if cell.about not in FLAGS or cell.about_code == 1
    ]
    found = [cell for cell in found if cell.group != BOTH or _adds(cell, pairs, found)]
    by_group: dict[tuple[str, int], list[SliceCell]] = {}
    for cell in found:
        by_group.setdefault((cell.group, cell.group_code), []).append(cell)
    return tuple(
        _slice(run, key, tuple(cells), names, np.flatnonzero(groups[key[0]] == key[1]))
        for key, cells in by_group.items()
    )


def slices_table(slices: tuple[Slice, ...]) -> pa.Table:
    """Make a table of slices, a row a group and property."""
    import pyarrow as pa

    rows = [(of, cell) for of in slices for cell in of.cells]
    return pa.table(
        {
            "slice": pa.array([of.name for of, _ in rows], pa.string()),
            "sentence": pa.array([of.sentence for of, _ in rows], pa.string()),
            "property": pa.array([cell.about for _, cell in rows], pa.string()),
            **{
                name: pa.array([getattr(cell, name) for _, cell in rows], kind)
                for name, kind in (("n_images", pa.int64()), ("n_both", pa.int64()))
            },
            **{
                name: pa.array([getattr(cell, name) for _, cell in rows], pa.float64())
                for name in ("share", "base_share", "lift", "p_value")
            },
        }
    )


def _codes(column: Column) -> Int32:
    import numpy as np

    assert column.codes is not None  # the caller asks for categories alone
    codes = column.codes.astype(np.int32)
    return codes if column.neutral is None else np.where(codes == column.neutral, -1, codes).astype(np.int32)


def _flags(run: Run) -> dict[str, Bool]:
    import numpy as np

    from dataeval_ui.services.labels import label_errors
    from dataeval_ui.services.quality import quality

    copies = np.zeros(run.n_images, dtype=np.bool_)
    copies[run.duplicates.left] = copies[run.duplicates.right] = True
    flags: dict[str, Bool] = {
        "outliers": run.outliers.scores >= run.record.params.outlier_threshold,
        "quality": quality(run).flags,
        "copies": copies | (run.n_places > 1),
    }
    with suppress(InputError, ParameterError):  # no labels, or too few to tell
        flags["labels"] = label_errors(run).suspected
    return flags


def _pairs(a: Int32, b: Int32) -> tuple[list[tuple[int, int]], Int32]:
    import numpy as np

    known = (a >= 0) & (b >= 0)
    codes = np.full(a.size, -1, dtype=np.int32)
    if not known.any():
        return [], codes
    pairs, codes[known] = np.unique(np.stack([a[known], b[known]]), axis=1, return_inverse=True)
    return [(int(c), int(k)) for c, k in pairs.T], codes


def _adds(cell: SliceCell, pairs: list[tuple[int, int]], found: list[SliceCell]) -> bool:
    """Whether a combination says more than its cluster and its label do; what is rare in it adds nothing."""
    parents = set(zip(("cluster", "label"), pairs[cell.group_code], strict=True))
    shares = [
        other.share
        for other in found
        if (other.group, other.group_code) in parents
        and (other.about, other.about_code) == (cell.about, cell.about_code)
    ]
    return cell.lift > 1 and cell.share >= _GAIN * max(shares, default=0)


def _slice(
    run: Run, key: tuple[str, int], cells: tuple[SliceCell, ...], names: dict[str, tuple[str, ...]], rows: Int64
) -> Slice:
    column, category = key[0], names[key[0]][key[1]]
    if column == "label":
        name = f"label {shown_name(category)}"
    elif column in ("cluster", BOTH):
        name = category
    else:
        name = f"{run.columns[column].title} {shown_name(category)}"
    told = ", ".join(_words(cell, run, names) for cell in cells)
    return Slice(name=name, sentence=f"{name}: {told}.", rows=rows, n_images=len(rows), cells=cells)


def _words(cell: SliceCell, run: Run, names: dict[str, tuple[str, ...]]) -> str:
    if cell.about in FLAGS:
        return f"{cell.share:.0%} {FLAGS[cell.about]} ({cell.base_share:.0%} of all)"
    value = shown_name(names[cell.about][cell.about_code])
    where = value if cell.about == "split" else f"{run.columns[cell.about].title} {value}"
    if cell.n_both == 0:
        return f"none in {where}, where {cell.base_share:.0%} of all are"
    if cell.lift > 1:
        return f"{cell.lift:.1f} times over-represented in {where}"
    return f"{1 / cell.lift:.1f} times under-represented in {where}"
