"""The listing of a CSV or Parquet file with a column of paths."""

# Strings, not Paths: a Path for each of a million files costs seconds.
# ruff: noqa: PTH116, PTH118, PTH120

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.data.labels import folder_labels, is_folder_rule
from dataeval_ui.data.paths import check_allowed, is_within
from dataeval_ui.data.places import Place, make_listing, reason_for_mode
from dataeval_ui.errors import SourceError, UnknownNameError
from dataeval_ui.types import LabelRule, Listing

if TYPE_CHECKING:
    import pyarrow as pa

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")
PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "filepath")
MAX_TABLE_BYTES = 2 * 2**30
"""Of a table in memory: a few kilobytes of Parquet can stand for as many gigabytes."""
_BATCH_ROWS = 8192
_DELIMITERS = ",;\t|"


def list_table(path: Path, *, rule: LabelRule, allowed_roots: Sequence[str] | None = None) -> Listing:
    """List the files that a table names, as `docs/inputs.md` tells.

    Parameters
    ----------
    path : Path
        A `.csv`, `.tsv` or `.parquet` file. Relative paths in it start at its folder.
    rule : LabelRule
        A column's name, or a rule for folders below the common root. Under the default "folder", a column named
        `label` or `split` is taken before folders are.
    allowed_roots : sequence of str, optional
        Resolved folders; None allows everything.

    Returns
    -------
    Listing
        A row a distinct path, with the values of the first row that names it. Where several rows name one path, the
        column `meta.n_rows` counts them.

    Raises
    ------
    SourceError
        The table cannot be read, has no column of paths, or no rows.
    AccessDeniedError
        The table, or a file that it names, is outside the allowed roots.
    UnknownNameError, ParameterError
        The rule names a column that the table lacks, or an impossible level.
    """
    import pyarrow as pa

    resolved = os.path.realpath(path)
    check_allowed(resolved, allowed_roots)
    table = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path, rule)
    names = table.column_names
    if table.num_rows == 0:
        raise SourceError(f"The table {path} has no rows: write one row for each image.")
    path_column = _find_path_column(path, names, rule.path_column)
    label_column = _find_column(names, rule.label_from, "label")
    split_column = _find_column(names, rule.split_from, "split")
    labels = folder_labels(
        LabelRule(
            label_from="none" if label_column else rule.label_from,
            split_from="none" if split_column else rule.split_from,
        ),
        columns=names,
    )
    written = _texts(table[path_column])
    folder = os.path.dirname(resolved)
    absolute = _absolute(written, folder)
    rows, counts = _first_rows(absolute)
    root = _common_root([path for path in absolute if path is not None], folder)
    places = []
    for row in rows:
        if (file := absolute[row]) is None:
            places.append(_place_without_file(written[row], row))
        else:
            places.append(_place_of(file, root, allowed_roots))
    label_values = _texts(table[label_column]) if label_column else None
    split_values = _texts(table[split_column]) if split_column else None
    for place, row in zip(places, rows, strict=True):
        place.label, place.split = labels(place.path.split("/")[:-1])
        if label_values is not None:
            place.label = label_values[row]
        if split_values is not None:
            place.split = split_values[row]
    indices = pa.array(rows, pa.int64())
    metadata = {
        name: flat_column(table[name]).take(indices)
        for name in names
        if name not in (path_column, label_column, split_column)
    }
    if len(rows) < table.num_rows:
        metadata["n_rows"] = pa.chunked_array([pa.array(counts, pa.int64())])
    return make_listing(root, places, metadata)


def _read_csv(path: Path, rule: LabelRule) -> pa.Table:
    import pyarrow as pa
    from pyarrow import csv

    try:
        with path.open("rb") as file:
            header = file.readline(2**20).decode("utf-8-sig")
        delimiter = max(_DELIMITERS, key=header.count)
        options = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        # Inference would turn the label "007" into 7, so text columns are read as text first.
        named = {*PATH_COLUMNS, "label", "split", rule.label_from, rule.split_from, rule.path_column or "path"}
        text = {name: pa.string() for name in named}
        convert = csv.ConvertOptions(column_types=text, strings_can_be_null=True)
        table = csv.read_csv(path, parse_options=options, convert_options=convert)
        if any(pa.types.is_binary(kind) for kind in table.schema.types):  # Arrow's answer to bytes that are no text
            raise UnicodeDecodeError("utf-8", b"", 0, 1, "a value is not UTF-8")
    except UnicodeDecodeError:
        raise SourceError(f"The table {path} is not UTF-8: save it as 'CSV UTF-8'.") from None
    except pa.ArrowInvalid as error:
        raise SourceError(
            f"The table {path} cannot be read as CSV ({_first_line(error)}): mend it and try again."
        ) from None
    except OSError as error:
        raise SourceError(f"The table {path} cannot be opened ({error.strerror or error}): check its rights.") from None
    return _check_names(path, table)


