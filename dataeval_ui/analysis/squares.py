"""Thumbnails as squares of pixels, decoded once where memory allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.pixels import SIDE_PX, coarse_squares, decode_squares

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int64, UInt8

MAX_BYTES = 2**27
"""Bytes of squares that are kept: those of the first 10,900 images that were asked for."""


class Squares:
    """Gives the squares of rows; keeps the first ones it decoded, up to `max_bytes`.

    Parameters
    ----------
    thumbnails : callable
        Gives the JPEG thumbnails of some rows, in their order.
    n_threads : int
        Threads that decode.
    max_bytes : int, default 128 MiB
        What is returned does not depend on it.
    """

    def __init__(
        self, thumbnails: Callable[[Sequence[int]], Sequence[bytes]], *, n_threads: int, max_bytes: int = MAX_BYTES
    ) -> None:
        self._thumbnails = thumbnails
        self._n_threads = n_threads
        self._n_free = max_bytes // (SIDE_PX * SIDE_PX * 3)
        self._kept: dict[int, tuple[UInt8, float]] = {}

    def whole(self, rows: Int64) -> tuple[UInt8, Float32]:
        """Return squares of shape (n, 64, 64, 3), uint8, and width over height of each thumbnail.

        Raises
        ------
        StorageError
            A thumbnail that is damaged.
        """
        rgb = np.empty((rows.size, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
        aspects = np.empty(rows.size, dtype=np.float32)
        missing = []
        for place, row in enumerate(rows.tolist()):
            kept = self._kept.get(row)
            if kept is None:
                missing.append(place)
            else:
                rgb[place], aspects[place] = kept
        if missing:
            jpegs = self._thumbnails(rows[missing].tolist())
            rgb[missing], aspects[missing] = decode_squares(jpegs, n_threads=self._n_threads)
            for place in missing[: self._n_free]:
                self._kept[int(rows[place])] = rgb[place].copy(), float(aspects[place])
            self._n_free -= min(self._n_free, len(missing))
        return rgb, aspects

    def coarse(self, rows: Int64) -> tuple[UInt8, Float32]:
        """Return squares of shape (n, 16, 16, 3), uint8, and width over height of each thumbnail."""
        rgb, aspects = self.whole(rows)
        return coarse_squares(rgb), aspects
