"""Objects of a run whose rows are objects: where each lies in its image, and what it can be coloured by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dataeval_ui.errors import SourceError, StorageError

if TYPE_CHECKING:
    import pyarrow as pa

    from dataeval_ui.services.columns import Column
    from dataeval_ui.services.context import Services
    from dataeval_ui.store.records import DatasetRecord
    from dataeval_ui.types import Listing, Manifest

OBJECT_COLUMNS = ("file", "object", "box_left_px", "box_top_px", "box_width_px", "box_height_px", "is_crowd")
"""Columns of the manifest that exports write too."""

_NUMBERS = (
    "object", "box_left_px", "box_top_px", "box_width_px", "box_height_px", "crop_left_px", "crop_top_px", "width_px",
    "height_px", "file_width_px", "file_height_px",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RunObject:
    """One object of an image.

    Attributes
    ----------
    file : str
        Path of its image, relative to the dataset's root.
    file_id : str
        Content of that file.
    number : int
        From 0 within the image, as the annotations order them.
    box : tuple of 4 floats
        Left, top, width and height in pixels of the upright image.
    crop : tuple of 4 ints
        The part that was embedded.
    file_size : tuple of 2 ints
        Width and height of the upright image.
    mask : str or None
        As `dataeval_ui.data.masks.mask_picture` draws it; None where the annotations have none.
    """

    file: str
    file_id: str
    number: int
    box: tuple[float, float, float, float]
    crop: tuple[int, int, int, int]
    file_size: tuple[int, int]
    mask: str | None = None


def is_of_objects(manifest: pa.Table) -> bool:
    """Whether the rows of a manifest are objects."""
    return "object" in manifest.column_names and "file" in manifest.column_names


def object_of(place: Mapping[str, Any], masks: pa.Table | None = None) -> RunObject:
    """Read an object from its row of the manifest.

    Parameters
    ----------
    place : mapping
    masks : pyarrow.Table, optional
        `Manifest.objects` of a run of objects: the masks by path.

    Raises
    ------
    StorageError
        The row lacks a number, as one that another program wrote may.
    """
    numbers = [place.get(name) for name in _NUMBERS]
    if not all(isinstance(n, (int, float)) and math.isfinite(n) and abs(n) < 2**31 for n in numbers):
        raise StorageError(f"The manifest tells no box for {place.get('path')!r}. Run the dataset again.")
    number, left, top, width, height, *crop_and_size = (float(n) for n in numbers if n is not None)
    x, y, across, down, file_width, file_height = map(int, crop_and_size)
    return RunObject(
        file=str(place["file"]),
        file_id=str(place["file_id"]),
        number=int(number),
        box=(left, top, width, height),
        crop=(x, y, across, down),
        file_size=(file_width, file_height),
        mask=None if masks is None else _mask_of(masks, str(place["path"])),
    )


def _mask_of(masks: pa.Table, path: str) -> str | None:
    import pyarrow.compute as pc

    found = pc.index(masks["path"], path).as_py()
    return None if found < 0 else str(masks["mask"][found].as_py())


def object_columns(places: pa.Table) -> Iterator[Column]:
    """Make the columns that a map of objects can be coloured and filtered by.

    Parameters
    ----------
    places : pyarrow.Table
        Manifest rows of each object's first place.
    """
    import numpy as np

    from dataeval_ui.services.columns import Column, categorical

    def numbers(name: str) -> Any:
        return places[name].to_numpy(zero_copy_only=False).astype(np.float64)

    width, height = numbers("box_width_px"), numbers("box_height_px")
    area = width * height
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = area / (numbers("file_width_px") * numbers("file_height_px"))
        aspect = width / height
    for name, title, values in (
        ("object_area", "Object area (px²)", area),
        ("object_aspect", "Object aspect (width to height)", aspect),
        ("object_relative_area", "Object area in its image", relative),
    ):
        known = np.where(np.isfinite(values), values, np.nan).astype(np.float32)
        yield Column(name=name, title=title, kind="continuous", values=known)
    crowd = places["is_crowd"].to_pylist()
    if any(crowd):
        column = categorical("is_crowd", "Crowd", ["crowd" if one else "single" for one in crowd])
        if column is not None:
            yield column


def previous_objects(services: Services, dataset: DatasetRecord) -> Manifest | None:
    """Find the manifest of the dataset's newest run of objects, by which unchanged files need not be read."""
    from dataeval_ui.store.manifests import load_manifest

    runs = [run for run in services.catalog.list_runs(dataset.id) if run.params.objects]
    for run in sorted(runs, key=lambda run: run.created_at, reverse=True):
        with suppress(StorageError):  # it only saves time
            return load_manifest(services.workspace, run.manifest_digest)
    return None


def check_has_objects(listing: Listing, dataset: DatasetRecord) -> None:
    """Refuse a run of objects where there are none.

    Raises
    ------
    SourceError
        The source has no annotations, or they name no object.
    """
    if listing.objects is None:
        raise SourceError(
            f"{dataset.name!r} has no annotations of objects: run it by whole images, or give a dataset in the format "
            "of COCO, YOLO, Pascal VOC or Hugging Face."
        )
    if listing.objects.num_rows == 0:
        raise SourceError(f"The annotations of {dataset.name!r} name no objects: run it by whole images.")
