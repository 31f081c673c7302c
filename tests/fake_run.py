"""A run of six images that the routes can serve without a workspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from dataeval_ui.data.decode import image_id_of
from dataeval_ui.errors import AccessDeniedError, InputError, UnknownNameError
from dataeval_ui.services.columns import Column
from dataeval_ui.types import NeighborGraph, Projection

N_IMAGES = 6


class FakeRun:
    """Row 0 is an image, row 1 lost its thumbnail, row 2 its file, row 3 is a file that changed, row 4 a link out."""

    def __init__(self, folder: Path) -> None:
        from PIL import Image

        self.path = folder / "image.png"
        Image.new("RGB", (3000, 40), (200, 30, 30)).save(self.path)
        self.raw = self.path.read_bytes()
        xy = np.arange(2 * N_IMAGES, dtype=np.float32).reshape(N_IMAGES, 2)
        self.projection = Projection(xy=xy, placed=np.zeros(N_IMAGES, bool), confidence=np.ones(N_IMAGES, np.float32))
        self.columns = {
            "label": Column(
                name="label", title="Label", kind="categorical", codes=np.array([0, 1, 2, 0, 1, 2], np.uint16),
                categories=("ant", "bee", "cat"),
            ),
            "wide": Column(
                name="wide", title="Wide", kind="categorical", codes=np.array([0, 1, 299, 0, 1, 2], np.uint16),
                categories=tuple(map(str, range(300))),
            ),
            "score": Column(
                name="score", title="Score", kind="continuous", values=np.array([0, 0.5, np.nan, 1, 2, 3], np.float32)
            ),
        }  # fmt: skip

        indices = (np.arange(N_IMAGES)[:, None] + np.array([1, 2])) % N_IMAGES
        self.graph = NeighborGraph(indices=indices.astype(np.int32), similarities=np.ones((N_IMAGES, 2), np.float32))

    def column(self, name: str) -> Column:
        if name not in self.columns:
            raise UnknownNameError("column", name, self.columns)
        return self.columns[name]

    def image_id(self, row: int) -> str:
        if not 0 <= row < N_IMAGES:
            raise InputError(f"There is no image {row} in this run; it has {N_IMAGES}, counted from 0.")
        return "f" * 32 if row == 3 else image_id_of(self.raw)

    def thumbnail(self, row: int) -> bytes | None:
        return None if row == 1 else b"\xff\xd8 thumbnail"

    def thumbnails(self, rows: Sequence[int]) -> list[bytes | None]:
        return [self.thumbnail(row) for row in rows if self.image_id(row)]

    def object_of(self, row: int) -> None:
        return None

    def image_path(self, row: int) -> Path:
        if row == 2:
            raise InputError("'a.png' is no longer in '/data'; the thumbnail is all that is left.")
        if row == 4:
            raise AccessDeniedError("'b.png' is a link that leaves '/data'.")
        return self.path


def open_fake_run(run: FakeRun) -> Callable[[str], FakeRun]:
    """Open it by the name `fake`."""

    def open_run(run_id: str) -> FakeRun:
        if run_id != "fake":
            raise UnknownNameError("run", run_id, ["fake"])
        return run

    return open_run
