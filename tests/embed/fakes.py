"""A backbone without weights, for tests of what surrounds it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dataeval_ui.embed.backbones import get_backbone
from dataeval_ui.embed.embedder import Embedder
from dataeval_ui.types import Backbone, EmbeddingKey, Preprocessing

TINY = Preprocessing(input_px=16, resize_px=16, interpolation="bilinear", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


class CountingRunner:
    """Means of rows of pixels; notes the size of every batch, and has no room for more than `max_batch`."""

    def __init__(self, max_batch: int | None = None) -> None:
        self.batches: list[int] = []
        self.max_batch = max_batch

    def run(self, pixels: np.ndarray) -> np.ndarray:
        if self.max_batch is not None and len(pixels) > self.max_batch:
            raise MemoryError
        self.batches.append(len(pixels))
        return pixels.astype(np.float32).mean(axis=2).reshape(len(pixels), -1)

    @property
    def n_images(self) -> int:
        return sum(self.batches)


def tiny_backbone(**changes: object) -> Backbone:
    backbone = replace(get_backbone("efficientnet-lite0"), name="tiny", preprocessing=TINY, n_dims=48)
    return replace(backbone, **changes)


def tiny_embedder(runner: CountingRunner, *, batch_size: int = 4, checkpoint: str = "c") -> Embedder:
    key = EmbeddingKey(
        backbone="tiny", checkpoint=checkpoint, layer="rows", pooling="avg", input_px=16, preprocessing="p"
    )
    return Embedder(backbone=tiny_backbone(), key=key, open_runner=lambda: runner, batch_size=batch_size)
