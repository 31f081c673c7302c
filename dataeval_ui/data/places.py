"""One place of a listing, and the table made of many."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataeval_ui.types import METADATA_PREFIX, Listing

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(slots=True, kw_only=True)
class Place:
    """A row of `Listing.table` before it is one. A place with a reason is unreadable."""

    path: str
    label: str | None = None
    split: str | None = None
    n_bytes: int = 0
    mtime_ns: int = 0
    reason: str | None = None


_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


def reason_for_mode(mode: int) -> str | None:
    """Say why a thing with this `st_mode` cannot be read as a file; None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    kind = next((name for matches, name in _KINDS if matches(mode)), "something special")
    return f"This is {kind}, not a file."


def make_listing(root: str, places: Sequence[Place], metadata: Mapping[str, pa.ChunkedArray] | None = None) -> Listing:
    """Make the listing of some places.

    Parameters
    ----------
    root : str
        Resolved folder.
    places : sequence of Place
        In any order; paths unique.
    metadata : mapping of str to array of len(places), optional
        The user's own columns, in the order of `places`, by name without prefix.

    Returns
    -------
    Listing
        Sorted by the UTF-8 bytes of the path.
    """
    import pyarrow as pa

    # The order of code points is the order of UTF-8 bytes.
    order = sorted(range(len(places)), key=lambda i: places[i].path)
    rows = [places[i] for i in order]
    columns: dict[str, Any] = {
        "path": pa.array([p.path for p in rows], pa.string()),
        "label": pa.array([p.label for p in rows], pa.string()),
        "split": pa.array([p.split for p in rows], pa.string()),
        "n_bytes": pa.array([p.n_bytes for p in rows], pa.int64()),
        "mtime_ns": pa.array([p.mtime_ns for p in rows], pa.int64()),
        "status": pa.array(["listed" if p.reason is None else "unreadable" for p in rows], pa.string()),
        "reason": pa.array([p.reason for p in rows], pa.string()),
    }
    indices = pa.array(order, pa.int64())
    for name, values in (metadata or {}).items():
        columns[METADATA_PREFIX + name] = values.take(indices)
    return Listing(root=root, table=pa.table(columns))
