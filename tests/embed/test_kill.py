from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.embed.generated import write_images
from tests.embed.killed_run import COMMIT_SIZE, run

N_FILES = 66
# How many parts of each kind are there when the process is killed: before anything, between the images and the
# embeddings of a chunk, just after a chunk, in the middle, near the end.
MOMENTS = [("images", 0), ("images", 1), ("embeddings", 2), ("images", 4), ("embeddings", 7), ("images", 9)]


def _parts(workspace: Path, kind: str) -> dict[str, bytes]:
    paths = (workspace / kind).rglob("parts/*.parquet")
    return {path.name: path.read_bytes() for path in paths if not path.name.startswith(".")}


def _kill_when(workspace: Path, folder: Path, kind: str, n_parts: int) -> None:
    command = [sys.executable, "-m", "tests.embed.killed_run", str(workspace), str(folder), "1"]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 60
    while len(_parts(workspace, kind)) < n_parts:
        assert process.poll() is None, "the run ended before its moment"
        assert time.monotonic() < deadline
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_images(tmp_path_factory.mktemp("images"), N_FILES - 6, n_copies=6)
    (folder / "030.png").write_bytes(b"no image")
    return folder


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_with_the_bytes_of_one_that_was_not(
    folder: Path, tmp_path: Path
) -> None:
    expected, _ = run(tmp_path / "whole", folder, 0)
    workspace = tmp_path / "killed"
    n_embedded = 0
    for kind, n_parts in MOMENTS:
        _kill_when(workspace, folder, kind, n_parts)
        images, embeddings = _parts(workspace, "images"), _parts(workspace, "embeddings")
        assert len(images) - len(embeddings) in (0, 1)  # at most one chunk is lost, and none that was committed
        assert len(embeddings) >= n_embedded
        n_embedded = len(embeddings)
    n_committed = sum(pq.read_metadata(io.BytesIO(data)).num_rows for data in embeddings.values())
    assert n_committed >= (MOMENTS[-1][1] - 2) * COMMIT_SIZE
    outcome, runner = run(workspace, folder, 0)
    assert outcome.manifest.digest == expected.manifest.digest
    assert outcome.manifest.table.equals(expected.manifest.table)
    for kind in ("images", "embeddings"):
        assert _parts(workspace, kind) == _parts(tmp_path / "whole", kind)
    assert runner.n_images == expected.n_embedded - n_committed
