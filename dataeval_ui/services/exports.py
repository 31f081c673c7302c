"""A run, or some of its images, as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from dataeval_ui.errors import InputError

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

ExportFormat = Literal["csv", "parquet", "json"]


def format_of(out: Path) -> ExportFormat:
    """Tell the format from the file's ending.

    Raises
    ------
    InputError
        Another ending.
    """
    ending = out.suffix.lower().removeprefix(".")
    for known in get_args(ExportFormat):
        if ending == known:
            return known  # type: ignore[no-any-return]
    raise InputError(f"{out.name!r} must end in .csv, .parquet or .json; that of a run also in .html.")


def export_run(run: Run, out: Path, *, rows: Sequence[int] | None = None) -> int:
    """Write a row an image: id, path, label, split, cluster, scores, place on the map, the user's own columns.

    Returns
    -------
    int
        Number of images written.
    """
    from dataeval_ui.share.tables import write_table

    table = run.table(rows)
    write_table(table, out, format_of(out))
    return int(table.num_rows)


def export_bytes(run: Run, fmt: ExportFormat, *, rows: Sequence[int] | None = None) -> bytes:
    """Return what `export_run` would write."""
    from dataeval_ui.share.tables import table_bytes

    return table_bytes(run.table(rows), fmt)


def findings_bytes(run: Run, fmt: ExportFormat, *, kind: str | None = None) -> bytes:
    """Return the findings, one a row (CSV, Parquet) or as a JSON array, each with its key, by which it is decided on.

    Raises
    ------
    InputError
        No such kind.
    """
    import pyarrow as pa

    from dataeval_ui.findings.keys import finding_key
    from dataeval_ui.services.image_decisions import KIND
    from dataeval_ui.share.tables import findings_table, table_bytes
    from dataeval_ui.types import FindingKind

    kinds = [name for name in get_args(FindingKind) if name != KIND]  # nobody found what was chosen by hand
    if kind is not None and kind not in kinds:
        raise InputError(f"There is no kind of finding named {kind!r}. Known: {', '.join(kinds)}.")
    chosen = [finding for finding in run.all_findings if kind in (None, finding.kind)]
    if fmt == "json":
        import json

        return json.dumps([{"key": finding_key(f), **f.to_json()} for f in chosen], indent=2).encode()
    keys = pa.array([finding_key(finding) for finding in chosen], pa.string())
    return table_bytes(findings_table(chosen).append_column("key", keys), fmt)
