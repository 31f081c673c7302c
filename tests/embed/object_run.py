"""A run of objects as a process of its own, to be killed: `python -m tests.embed.object_run WORKSPACE FOLDER [n]`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from dataeval_ui.data import list_source
from dataeval_ui.embed.pipeline import EmbedOutcome, embed_listing
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import open_workspace
from dataeval_ui.types import LabelRule, Manifest, Silent
from tests.data.annotations import coco, coco_object, write_json
from tests.data.images import encoded, photo
from tests.embed.fakes import tiny_embedder
from tests.embed.killed_run import BatchMarkingRunner

COMMIT_SIZE = 6


def write_objects(root: Path, n: int) -> Path:
    """`n` pictures of 40 x 20 with 0 to 4 objects each, of which one is doubled and one outside; and a broken file."""
    rng = np.random.default_rng(5)
    images, objects = [], []
    for number in range(n):
        (root / "images").mkdir(parents=True, exist_ok=True)
        (root / f"images/{number:03d}.png").write_bytes(encoded(photo(40, 20, seed=number)))
        images.append({"id": number, "file_name": f"{number:03d}.png", "width": 40, "height": 20})
        for _ in range(number % 5):
            x, y = rng.integers(0, 30), rng.integers(0, 12)
            objects.append(coco_object(number, int(rng.choice([1, 7])), [int(x), int(y), 8, 6]))
    objects += [objects[0], coco_object(1, 1, [100, 0, 5, 5])]
    (root / "images/broken.png").write_bytes(b"no image")
    images.append({"id": n, "file_name": "broken.png", "width": 40, "height": 20})
    write_json(root / "labels.json", coco(images, [*objects, coco_object(n, 1, [0, 0, 5, 5])]))
    return root


def run(
    workspace: Path, folder: Path, n_decoders: int = 0, *, previous: Manifest | None = None, **options: Any
) -> tuple[EmbedOutcome, BatchMarkingRunner]:
    settings = Settings(workspace=workspace, n_decoders=n_decoders, commit_size=COMMIT_SIZE, batch_size=4)
    runner = BatchMarkingRunner()
    outcome = embed_listing(
        list_source(str(folder), rule=LabelRule(), settings=settings),
        embedder=tiny_embedder(runner),
        workspace=open_workspace(workspace),
        previous=previous,
        settings=settings,
        progress=Silent(),
        **{"object_margin": 0.1, **options},
    )
    return outcome, runner


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
