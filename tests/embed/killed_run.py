"""A run as a process of its own, to be killed: `python -m tests.embed.killed_run WORKSPACE FOLDER [n_decoders]`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from dataeval_ui.data import list_source
from dataeval_ui.embed.pipeline import EmbedOutcome, embed_listing
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import open_workspace
from dataeval_ui.types import LabelRule, Silent
from tests.embed.fakes import CountingRunner, tiny_embedder

COMMIT_SIZE = 6


class BatchMarkingRunner(CountingRunner):
    """Gives embeddings that show the composition of their batch, as a network's last bits may."""

    def run(self, pixels: np.ndarray) -> np.ndarray:
        time.sleep(0.01)
        return super().run(pixels) + np.float32(pixels.mean()) + len(pixels)


def run(workspace: Path, folder: Path, n_decoders: int) -> tuple[EmbedOutcome, BatchMarkingRunner]:
    settings = Settings(workspace=workspace, n_decoders=n_decoders, commit_size=COMMIT_SIZE, batch_size=4)
    runner = BatchMarkingRunner()
    outcome = embed_listing(
        list_source(str(folder), rule=LabelRule(), settings=settings),
        embedder=tiny_embedder(runner),
        workspace=open_workspace(workspace),
        previous=None,
        settings=settings,
        progress=Silent(),
    )
    return outcome, runner


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
