"""What tests share: exported networks and compiled kernels, eleven and twenty seconds; few tests need new ones."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

CACHE = "TESTS_OF_DATAEVAL_UI"
"""Names the folder that the processes of one test run share; the first of them makes it and takes it away."""


def shared(name: str) -> Path:
    """Return a folder that the processes of one test run have in common."""
    if CACHE not in os.environ:
        os.environ[CACHE] = tempfile.mkdtemp(prefix="dataeval-ui-tests-")
        atexit.register(shutil.rmtree, os.environ[CACHE], ignore_errors=True)
    folder = Path(os.environ[CACHE], name)
    folder.mkdir(exist_ok=True)
    return folder


def share_compiled() -> None:
    """Keep what numba compiles in one folder, unless the environment names another; before numba is imported."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(shared("numba")))


def prepared(workspace: Path) -> Path:
    """Make a workspace folder whose exported networks and compiled kernels are those of all others made so."""
    workspace.mkdir(parents=True, exist_ok=True)
    (workspace / "models").symlink_to(shared("models"), target_is_directory=True)
    (workspace / "numba").symlink_to(shared("numba"), target_is_directory=True)
    return workspace
