"""Thumbnails as squares of pixels, decoded once where memory allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dataeval_ui.analysis.pixels import COARSE_PX, SIDE_PX, Pictures, decode_pictures, empty_pictures

if TYPE_CHECKING:
    from dataeval_ui.types.base import Int64, UInt8

BYTES_EACH = SIDE_PX * SIDE_PX + 3 * COARSE_PX * COARSE_PX

MAX_BYTES = 48 * 2**20
"""Bytes of squares that are kept: those of the first 10,300 images that were asked for."""


class Squares:
    """Gives the pictures of rows; keeps the first ones it decoded, up to `max_bytes`.

    Parameters
    ----------
    thumbnails : callable
        Gives the JPEG thumbnails of some rows, in their order.
    n_threads : int
        Threads that decode.
    max_bytes : int, default 48 MiB
        What is returned does not depend on it.
    """

    def __init__(
        self, thumbnails: Callable[[Sequence[int]], Sequence[bytes]], *, n_threads: int, max_bytes: int = MAX_BYTES
    ) -> None:
        self._thumbnails = thumbnails
        self._n_threads = n_threads
        self._n_free = max_bytes // BYTES_EACH
        self._kept: dict[int, tuple[UInt8, UInt8, float]] = {}

    def read(self, rows: Int64) -> Pictures:
        """Return the pictures of rows, in their order.

        Raises
        ------
        StorageError
            A thumbnail that is damaged.
        """
        pictures = empty_pictures(rows.size)
        missing = []
        for place, row in enumerate(rows.tolist()):
            kept = self._kept.get(row)
            if kept is None:
                missing.append(place)
            else:
                pictures.luma[place], pictures.coarse[place], pictures.aspects[place] = kept
        if missing:
            decoded = decode_pictures(self._thumbnails(rows[missing].tolist()), n_threads=self._n_threads)
            pictures.luma[missing], pictures.coarse[missing] = decoded.luma, decoded.coarse
            pictures.aspects[missing] = decoded.aspects
            for at, place in enumerate(missing[: self._n_free]):
                kept = decoded.luma[at].copy(), decoded.coarse[at].copy(), float(decoded.aspects[at])
                self._kept[int(rows[place])] = kept
            self._n_free -= min(self._n_free, len(missing))
        return pictures
