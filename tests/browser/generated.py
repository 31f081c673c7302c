"""A generated run, as the routes and the page of the map's tests see it: blobs on a plane, numbered thumbnails."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dataeval_ui.errors import InputError, UnknownNameError
from dataeval_ui.services.columns import Column
from dataeval_ui.types import NeighborGraph, Projection

N_BLOBS = 12


class GeneratedRun:
    """`n` points in blobs; column "blob" is categorical, "score" continuous with some NaN."""

    def __init__(self, n: int) -> None:
        rng = np.random.default_rng(7)
        centres = rng.normal(size=(N_BLOBS, 2)) * 6
        self.blob = np.sort(rng.integers(0, N_BLOBS, n)).astype(np.uint16)
        xy = (centres[self.blob] + rng.normal(size=(n, 2))).astype(np.float32)
        self.score = rng.random(n).astype(np.float32)
        self.score[:: max(1, n // 20)] = np.nan
        self.n_images = n
        far = (np.arange(n)[:, None] + np.array([n // 2, n // 3])) % n  # torn apart by the map
        self.graph = NeighborGraph(indices=far.astype(np.int32), similarities=np.ones((n, 2), np.float32))
        self.projection = Projection(xy=xy, placed=np.zeros(n, bool), confidence=np.ones(n, np.float32))

    def column(self, name: str) -> Column:
        if name == "blob":
            categories = ("<b>blob</b> 0", *(f"blob {code}" for code in range(1, N_BLOBS)))
            return Column(name=name, title="Blob", kind="categorical", codes=self.blob, categories=categories)
        if name == "score":
            return Column(name=name, title="Score", kind="continuous", values=self.score)
        raise UnknownNameError("column", name, ["blob", "score"])

    def image_id(self, row: int) -> str:
        if not 0 <= row < self.n_images:
            raise InputError(f"There is no image {row} in this run; it has {self.n_images}, counted from 0.")
        return f"{row:032x}"

    def thumbnail(self, row: int) -> bytes:
        from PIL import Image, ImageDraw

        hue = int(self.blob[row]) * 255 // N_BLOBS
        size = (128, 96) if row % 3 else (90, 128)
        image = Image.new("HSV", size, (hue, 120, 210)).convert("RGB")
        draw = ImageDraw.Draw(image)
        draw.ellipse((20, 15, 70, 65), fill=(250, 250, 240))
        draw.text((30, 34), str(row), fill=(10, 10, 10))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG")
        return buffer.getvalue()

    def thumbnails(self, rows: Sequence[int]) -> list[bytes | None]:
        return [self.thumbnail(row) for row in rows]

    def image_path(self, row: int) -> Path:
        raise InputError(f"Image {row} is generated and has no file.")


@functools.cache
def generated_run(name: str) -> GeneratedRun:
    """Open `n10000` as 10,000 points."""
    if not name.startswith("n") or not name[1:].isdigit():
        raise UnknownNameError("run", name, ["n10000"])
    return GeneratedRun(int(name[1:]))
