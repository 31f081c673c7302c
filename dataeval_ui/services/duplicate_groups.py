"""Exact and near duplicates of a run as one list of groups, the most severe first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

    from dataeval_ui.services.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateGroup:
    """Images, or files of one image, that are the same to a person.

    Attributes
    ----------
    kind : {"exact", "near"}
        Exact: several files hold the same bytes. Near: different bytes, verified on their pixels.
    rows : tuple of int
        Images; one for an exact group. The first two of a near group are its most alike pair.
    pairs : tuple of int
        Rows of `run.duplicates` inside the group, most alike first; empty for an exact group.
    n_files : int
        Places of all its images.
    splits, labels : tuple of str
        That occur among its places, sorted.
    similarity : float
        Pixel similarity of its most alike pair, in [0, 1]; 1 for an exact group.
    """

    kind: Literal["exact", "near"]
    rows: tuple[int, ...]
    pairs: tuple[int, ...]
    n_files: int
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    similarity: float

    @property
    def is_leak(self) -> bool:
        """Whether it lies across splits: what was trained on is tested on."""
        return len(self.splits) > 1

    @property
    def labels_differ(self) -> bool:
        """Whether the same picture carries different labels."""
        return len(self.labels) > 1


def list_duplicate_groups(run: Run) -> tuple[DuplicateGroup, ...]:
    """List a run's duplicates: leaks first, then those whose labels differ, exact before near, larger before smaller.

    Notes
    -----
    Every two images of a near group are verified as a pair; a pair that belongs to no such group is one of its own.
    O(pairs + files).
    """
    groups = [_group(run, "exact", [int(row)], []) for row in (run.n_places > 1).nonzero()[0]]
    members: dict[int, list[int]] = defaultdict(list)
    pairs = run.duplicates
    for pair, group in enumerate(pairs.groups.tolist()):
        members[group if group >= 0 else -pair - 1].append(pair)
    for of_group in members.values():
        rows: dict[int, None] = {}
        for pair in of_group:
            rows[int(pairs.left[pair])] = None
            rows[int(pairs.right[pair])] = None
        groups.append(_group(run, "near", list(rows), of_group))
    return tuple(sorted(groups, key=_severity))


def _group(run: Run, kind: Literal["exact", "near"], rows: Sequence[int], pairs: Sequence[int]) -> DuplicateGroup:
    places = [place for row in rows for place in run.places(row)]
    return DuplicateGroup(
        kind=kind,
        rows=tuple(rows),
        pairs=tuple(pairs),
        n_files=len(places),
        splits=tuple(sorted({place.split for place in places if place.split is not None})),
        labels=tuple(sorted({place.label for place in places if place.label is not None})),
        similarity=float(run.duplicates.pixel_similarity[pairs[0]]) if pairs else 1.0,
    )


def _severity(group: DuplicateGroup) -> tuple[bool, bool, bool, int, float, int]:
    exact = group.kind == "exact"
    return (not group.is_leak, not group.labels_differ, not exact, -group.n_files, -group.similarity, group.rows[0])


def duplicates_table(run: Run, groups: Sequence[DuplicateGroup]) -> pa.Table:
    """Make the table that the download writes: a row a file, in the order of the groups."""
    import pyarrow as pa

    rows = [
        {
            "group": number,
            "kind": group.kind,
            "across_splits": group.is_leak,
            "labels_differ": group.labels_differ,
            "similarity": group.similarity,
            "image_id": run.image_ids[row],
            "path": place.path,
            "label": place.label,
            "split": place.split,
        }
        for number, group in enumerate(groups, start=1)
        for row in group.rows
        for place in run.places(row)
    ]
    schema = pa.schema(
        [
            ("group", pa.int32()),
            ("kind", pa.string()),
            ("across_splits", pa.bool_()),
            ("labels_differ", pa.bool_()),
            ("similarity", pa.float32()),
            ("image_id", pa.string()),
            ("path", pa.string()),
            ("label", pa.string()),
            ("split", pa.string()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)
