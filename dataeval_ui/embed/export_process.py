"""Exporting a backbone in a process of its own, so that torch and its memory stay out of the run and of the server."""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataeval_ui.embed.checkpoints import Checkpoint
    from dataeval_ui.types import Backbone

logger = logging.getLogger(__name__)

_TIMEOUT_S = 900.0


def export_aside(backbone: Backbone, checkpoint: Checkpoint, *, models_dir: Path, n_threads: int) -> None:
    """Decide in another process what runs a backbone on the CPU; see `dataeval_ui.embed.onnx.open_cpu_runner`.

    Where that process fails, nothing is decided and the reason is logged: the caller loads the network itself then, and
    meets the same error.
    """
    package_parent = str(Path(__file__).absolute().parents[2])
    python_path = os.pathsep.join(filter(None, [package_parent, os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "dataeval_ui.embed.export_process"],
            input=pickle.dumps((backbone, checkpoint, models_dir, n_threads)),
            env={**os.environ, "PYTHONPATH": python_path},
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.warning("No process could export %s: %s.", backbone.name, error)
        return
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        logger.warning("The process that exports %s failed: %s", backbone.name, said[-1] if said else "it was ended.")


def main() -> None:
    """Export what the run at the other end of standard input asks for."""
    backbone, checkpoint, models_dir, n_threads = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from our own run
    from dataeval_ui.embed.embedder import key_of
    from dataeval_ui.embed.networks import load_network
    from dataeval_ui.embed.onnx import open_cpu_runner

    open_cpu_runner(
        lambda: load_network(backbone, checkpoint.path),
        key=key_of(backbone, checkpoint),
        preprocessing=backbone.preprocessing,
        models_dir=models_dir,
        n_threads=n_threads,
    )


if __name__ == "__main__":
    main()
