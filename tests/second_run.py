"""A second run of a set, under a backbone that is a few sums of pixels: what comparisons are tested with."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.embed import backbones, checkpoints, choices, embedder, text_process
from dataeval_ui.embed.decoders import DecoderPool
from dataeval_ui.services.context import Services
from dataeval_ui.services.runs import open_run
from dataeval_ui.types import Preprocessing

NAME = "tiny"
PIXELS = Preprocessing(input_px=8, resize_px=8, interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3, squash=True)


COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "white": (1, 1, 1), "black": (0, 0, 0)}


class SumRunner:
    """Means of the three colours in each cell of an 8 x 8 grid, from black."""

    def run(self, pixels: np.ndarray) -> np.ndarray:
        return pixels.astype(np.float32).reshape(len(pixels), -1) / 255 - 0.5


class ColourWords:
    """A text tower that knows colours: the image of which all pixels have the named one."""

    logit_scale = 10.0

    def __init__(self, *_: object, **__: object) -> None:
        self.asked: list[str] = []

    def run(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        return np.stack([np.tile(self._colour(text), 64) for text in texts]).astype(np.float32)

    def _colour(self, text: str) -> np.ndarray:
        named = [COLOURS[word] for word in re.findall(r"\w+", text) if word in COLOURS]
        return np.array(named[0] if named else (0.1, 0.1, 0.1)) - 0.5


def register_tiny(monkeypatch: pytest.MonkeyPatch, services: Services, *, words: bool = False) -> None:
    """Add the backbone to the registry, with a file of weights in the workspace; with words, it knows colours."""
    row = replace(
        backbones.get_backbone("resnet50"), name=NAME, title="Tiny", n_dims=192, preprocessing=PIXELS, hub=None
    )
    if words:
        row = replace(row, source="open_clip")
        monkeypatch.setattr(text_process, "TextProcess", ColourWords)
    registry = {**backbones.BACKBONES, NAME: row}
    monkeypatch.setattr(backbones, "BACKBONES", registry)
    monkeypatch.setattr(checkpoints, "BACKBONES", registry)
    monkeypatch.setattr(choices, "BACKBONES", registry)
    opened = embedder.open_engine

    def open_runner(backbone: object, *args: object, **options: object) -> object:
        return SumRunner() if backbone is row else opened(backbone, *args, **options)

    monkeypatch.setattr(embedder, "open_engine", open_runner)
    weights = services.workspace.root / "weights" / f"{NAME}.pth"
    weights.parent.mkdir(exist_ok=True)
    weights.write_bytes(b"no weights are needed")


def add_second_run(services: Services, run_id: str, new_id: str = "second", backbone: str = NAME) -> str:
    """Embed a finished run's images with the tiny backbone (see `register_tiny`), or another, as a finished run."""
    from dataeval_ui.analysis.clustering import cluster
    from dataeval_ui.analysis.neighbors import find_neighbors
    from dataeval_ui.analysis.outliers import score_outliers
    from dataeval_ui.store.parts import EmbeddingParts
    from dataeval_ui.store.results import save_result
    from dataeval_ui.types import AnalysisParams

    run = open_run(services, run_id)
    made = embedder.load_embedder(backbone, workspace=services.workspace, settings=services.settings)
    paths = [str(run.image_path(row)) for row in range(run.n_images)]
    with DecoderPool(
        preprocessing=made.backbone.preprocessing, settings=replace(services.settings, n_decoders=0)
    ) as pool:
        pixels = np.stack([image.pixels for image in pool.decode(paths) if image.pixels is not None])
    embeddings = made.embed(pixels)
    EmbeddingParts(services.workspace, made.key).append_embeddings(run.image_ids, embeddings)
    shutil.copytree(services.workspace.run_dir(run_id), services.workspace.run_dir(new_id))
    (Path(services.workspace.run_dir(new_id)) / "planted.json").unlink(missing_ok=True)
    graph = find_neighbors(embeddings, n_neighbors=15)
    for name, result in (
        ("neighbors", graph),
        ("clustering", cluster(run.projection.xy[::-1], embeddings, params=AnalysisParams(cluster_method="kmeans"))),
        ("outliers", score_outliers(graph)),
    ):
        save_result(services.workspace, new_id, name, result)
    copy = {f.name: getattr(run.record, f.name) for f in fields(run.record)}
    summary = {**run.record.summary, "images_per_s": 120.5, "peak_rss_bytes": 512_000_000}
    changes = {"id": new_id, "name": f"second · {backbone}", "backbone": backbone, "key": made.key, "summary": summary}
    services.catalog.add_run(**{**copy, **changes})
    return new_id
