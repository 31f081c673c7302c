"""Fail when a source file of the project is 400 lines or longer."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = {".py", ".js", ".css"}
LIMIT = 400

too_long = [
    f"{path.relative_to(ROOT)}: {n_lines} lines"
    for folder in ("dataeval_ui", "tests", "scripts")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in SUFFIXES and (n_lines := len(path.read_text(encoding="utf-8").splitlines())) >= LIMIT
]
if too_long:
    sys.exit(f"Files must stay under {LIMIT} lines; split by subject:\n" + "\n".join(too_long))
