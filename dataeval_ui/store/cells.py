"""Cells of images: int8 codes in immutable parts beside the embeddings, and the memory map that a search reads."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from dataeval_ui.errors import StorageError
from dataeval_ui.store.durable import aside_name, read_json, storing, write_durably, write_json_durably
from dataeval_ui.store.part_list import Parts
from dataeval_ui.store.view import reserve
from dataeval_ui.store.workspace import Workspace
from dataeval_ui.types import Json, digest_of

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

    from dataeval_ui.types.base import Float32

    Int8 = npt.NDArray[np.int8]

CELLS_VERSION = 1
"""Raised when what is stored of a cell changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """Cells of a run's images.

    Attributes
    ----------
    rows : ndarray of shape (n_stored,), int64
        Rows of the run that have cells, ascending.
    codes : ndarray of shape (n_stored, n_cells, n_components), int8
        A read-only memory map.
    """

    rows: npt.NDArray[np.int64]
    codes: Int8


class CellParts:
    """The cells of one dataset's images under one key.

    Parameters
    ----------
    workspace : Workspace
    name : str
        Digest of the key and of the dataset: axes that tell one dataset's cells apart need not suit another's.
    """

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.name = name
        self._workspace = workspace
        self._folder = workspace.root / "embeddings" / name
        self.parts = Parts.local(self._folder / "parts", None)

    def save_axes(self, mean: Float32, components: Float32, card: Json) -> None:
        """Keep what codes were made with, before the first of them."""
        write_durably(self._folder / "axes.npz", lambda stream: _write_axes(stream, mean, components))
        write_json_durably(self._folder / "key.json", card)

    def load_axes(self) -> tuple[Float32, Float32] | None:
        """Load mean and components; None before they were saved.

        Raises
        ------
        StorageError
            The file is damaged.
        """
        path = self._folder / "axes.npz"
        if not path.is_file():
            return None
        try:
            with storing(path), np.load(path, allow_pickle=False) as archive:
                return archive["mean"], archive["components"]
        except (ValueError, KeyError, EOFError, OSError) as error:
            raise StorageError(f"{path} is damaged. Delete its folder and have the parts computed again.") from error

    @property
    def n_bytes(self) -> int:
        """Bytes of the parts on the disk."""
        return sum(path.stat().st_size for path in (self._folder / "parts").glob("*.parquet"))

    def append(self, image_ids: Sequence[str], codes: Int8) -> str:
        """Commit the cells of images as one part.

        Parameters
        ----------
        codes : ndarray of shape (n_images, n_cells, n_components), int8
        """
        import pyarrow as pa

        if len(image_ids) == 0:
            return ""
        flat = np.ascontiguousarray(codes).reshape(len(codes), -1)
        # bytes and not numbers: Parquet would write an int8 as four bytes
        kind = pa.binary(flat.shape[1])
        cells = pa.FixedSizeBinaryArray.from_buffers(kind, len(flat), [None, pa.py_buffer(flat.tobytes())])
        return self.parts.append(pa.table({"image_id": pa.array(image_ids, pa.string()), "cells": cells}))

    def ids(self) -> set[str]:
        """Ids of all images whose cells are committed."""
        return self.parts.ids()

    def read(self, image_id: str, n_components: int) -> Int8:
        """Read one image's cells, of shape (n_cells, n_components)."""
        (codes,) = _to_codes(self.parts.read([image_id], ["cells"]).column("cells"))
        cells: Int8 = codes.reshape(-1, n_components)
        return cells

    def open_view(self, image_ids: Iterable[str], n_components: int) -> CellView:
        """Map the cells of a run, building the map where it is missing.

        Parameters
        ----------
        image_ids : iterable of str
            The run's rows; those without cells are left out.

        Raises
        ------
        StorageError
            None of the images has cells, a damaged part, or a full disk.
        """
        stored = self.ids()
        pairs = [(row, image_id) for row, image_id in enumerate(image_ids) if image_id in stored]
        if not pairs:
            raise StorageError("No part of these images is computed yet; have the run's parts computed first.")
        rows = np.array([row for row, _ in pairs], dtype=np.int64)
        ids = [image_id for _, image_id in pairs]
        id_digest = blake2b("\n".join(ids).encode(), digest_size=16).hexdigest()
        folder = self._workspace.views_dir / digest_of([self.name, id_digest], n_chars=32)
        codes = _load(folder, len(ids), n_components)
        if codes is None:
            self._build(folder, ids)
            codes = _load(folder, len(ids), n_components)
            if codes is None:
                raise StorageError(f"The view {folder} does not read back as it was written. Check the disk.")
        return CellView(rows=rows, codes=codes)

    def _build(self, folder: Path, ids: list[str]) -> None:
        aside = aside_name(folder)
        try:
            with storing(folder):
                aside.mkdir(mode=0o700, parents=True)
                codes: np.memmap[Any, np.dtype[np.int8]] | None = None
                for positions, table in self.parts.scan(ids, ["cells"]):
                    block = _to_codes(table.column("cells"))
                    if codes is None:
                        shape = (len(ids), block.shape[1])
                        reserve(aside / "cells.i8", shape[0] * shape[1])
                        codes = np.memmap(aside / "cells.i8", np.int8, "r+", shape=shape)
                    codes[positions] = block
                assert codes is not None  # there is at least one id
                codes.flush()
                write_json_durably(aside / "view.json", {"n_images": len(ids), "n_numbers": codes.shape[1]})
                shutil.rmtree(folder, ignore_errors=True)
                aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _load(folder: Path, n_images: int, n_components: int) -> Int8 | None:
    try:
        card = read_json(folder / "view.json")
        n_numbers = int(card["n_numbers"])
        path = folder / "cells.i8"
        if int(card["n_images"]) != n_images or path.stat().st_size != n_images * n_numbers or n_numbers % n_components:
            return None
        shape = (n_images, n_numbers // n_components, n_components)
        codes: Int8 = np.memmap(path, np.int8, "r", shape=shape)
    except (StorageError, FileNotFoundError, KeyError, TypeError, ValueError):
        return None
    return codes


def _to_codes(column: pa.ChunkedArray) -> Int8:
    """Turn a `cells` column into an ndarray of shape (n_images, numbers an image), int8."""
    joined = column.combine_chunks()
    width = joined.type.byte_width
    start = joined.offset * width
    flat: Int8 = np.frombuffer(joined.buffers()[1], np.int8, len(joined) * width, start).reshape(len(joined), width)
    return flat


def _write_axes(stream: BinaryIO, mean: Float32, components: Float32) -> None:
    np.savez(stream, mean=mean, components=components)
