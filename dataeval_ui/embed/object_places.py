"""The objects of a listing while their images are being read: as `Places`, with a row an object."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.data import FileHead, Rect, crop_id, crop_of, finish_manifest, read_objects, upright_box, upright_mask
from dataeval_ui.embed.crop_plans import CropTask, PlannedCrop
from dataeval_ui.types import METADATA_PREFIX, batches

if TYPE_CHECKING:
    import pyarrow as pa

    from dataeval_ui.data.objects import AnnotatedObject, Box
    from dataeval_ui.embed.decoders import DecoderPool, IsKnown
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.parts import ImageParts
    from dataeval_ui.types import DecodedImage, Listing, Manifest

MAX_CROPS = 256
"""Crops that one decode of a file gives; one with more objects is decoded once for every so many, to bound memory."""

_UNUSABLE = "Its image cannot be used."


@dataclass(slots=True)
class _Row:
    """An object, or a file that is known to be no image."""

    file_row: int
    number: int | None
    annotated: AnnotatedObject | None
    status: str
    reason: str | None
    image_id: str | None = None
    head: FileHead | None = None
    box: Box | None = None
    crop: Rect | None = None


class ObjectPlaces:
    """One row an object, by path and number; and one a file without objects that is known to be no image.

    Parameters
    ----------
    listing : Listing
        With objects.
    margin : float
        See `crop_of`.
    """

    def __init__(self, listing: Listing, *, margin: float) -> None:
        if listing.objects is None:
            raise ValueError("The listing has no objects.")
        self._listing = listing
        self._margin = margin
        self._files: list[str] = listing.table["path"].to_pylist()
        self._rows = list(self._list_rows())
        self.paths: list[str] = [
            self._files[row.file_row] if row.number is None else f"{self._files[row.file_row]}#{row.number}"
            for row in self._rows
        ]

    def _list_rows(self) -> Iterator[_Row]:
        assert self._listing.objects is not None
        of_file: dict[str, list[AnnotatedObject]] = {}
        pairs = zip(self._listing.objects["path"].to_pylist(), read_objects(self._listing.objects), strict=True)
        for path, one in pairs:
            of_file.setdefault(path, []).append(one)
        columns = (self._listing.table[name].to_pylist() for name in ("path", "status", "reason"))
        for file_row, (path, status, reason) in enumerate(zip(*columns, strict=True)):
            objects = of_file.get(path, [])
            if not objects and status != "listed":
                yield _Row(file_row, None, None, status, reason)
            for number, one in enumerate(objects):
                if status != "listed":
                    yield _Row(file_row, number, one, status, reason or _UNUSABLE)
                elif one.reason is not None or one.box is None:
                    yield _Row(file_row, number, one, "unreadable", one.reason)
                else:
                    yield _Row(file_row, number, one, status, None)

    def __len__(self) -> int:
        return len(self._rows)

    def unread(self) -> list[int]:
        """Rows of which nothing is known yet."""
        return [number for number, row in enumerate(self._rows) if row.status == "listed"]

    def tasks(self, rows: Sequence[int]) -> list[CropTask]:
        """Group rows by file, at most `MAX_CROPS` of one."""
        root = Path(self._listing.root)
        tasks = []
        for file_row, some in groupby(rows, key=lambda number: self._rows[number].file_row):
            of_file = tuple(some)
            path = str(root / self._files[file_row])
            tasks += [CropTask(path, of_file[part]) for part in batches(len(of_file), MAX_CROPS)]
        return tasks

    def decode(
        self, pool: DecoderPool, tasks: Sequence[CropTask], *, is_known: IsKnown | None, on_wait: Callable[[], None]
    ) -> Iterator[DecodedImage]:
        """Decode the crops of some tasks; see `DecoderPool.decode_crops`."""

        def plan(rows: Sequence[int], head: FileHead) -> list[PlannedCrop]:
            return [self._plan(row, head, is_known) for row in rows]

        return pool.decode_crops(tasks, plan=plan, on_wait=on_wait)

    def reuse(self, previous: Manifest, is_stored: Callable[[str], bool]) -> int:
        """Take over what an earlier run of objects says of files whose path, size and time stand unchanged.

        Annotations may have changed: the crops are planned anew by the head of the file that was noted then.

        Returns
        -------
        int
            Number of objects whose file need not be read for them.
        """
        heads = {stamp: head for stamp, head in _heads(previous) if head is not None}
        stamps = list(zip(*(self._listing.table[n].to_pylist() for n in ("path", "n_bytes", "mtime_ns")), strict=True))
        n_reused = 0
        for number in self.unread():
            row = self._rows[number]
            head = heads.get(stamps[row.file_row])
            if head is None:
                continue
            planned = self._plan(number, head, None)
            if planned.image_id is None:
                self.refuse(number, None, planned.reason or _UNUSABLE)
            elif is_stored(planned.image_id):
                row.status, row.image_id = "ok", planned.image_id
                n_reused += 1
        return n_reused

    def settle(self, row: int, image: DecodedImage) -> None:
        """Note that an object has a usable crop."""
        self._rows[row].status, self._rows[row].reason = "ok", None
        self._rows[row].image_id = image.image_id

    def refuse(self, row: int, image_id: str | None, reason: str) -> None:
        """Note why an object has no usable crop."""
        self._rows[row].status, self._rows[row].reason = "unreadable", reason
        self._rows[row].image_id = image_id

    def _plan(self, number: int, head: FileHead, is_known: IsKnown | None) -> PlannedCrop:
        row = self._rows[number]
        assert row.annotated is not None
        assert row.annotated.box is not None
        size = (head.width_px, head.height_px)
        box, reason = upright_box(
            row.annotated.box, row.annotated.frame, size=size, orientation=lambda: head.orientation
        )
        row.head, row.box = head, box
        if box is None:
            return PlannedCrop(reason=reason)
        row.crop = crop_of(box, size=size, margin=self._margin)
        image_id = crop_id(head.image_id, row.crop)
        if is_known is not None and is_known(image_id, number):
            return PlannedCrop(image_id=image_id)
        return PlannedCrop(image_id=image_id, crop=row.crop)

    def to_manifest(self, images: ImageParts, settings: Settings) -> Manifest:
        """Finish: a row an object, with the columns of `Manifest.table` and those of `OBJECT_COLUMNS`."""
        import pyarrow as pa

        table = self._listing.table
        files = table.take(pa.array([row.file_row for row in self._rows], pa.int64()))
        labels = files["label"].to_pylist()
        ok = [row.status == "ok" for row in self._rows]

        def of(value: Callable[[_Row], Any], kind: pa.DataType) -> pa.Array:
            return pa.array([value(row) for row in self._rows], kind)

        def of_crop(place: int) -> pa.Array:
            return of(lambda row: row.crop[place] if row.crop and row.status == "ok" else None, pa.int32())

        def of_head(name: str, kind: pa.DataType) -> pa.Array:
            return of(lambda row: None if row.head is None else getattr(row.head, name), kind)

        columns: dict[str, Any] = {
            "path": pa.array(self.paths, pa.string()),
            "label": pa.array(
                [
                    label if row.annotated is None else row.annotated.label
                    for row, label in zip(self._rows, labels, strict=True)
                ],
                pa.string(),
            ),
            "split": files["split"],
            "n_bytes": files["n_bytes"],
            "mtime_ns": files["mtime_ns"],
            "status": of(lambda row: row.status, pa.string()),
            "reason": of(lambda row: row.reason, pa.string()),
            **{name: files[name] for name in files.column_names if name.startswith(METADATA_PREFIX)},
            "image_id": of(lambda row: row.image_id, pa.string()),
            "width_px": of_crop(2),
            "height_px": of_crop(3),
            "format": of_head("format", pa.string()),
            "file": files["path"],
            "object": of(lambda row: row.number, pa.int32()),
            "file_id": of_head("image_id", pa.string()),
            "file_width_px": of_head("width_px", pa.int32()),
            "file_height_px": of_head("height_px", pa.int32()),
            "file_orientation": of_head("orientation", pa.int32()),
            "crop_left_px": of_crop(0),
            "crop_top_px": of_crop(1),
            "is_crowd": of(lambda row: row.annotated is not None and row.annotated.is_crowd, pa.bool_()),
        }
        for place, name in enumerate(("box_left_px", "box_top_px", "box_width_px", "box_height_px")):
            values = [row.box[place] if row.box and good else None for row, good in zip(self._rows, ok, strict=True)]
            columns[name] = pa.array(values, pa.float64())
        return replace(finish_manifest(pa.table(columns)), objects=self._masks())

    def _masks(self) -> pa.Table | None:
        """Masks of the usable objects, by path; None where there are none."""
        import pyarrow as pa

        paths: list[str] = []
        masks: list[str] = []
        for path, row in zip(self.paths, self._rows, strict=True):
            if row.status != "ok" or row.annotated is None or row.annotated.mask is None or row.head is None:
                continue
            size = (row.head.width_px, row.head.height_px)
            if (mask := upright_mask(row.annotated.mask, row.annotated.frame, size=size)) is not None:
                paths.append(path)
                masks.append(mask)
        return pa.table({"path": pa.array(paths, pa.string()), "mask": pa.array(masks, pa.string())}) if paths else None


def _heads(previous: Manifest) -> Iterator[tuple[tuple[str, int, int], FileHead | None]]:
    names = ("file", "n_bytes", "mtime_ns", "file_id", "file_width_px", "file_height_px", "file_orientation", "format")
    columns = (previous.table[name].to_pylist() for name in names)
    for file, n_bytes, mtime_ns, file_id, width, height, orientation, format in zip(*columns, strict=True):
        head = None
        if file_id is not None:
            head = FileHead(image_id=file_id, width_px=width, height_px=height, orientation=orientation, format=format)
        yield (file, n_bytes, mtime_ns), head
