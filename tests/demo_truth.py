"""The truth of the demo, as tests read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dataeval_ui.settings import assets_dir

DEMO = assets_dir() / "demo"
IMAGES = DEMO / "images"
TRUTH: dict[str, Any] = json.loads((DEMO / "truth.json").read_text(encoding="utf-8"))


def files_below(folder: Path) -> list[str]:
    """Paths of all files below a folder, relative to it, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def planted_exact_groups() -> set[frozenset[str]]:
    """Places of equal bytes, within a split and across."""
    groups = {frozenset([row["original"], *row["copies"]]) for row in TRUTH["exact_copies"]}
    return groups | {frozenset([row["original"], row["copy"]]) for row in TRUTH["leaks"] if row["kind"] == "exact"}


def planted_near_pairs() -> set[frozenset[str]]:
    """Pairs of near copies, within a split and across."""
    rows = TRUTH["near_copies"] + [row for row in TRUTH["leaks"] if row["kind"] == "near"]
    return {frozenset([row["original"], row["copy"]]) for row in rows}
