"""Drift over time: a run cut into chunks by a column of times or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dataeval_ui.errors import InputError, UnknownNameError
from dataeval_ui.types import METADATA_PREFIX, Json

if TYPE_CHECKING:
    import numpy as np

    from dataeval_ui.services.run import Run
    from dataeval_ui.types import Progress

Period = Literal["day", "week", "month", "year"]
PERIODS: tuple[Period, ...] = ("day", "week", "month", "year")
MIN_IMAGES = 5
MAX_CHUNKS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Images of one stretch of time.

    Attributes
    ----------
    name : str
        The period, or first and last time.
    rows : ndarray of int64
        Rows of the run.
    """

    name: str
    rows: np.ndarray


def time_columns(run: Run) -> tuple[str, ...]:
    """Return the columns of the user's table by which the run can be cut: times, dates as text, and numbers."""
    return tuple(
        name.removeprefix(METADATA_PREFIX)
        for name in run.manifest.column_names
        if name.startswith(METADATA_PREFIX) and _times(run, name) is not None
    )


def cut_by_time(run: Run, column: str, *, n_chunks: int | None = None, period: Period | None = None) -> list[Chunk]:
    """Cut a run into chunks of as many images each, or by day, week, month or year; images without a time are left out.

    Parameters
    ----------
    column : str
        See `time_columns`.
    n_chunks : int, optional
        In [2, 200]; default: 10, or fewer where there are fewer images.
    period : {"day", "week", "month", "year"}, optional
        In place of `n_chunks`; periods of fewer than 5 images are left out.

    Raises
    ------
    InputError
        No such column, a period of a column of numbers, or fewer than two chunks of 5 images.
    """
    import numpy as np

    found = _times(run, METADATA_PREFIX + column) if METADATA_PREFIX + column in run.manifest.column_names else None
    if found is None:
        raise UnknownNameError("column of times", column, time_columns(run))
    rows = np.flatnonzero(~np.isnat(found) if found.dtype.kind == "M" else np.isfinite(found))
    rows = rows[np.argsort(found[rows], kind="stable")]
    if period is not None:
        if found.dtype.kind != "M":
            raise InputError(
                f"{column!r} is a column of numbers, not of dates; cut it by count instead of by {period}."
            )
        unit = {"day": "D", "week": "W", "month": "M", "year": "Y"}[period]
        starts = found[rows].astype(f"datetime64[{unit}]")
        chunks = [
            Chunk(
                name=str(start.astype("datetime64[D]")) if period == "week" else str(start), rows=rows[starts == start]
            )
            for start in np.unique(starts)
        ]
        chunks = [chunk for chunk in chunks if len(chunk.rows) >= MIN_IMAGES]
    else:
        if n_chunks is not None and not 2 <= n_chunks <= MAX_CHUNKS:
            raise InputError(f"The number of chunks must be in [2, {MAX_CHUNKS}], got {n_chunks}.")
        n = min(n_chunks or 10, len(rows) // MIN_IMAGES)
        parts = np.array_split(rows, n) if n else []
        chunks = [Chunk(name=f"{_text(found[p[0]])} to {_text(found[p[-1]])}", rows=p) for p in parts]
    if len(chunks) < 2:
        raise InputError(f"{column!r} has times for fewer than two chunks of {MIN_IMAGES} images; cut less finely.")
    if len(chunks) > MAX_CHUNKS:
        raise InputError(f"{column!r} makes {len(chunks):,} chunks, more than {MAX_CHUNKS}; choose a longer period.")
    return chunks


def drift_over_time(
    run: Run, chunks: list[Chunk], *, reference: Run | None = None, progress: Progress | None = None
) -> Json:
    """Compare each chunk with the first, or with all of another run, and with the chunk before it.

    Returns
    -------
    dict
        `reference`, `sentence`, and `chunks`: `name`, `n_images`, `statistic`, `band_high`, `p_value`, `drifted`,
        `changed`. Without another run the first chunk is the reference and is not among them.

    Raises
    ------
    InputError
        Another run of different embeddings.
    """
    import numpy as np

    from dataeval_ui.analysis.drift.chunks import compare_chunks

    if reference is not None and reference.record.key != run.record.key:
        raise InputError("These runs have different embeddings; run both with the same backbone, layer and pooling.")
    first = chunks[0]
    tested = chunks if reference is not None else chunks[1:]
    base = reference.view.embeddings if reference is not None else run.view.embeddings[first.rows]
    found = compare_chunks(
        np.asarray(base), [np.asarray(run.view.embeddings[chunk.rows]) for chunk in tested], progress=progress
    )
    told = [
        {
            "name": chunk.name,
            "n_images": len(chunk.rows),
            "statistic": each.statistic,
            "band_high": each.band_high,
            "p_value": each.p_value,
            "drifted": each.drifted,
            "changed": each.changed,
        }
        for chunk, each in zip(tested, found, strict=True)
    ]
    name = reference.record.name if reference is not None else first.name
    return {"reference": name, "sentence": _sentence(name, told), "chunks": told}


def _sentence(reference: str, chunks: list[Json]) -> str:
    drifted = [chunk["name"] for chunk in chunks if chunk["drifted"]]
    changes = [chunk["name"] for chunk in chunks if chunk["changed"]]
    if not drifted:
        return f"None of {len(chunks)} chunks has drifted from {reference}."
    verb = "has" if len(drifted) == 1 else "have"
    told = f"{len(drifted)} of {len(chunks)} chunks {verb} drifted from {reference}: {_named(drifted)}"
    return f"{told}; it changed with {_named(changes)}." if changes else f"{told}; no single step stands out."


def _named(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _times(run: Run, name: str) -> np.ndarray | None:
    """A column as datetime64 or float64 by row; None where it is neither."""
    import numpy as np
    import pyarrow as pa

    values = run.first_places[name]
    kind = values.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        stamps: np.ndarray = values.cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]")
        return stamps
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numbers: np.ndarray = values.cast(pa.float64()).to_numpy().astype(np.float64)
        return numbers
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        from datetime import UTC, datetime

        parsed = []
        for text in values.to_pylist():
            try:
                when = None if text is None or not text.strip() else datetime.fromisoformat(text.strip())
            except ValueError:
                return None
            if when is not None and when.tzinfo is not None:
                when = when.astimezone(UTC).replace(tzinfo=None)
            parsed.append(np.datetime64("NaT") if when is None else np.datetime64(when, "us"))
        dates = np.array(parsed, dtype="datetime64[us]")
        return None if np.isnat(dates).all() else dates
    return None


def _text(value: np.generic) -> str:
    import numpy as np

    if not isinstance(value, np.datetime64):
        return f"{float(value):.6g}"
    text = str(value.astype("datetime64[s]"))
    return text.removesuffix("T00:00:00").replace("T", " ")
