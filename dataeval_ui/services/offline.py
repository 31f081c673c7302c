"""A run as one file for reviewers without a server: `export RUN OUT.html`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from dataeval_ui.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from dataeval_ui.services.run import Run
    from dataeval_ui.store.catalog_sharing import SavedView
    from dataeval_ui.types import Finding

MAX_IMAGES = 50_000
MAX_ROWS_SHOWN = 60
N_NEIGHBORS = 12
_MAX_CATEGORIES = 60


def shown(text: str, max_chars: int = 300) -> str:
    """Return text of the user's on one line, with control and direction characters as marks, cut if it is long."""
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return printable if len(printable) <= max_chars else f"{printable[: max_chars - 60]}…{printable[-59:]}"


def offline_parts(run: Run, view: SavedView | None = None) -> Iterator[str]:
    """Write a run as one HTML page, piece by piece.

    Parameters
    ----------
    run : Run
    view : SavedView, optional
        What the page shows first: its colours and its image.

    Raises
    ------
    InputError
        More than 50,000 images, which no browser opens in reasonable time.
    """
    from dataeval_ui.share.offline import page_parts, sprite_sheets

    if run.n_images > MAX_IMAGES:
        raise InputError(
            f"One file holds at most {MAX_IMAGES:,} images, this run has {run.n_images:,}. Share a link instead."
        )
    yield from page_parts(_payload(run, view), sprite_sheets(run.thumbnail, run.n_images))


def export_offline(run: Run, out: Path, view: SavedView | None = None) -> int:
    """Write `offline_parts` to a file, aside and then renamed; returns its number of bytes."""
    from dataeval_ui.store.durable import write_durably

    def write(stream: Any) -> None:
        for part in offline_parts(run, view):
            stream.write(part.encode("utf-8"))

    write_durably(out, write)
    return out.stat().st_size


def _payload(run: Run, view: SavedView | None) -> dict[str, Any]:
    from dataeval_ui.share.offline import PER_SIDE, THUMB_PX, packed

    address = {} if view is None else view.address
    image = address.get("image", [""])[-1]
    indices = run.graph.indices[:, :N_NEIGHBORS]
    xy = np.asarray(run.projection.xy, dtype=np.float64)
    low = xy.min(axis=0) if len(xy) else np.zeros(2)
    extent = float(np.ptp(xy, axis=0).max()) if len(xy) else 1.0
    unit = (xy - low) / (extent or 1.0)
    unit += (1 - (unit.max(axis=0) if len(unit) else 0)) / 2
    return {
        "run": run.id,
        "title": shown(run.dataset.name),
        "about": f"{run.n_images:,} images, {len(run.findings):,} findings. Similar images are near each other.",
        "n_images": run.n_images,
        "x": packed(np.round(unit[:, 0] * 65535), "<u2"),
        "y": packed(np.round(unit[:, 1] * 65535), "<u2"),
        "neighbors": packed(indices, "<u4"),
        "n_neighbors": int(indices.shape[1]),
        "columns": list(_columns(run)),
        "labels": [shown(name) for name in run.columns["label"].categories] if "label" in run.columns else [],
        "image_ids": list(run.image_ids),
        "paths": [shown(path) for path in run.first_places["path"].to_pylist()],
        "findings": [_finding(run, finding) for finding in run.findings],
        "thumb_px": THUMB_PX,
        "per_side": PER_SIDE,
        "view": {
            "colour": address.get("colour", ["cluster"])[-1],
            "image": int(image) if image.isascii() and image.isdigit() and len(image) < 10 else None,
        },
    }


def _columns(run: Run) -> Iterator[dict[str, Any]]:
    from dataeval_ui.figures.palette import categorical_colors, neutral_color
    from dataeval_ui.share.offline import packed

    for column in run.columns.values():
        if column.codes is None or not column.categories:
            continue
        counts = np.bincount(column.codes, minlength=len(column.categories))
        if column.neutral is not None:
            counts[column.neutral] = -1
        order = np.argsort(-counts, kind="stable")
        kept = [int(code) for code in order if code != column.neutral][:_MAX_CATEGORIES]
        names = [shown(column.categories[code]) for code in kept]
        rest = len(kept)
        codes = np.full(len(column.categories), rest, dtype=np.uint16)
        codes[kept] = np.arange(rest)
        yield {
            "name": column.name,
            "title": shown(column.title),
            "names": [*names, "none or other"],
            "codes": packed(codes[column.codes], "<u2"),
            "light": [*categorical_colors(rest), neutral_color()],
            "dark": [*categorical_colors(rest, dark=True), neutral_color(dark=True)],
        }


def _finding(run: Run, finding: Finding) -> dict[str, Any]:
    from dataeval_ui.findings.keys import finding_key

    rows = [run.row_of[image_id] for image_id in finding.image_ids if image_id in run.row_of]
    return {
        "id": finding_key(finding),
        "kind": finding.kind,
        "severity": finding.severity,
        "sentence": shown(finding.sentence, 1000),
        "advice": shown(finding.advice, 1000),
        "rows": rows[:MAX_ROWS_SHOWN],
        "paths": [shown(path) for path in finding.paths[:MAX_ROWS_SHOWN]],
    }
