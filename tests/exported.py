"""Workspaces that share what a backbone's export made: eleven seconds that only the tests of the export itself need."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def _models() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dataeval-ui-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def prepared(workspace: Path) -> Path:
    """Make a workspace folder whose exported networks are those of all others made so in this process."""
    workspace.mkdir(parents=True, exist_ok=True)
    (workspace / "models").symlink_to(_models(), target_is_directory=True)
    return workspace
