"""Places, listings, manifests and what one read of a file gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from dataeval_ui.types.base import SourceFormat

if TYPE_CHECKING:
    import pyarrow as pa

    from dataeval_ui.types.base import UInt8


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRule:
    """Where labels and splits come from.

    Parameters
    ----------
    label_from : str, default "folder"
        "folder" (the first folder level below the split), "folder:N" (the N-th level, from 1), "folder:leaf" (the
        folder that holds the file), "none", or the name of a column.
    split_from : str, default "folder"
        "folder" (a leading folder named train, training, test, testing, val, valid, validation or dev), "none", or the
        name of a column.
    path_column : str or None
        The column of a table that holds the paths; None looks for path, file, filename, file_name, image or filepath.
    format : str, default "auto"
        How the source's annotations are written: "coco", "yolo", "voc", "huggingface", or "folder" for none; "auto"
        tells by what lies there.
    """

    label_from: str = "folder"
    split_from: str = "folder"
    path_column: str | None = None
    format: SourceFormat = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The places of a source before any file was read.

    Attributes
    ----------
    root : str
        Absolute resolved folder that every path is relative to.
    table : pyarrow.Table
        A row a place, sorted by path: `path` (str, relative to `root`, `/` between parts, unique), `label` (str or
        null), `split` (str or null), `n_bytes` (int64), `mtime_ns` (int64), `status` ("listed", or "unreadable" for
        one that is known not to be an image before it is read: a link that leaves the root, a missing file, no image
        extension), `reason` (str or null), then the user's own columns, each named `meta.<column>`.
    objects : pyarrow.Table or None
        Where the source has annotations: a row an object, by path and number; see `dataeval_ui.data.objects`.
    """

    root: str
    table: pa.Table
    objects: pa.Table | None = None

    @property
    def n_files(self) -> int:
        """Number of places, readable or not."""
        return int(self.table.num_rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The places of a dataset after the decode pass.

    Attributes
    ----------
    table : pyarrow.Table
        The columns of `Listing.table` with `status` now "ok" or "unreadable", and `image_id` (str; null only where
        the bytes could not be read at all), `width_px`, `height_px` (int32 or null, after EXIF orientation) and
        `format` (str or null). Order is that of the listing. In a run of objects a row is an object: its path is
        `<file>#<number>`, its image the crop, and there are further columns: `file` (str), `object` (int32, null for a
        file without objects), `file_id` (content of the file), `file_width_px`, `file_height_px`, `file_orientation`,
        `crop_left_px`, `crop_top_px` (int32), `box_left_px`, `box_top_px`, `box_width_px`, `box_height_px` (float64,
        pixels of the upright file) and `is_crowd` (bool).
    digest : str
        Hash of everything above that shapes a result: path, image_id, label, split, status and metadata, and of the
        objects where there are any. Not mtime.
    objects : pyarrow.Table or None
        A row an object of a place, by path and number: `path` (str), `object` (int32, from 0 within its place), `label`
        (str or null), `x_px`, `y_px`, `width_px`, `height_px` (float64, in pixels of the upright image; null where
        unusable), `is_crowd` (bool), `mask` (JSON text or null), `status` ("ok" or "unusable"), `reason` (str or null).
        In a run of objects: `path` and `mask` of the rows that have one, in upright pixels; in no digest.
    """

    table: pa.Table
    digest: str
    objects: pa.Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """How an image becomes the backbone's input; part of the embedding key.

    Attributes
    ----------
    input_px : int
        Side of the square input, in pixels.
    resize_px : int
        Length of the shorter side before the centre crop, in pixels; equal to `input_px` when nothing is cropped.
    interpolation : {"bicubic", "bilinear"}
        Pillow's filter, with antialiasing.
    mean, std : tuple of 3 floats
        Subtracted from and divided into RGB in [0, 1].
    squash : bool
        Resize both sides to `resize_px` and ignore the aspect, instead of the shorter one.
    """

    input_px: int
    resize_px: int
    interpolation: Literal["bicubic", "bilinear"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    squash: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedImage:
    """What one read of one file gave.

    Attributes
    ----------
    image_id : str or None
        xxh3-128 of the bytes, 32 hexadecimal digits; None if the bytes could not be read.
    reason : str or None
        Why the file is no usable image, as a sentence; None for a usable one. The fields below are None or empty then.
    width_px, height_px : int
        Size after EXIF orientation.
    format, mode : str
        Pillow's names: "JPEG", "PNG"; "RGB", "P", "I;16", "CMYK", "RGBA".
    thumbnail : bytes
        A JPEG whose longer side is at most the thumbnail size, on white where the image is transparent.
    statistics : dict of str to float
        See `dataeval_ui.data.statistics.STATISTICS`.
    phash, dhash : int
        64-bit perceptual hashes of the upright image.
    pixels : ndarray of shape (input_px, input_px, 3), uint8, or None
        The backbone's input before mean and std.
    """

    image_id: str | None
    reason: str | None = None
    width_px: int = 0
    height_px: int = 0
    format: str = ""
    mode: str = ""
    thumbnail: bytes = b""
    statistics: Mapping[str, float] = field(default_factory=dict)
    phash: int = 0
    dhash: int = 0
    pixels: UInt8 | None = None
