"""Exact and near duplicates of a run as one list of groups, the most severe first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from dataeval_ui.findings.turned import grouped_pairs, rows_of_pairs
from dataeval_ui.types.turned import turn_words

if TYPE_CHECKING:
    import pyarrow as pa

    from dataeval_ui.services.run import Run


DuplicateKind = Literal["exact", "near", "turned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateGroup:
    """Images, or files of one image, that are the same to a person.

    Attributes
    ----------
    kind : {"exact", "near", "turned"}
        Exact: several files hold the same bytes. Near: different bytes, verified on their pixels. Turned: verified on
        their pixels once one is mirrored or turned back.
    rows : tuple of int
        Images; one for an exact group. The first two of another group are its most alike pair.
    pairs : tuple of int
        Rows of `run.duplicates`, or of `run.turned`, inside the group, most alike first; empty for an exact group.
    n_files : int
        Places of all its images.
    splits, labels : tuple of str
        That occur among its places, sorted.
    similarity : float
        Pixel similarity of its most alike pair, in [0, 1]; 1 for an exact group.
    turn : str
        What the second of the most alike pair is of the first, in words; "" where nothing is turned.
    """

    kind: DuplicateKind
    rows: tuple[int, ...]
    pairs: tuple[int, ...]
    n_files: int
    splits: tuple[str, ...]
    labels: tuple[str, ...]
    similarity: float
    turn: str = ""

    @property
    def is_leak(self) -> bool:
        """Whether it lies across splits: what was trained on is tested on."""
        return len(self.splits) > 1

    @property
    def labels_differ(self) -> bool:
        """Whether the same picture carries different labels."""
        return len(self.labels) > 1


def list_duplicate_groups(run: Run, *, with_turned: bool = True) -> tuple[DuplicateGroup, ...]:
    """List a run's duplicates: leaks first, then those whose labels differ, exact before near before turned.

    Larger groups come before smaller ones.

    Notes
    -----
    Every two images of a near group are verified as a pair, and of a turned group as a turned or near one; a pair that
    belongs to no such group is one of its own.
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
    if with_turned:
        for of_pairs in grouped_pairs(run.turned):
            groups.append(_group(run, "turned", rows_of_pairs(run.turned, of_pairs), of_pairs.tolist()))
    return tuple(sorted(groups, key=_severity))


def _group(run: Run, kind: DuplicateKind, rows: Sequence[int], pairs: Sequence[int]) -> DuplicateGroup:
    turned = kind == "turned"
    found = run.turned if turned else run.duplicates
    places = [place for row in rows for place in run.places(row)]
    return DuplicateGroup(
        kind=kind,
        rows=tuple(rows),
        pairs=tuple(pairs),
        n_files=len(places),
        splits=tuple(sorted({place.split for place in places if place.split is not None})),
        labels=tuple(sorted({place.label for place in places if place.label is not None})),
        similarity=float(found.pixel_similarity[pairs[0]]) if pairs else 1.0,
        turn=turn_words(int(run.turned.turn[pairs[0]]), float(run.turned.angle[pairs[0]])) if turned else "",
    )


def _severity(group: DuplicateGroup) -> tuple[bool, bool, int, int, float, int]:
    kind = get_args(DuplicateKind).index(group.kind)
    return (not group.is_leak, not group.labels_differ, kind, -group.n_files, -group.similarity, group.rows[0])


def duplicates_table(run: Run, groups: Sequence[DuplicateGroup]) -> pa.Table:
    """Make the table that the download writes: a row a file, in the order of the groups."""
    import pyarrow as pa

    rows = [
        {
            "group": number,
            "kind": group.kind,
            "turn": group.turn or None,
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
            ("turn", pa.string()),
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
