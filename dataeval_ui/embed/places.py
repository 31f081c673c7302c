"""The places of a listing while they are being read: what is known of each, and the manifest in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.data import finish_manifest, read_orientation, settle_objects
from dataeval_ui.embed.crop_plans import CropTask

if TYPE_CHECKING:
    from dataeval_ui.embed.decoders import DecoderPool, IsKnown
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.parts import ImageParts
    from dataeval_ui.types import DecodedImage, Listing, Manifest

_SIZE_COLUMNS = ("width_px", "height_px", "format")


class Places:
    """One row a place, in the listing's order.

    Parameters
    ----------
    listing : Listing
    """

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self.paths: list[str] = listing.table.column("path").to_pylist()
        self._status: list[str] = listing.table.column("status").to_pylist()
        self._reason: list[str | None] = listing.table.column("reason").to_pylist()
        self._image_id: list[str | None] = [None] * len(self.paths)
        self._size: list[tuple[int, int, str] | None] = [None] * len(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def file_of(self, row: int) -> str:
        """Path of a place that can be opened."""
        return str(Path(self._listing.root) / self.paths[row])

    def tasks(self, rows: Sequence[int]) -> list[CropTask]:
        """Make a task of each row."""
        return [CropTask(self.file_of(row), (row,)) for row in rows]

    def decode(
        self, pool: DecoderPool, tasks: Sequence[CropTask], *, is_known: IsKnown | None, on_wait: Callable[[], None]
    ) -> Iterator[DecodedImage]:
        """Decode the files of some tasks; see `DecoderPool.decode`."""
        return pool.decode([task.path for task in tasks], is_known=is_known, on_wait=on_wait)

    def unread(self) -> list[int]:
        """Rows of which nothing is known yet."""
        return [row for row, status in enumerate(self._status) if status == "listed"]

    def reuse(self, previous: Manifest, is_stored: Callable[[str], bool]) -> int:
        """Take over what an earlier manifest says of files whose path, size and time stand unchanged.

        Returns
        -------
        int
            Number of places that need not be read.
        """
        columns = ("path", "n_bytes", "mtime_ns", "image_id", *_SIZE_COLUMNS)
        usable = {
            (path, n_bytes, mtime_ns): (image_id, size)
            for status, path, n_bytes, mtime_ns, image_id, *size in _rows(previous.table, ("status", *columns))
            if status == "ok" and is_stored(image_id)
        }
        n_reused = 0
        for row, stamp in enumerate(_rows(self._listing.table, ("path", "n_bytes", "mtime_ns"))):
            if self._status[row] == "listed" and (found := usable.get(stamp)) is not None:
                image_id, size = found
                self._settle(row, image_id, tuple(size))
                n_reused += 1
        return n_reused

    def settle(self, row: int, image: DecodedImage) -> None:
        """Note that a place holds a usable image; its size may be left to `to_manifest` where it was not decoded."""
        size = (image.width_px, image.height_px, image.format) if image.width_px else None
        self._settle(row, image.image_id, size)

    def refuse(self, row: int, image_id: str | None, reason: str) -> None:
        """Note why a place holds no usable image."""
        self._status[row], self._reason[row], self._image_id[row] = "unreadable", reason, image_id

    def to_manifest(self, images: ImageParts, settings: Settings) -> Manifest:
        """Finish; sizes that were not decoded in this run are looked up in the store."""
        import pyarrow as pa

        missing = [i for i, size in zip(self._image_id, self._size, strict=True) if i is not None and size is None]
        refused = {i for i, status in zip(self._image_id, self._status, strict=True) if status != "ok"}
        wanted = sorted(set(missing) - refused)
        sizes: dict[str | None, tuple[int, int, str]] = {}
        if wanted:
            table = images.read(wanted, ["image_id", *_SIZE_COLUMNS])
            sizes = {image_id: tuple(size) for image_id, *size in _rows(table, ("image_id", *_SIZE_COLUMNS))}
        found = [size or sizes.get(i) for i, size in zip(self._image_id, self._size, strict=True)]
        table = self._listing.table
        columns = {
            "status": pa.array(self._status, type=pa.string()),
            "reason": pa.array(self._reason, type=pa.string()),
        }
        for name, values in columns.items():
            table = table.set_column(table.column_names.index(name), name, values)
        table = table.append_column("image_id", pa.array(self._image_id, type=pa.string()))
        for place, (name, kind) in enumerate(zip(_SIZE_COLUMNS, (pa.int32(), pa.int32(), pa.string()), strict=True)):
            values = [None if size is None else size[place] for size in found]
            table = table.append_column(name, pa.array(values, type=kind))
        objects = self._listing.objects
        if objects is not None:
            root = Path(self._listing.root)
            objects = settle_objects(
                objects, table, orientation=lambda path: read_orientation(root / path, settings=settings)
            )
        return finish_manifest(table, objects)

    def _settle(self, row: int, image_id: str | None, size: Any) -> None:
        self._status[row], self._reason[row] = "ok", None
        self._image_id[row], self._size[row] = image_id, size


def _rows(table: Any, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    return zip(*(table.column(name).to_pylist() for name in columns), strict=True)
