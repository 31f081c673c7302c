"""Tables as CSV, Parquet or JSON. Text that a spreadsheet would run as a formula is made harmless in CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dataeval_ui.types import Finding

if TYPE_CHECKING:
    import pyarrow as pa

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def harmless(text: str | None) -> str | None:
    """Put an apostrophe before text that a spreadsheet would take for a formula.

    References
    ----------
    OWASP, "CSV Injection".
    """
    return f"'{text}" if text is not None and text.startswith(FORMULA_STARTS) else text


def table_bytes(table: pa.Table, fmt: Literal["csv", "parquet", "json"]) -> bytes:
    """Return a table in a format; JSON is an array of objects, null where a value is missing or not finite."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    buffer = BytesIO()
    if fmt == "parquet":
        pyarrow.parquet.write_table(table, buffer)
    elif fmt == "csv":
        for i, column in enumerate(table.schema):
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                texts = pa.array([harmless(v) for v in table[i].to_pylist()], pa.string())
                table = table.set_column(i, column.name, texts)
        pyarrow.csv.write_csv(table, buffer)
    else:
        rows = [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()]
        buffer.write(json.dumps(rows, indent=1, default=str).encode())
    return buffer.getvalue()


def _plain(value: object) -> object:
    return None if isinstance(value, float) and value - value != 0 else value


def write_table(table: pa.Table, out: Path, fmt: Literal["csv", "parquet", "json"]) -> None:
    """Write a table aside and put it in place, so that a failure leaves no half file.

    Raises
    ------
    StorageError
        The folder is missing or cannot be written, or the disk is full.
    """
    from dataeval_ui.errors import StorageError

    data = table_bytes(table, fmt)
    aside = out.with_name(f".{out.name}.part")
    try:
        aside.write_bytes(data)
        aside.replace(out)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise StorageError(f"{str(out)!r} cannot be written: {error.strerror}. Choose another place.") from None


def findings_table(findings: Sequence[Finding]) -> pa.Table:
    """Make a table of findings, one a row; lists are joined by `;` and the evidence is JSON."""
    import pyarrow as pa

    return pa.table(
        {
            "kind": pa.array([f.kind for f in findings], pa.string()),
            "severity": pa.array([f.severity for f in findings], pa.float64()),
            "sentence": pa.array([f.sentence for f in findings], pa.string()),
            "advice": pa.array([f.advice for f in findings], pa.string()),
            "n_images": pa.array([len(f.image_ids) for f in findings], pa.int32()),
            "image_ids": pa.array([";".join(f.image_ids) for f in findings], pa.string()),
            "paths": pa.array([";".join(f.paths) for f in findings], pa.string()),
            "evidence": pa.array([json.dumps(dict(f.evidence), default=str) for f in findings], pa.string()),
        }
    )