def _read_parquet(path: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import parquet

    batches: list[pa.RecordBatch] = []
    n_bytes = 0
    try:
        with parquet.ParquetFile(path) as file:
            schema = pa.schema([(field.name, _value_type(field.type)) for field in file.schema_arrow])
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                batches.append(pa.RecordBatch.from_arrays([_written_out(column) for column in batch], schema=schema))
                batches[-1].validate(full=True)  # a file may call bytes text that are none
                n_bytes += batches[-1].nbytes
                if n_bytes > MAX_TABLE_BYTES:
                    raise SourceError(
                        f"The table {path} has more than {MAX_TABLE_BYTES:,} bytes once it is read: leave columns out, "
                        "or cut it into several."
                    )
            table = pa.Table.from_batches(batches, schema=schema)
    except MemoryError:
        raise SourceError(f"The table {path} needs more memory than there is: leave columns out.") from None
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"The table {path} cannot be read as Parquet ({_first_line(error)}): write it anew."
        ) from None
    return _check_names(path, table)


def _value_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _written_out(column: pa.Array) -> pa.Array:
    """Write each value of a dictionary as often as it stands there, so that its bytes are counted."""
    kind = _value_type(column.type)
    return column if kind == column.type else column.cast(kind)


def _check_names(path: Path, table: pa.Table) -> pa.Table:
    names = [name.strip() for name in table.column_names]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise SourceError(f"The table {path} has the column {doubled[0]!r} twice: rename one of them.")
    return table.rename_columns(names)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200].rstrip(".")


def _find_path_column(path: Path, names: Sequence[str], wanted: str | None) -> str:
    if wanted is not None:
        if wanted not in names:
            raise UnknownNameError("column", wanted, names)
        return wanted
    by_lower = {name.lower(): name for name in reversed(names)}
    for candidate in PATH_COLUMNS:
        if candidate in by_lower:
            return by_lower[candidate]
    listed = ", ".join(names[:20])
    raise SourceError(
        f"The table {path} has no column of paths; it has {listed}. Rename one to 'path', or say which one it is "
        "(path column)."
    )


def _find_column(names: Sequence[str], rule: str, default: str) -> str | None:
    if rule == "folder":
        return default if default in names else None
    return rule if rule in names and not is_folder_rule(rule) else None


def flat_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Keep numbers, text, truth values and times; write everything else as text, so that every page can show it."""
    import json

    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return flat_column(column.cast(kind.value_type))
    if pa.types.is_string(kind) or pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return column
    if pa.types.is_large_string(kind):
        return column.cast(pa.string())
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64())
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False)
    texts = [None if value is None else json.dumps(value, default=str) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    """Read a column as text; numbers are written as Python writes them, and empty text is no text."""
    return [None if value is None or value == "" else str(value) for value in column.to_pylist()]


def _absolute(written: Sequence[str | None], folder: str) -> list[str | None]:
    """Find the absolute path of each row, its folder resolved; None where a row names no file."""
    parents: dict[str, str] = {}
    absolute: list[str | None] = []
    for name in written:
        if name is None or "\0" in name or "://" in name:
            absolute.append(None)
            continue
        joined = os.path.join(folder, name)
        if os.sep == "/" and "\\" in name and not os.path.lexists(joined):  # written on Windows
            joined = os.path.join(folder, name.replace("\\", "/"))
        parent, base = os.path.split(os.path.normpath(joined))
        if parent not in parents:
            parents[parent] = os.path.realpath(parent)
        absolute.append(os.path.join(parents[parent], base))
    return absolute


def _first_rows(absolute: Sequence[str | None]) -> tuple[list[int], list[int]]:
    """Find the first row of each distinct file, and how many rows name it; a row without a file stands alone."""
    first: dict[str | int, int] = {}
    counts: dict[str | int, int] = {}
    for row, path in enumerate(absolute):
        key: str | int = row if path is None else path
        first.setdefault(key, row)
        counts[key] = counts.get(key, 0) + 1
    return list(first.values()), [counts[key] for key in first]


def _common_root(absolute: Sequence[str], folder: str) -> str:
    if all(is_within(path, folder) for path in absolute):
        return folder
    return os.path.commonpath({os.path.dirname(path) for path in absolute})


def _place_without_file(name: str | None, row: int) -> Place:
    # The number keeps the paths of such places apart from each other and from files.
    if name is None:
        return Place(path=f"(row {row + 1})", reason=f"Row {row + 1} of the table has no path.")
    shown = f"(row {row + 1}) " + name.replace("\0", "\\0")
    if "://" in name:
        return Place(path=shown, reason="This is a web address: download the file and write its path.")
    return Place(path=shown, reason="The path holds a NUL character.")


def _place_of(file: str, root: str, allowed_roots: Sequence[str] | None) -> Place:
    place = Place(path=os.path.relpath(file, root).replace(os.sep, "/"))
    if allowed_roots is not None:
        check_allowed(os.path.realpath(file), allowed_roots)
    try:
        status = os.stat(file)
    except FileNotFoundError:
        place.reason = "The table names this file, but it does not exist."
    except OSError as error:
        place.reason = f"The file cannot be opened: {error.strerror}."
    else:
        place.n_bytes, place.mtime_ns = status.st_size, status.st_mtime_ns
        place.reason = reason_for_mode(status.st_mode)
    return place
