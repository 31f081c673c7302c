"""A sample of `scripts/bench/fuzz.py`: changed files through every reader give what was read, or a sentence."""

from __future__ import annotations

import contextlib
import random
import sys
from pathlib import Path

import pytest

from dataeval_ui.errors import DataEvalUIError

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts" / "bench"))
from fuzz import readers

READERS = readers()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(READERS))
def test_changed_files_give_what_was_read_or_a_sentence(name: str, tmp_path: Path) -> None:
    for seed in range(12):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with contextlib.suppress(DataEvalUIError):
            READERS[name](random.Random(seed), folder)
