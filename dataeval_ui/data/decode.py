"""One read and one decode of one file, and everything that is taken from it.

Nothing here raises for a bad file: the reason is in the result. Safe in threads and in processes; no state.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.data.formats import UnreadableImageError, open_header
from dataeval_ui.data.hashes import dhash, phash
from dataeval_ui.data.places import reason_for_mode
from dataeval_ui.data.png_strips import MIN_PIXELS, flatten_png
from dataeval_ui.data.raster import flatten, orientation_of, reduction, upright
from dataeval_ui.data.resize import model_input
from dataeval_ui.data.statistics import STATISTICS_PX, measure
from dataeval_ui.settings import Settings
from dataeval_ui.types import DecodedImage, Preprocessing

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFile import ImageFile

DECODER_VERSION = 1
"""Raised whenever a change here can change pixels, thumbnails, statistics or hashes; part of the embedding key."""

_READ_BYTES = 2**20

THUMBNAIL_QUALITY = 82
_NO_MEMORY = "The image needs more memory than there is: make it smaller."


def decode_file(path: Path | str, *, preprocessing: Preprocessing | None, settings: Settings) -> DecodedImage:
    """Read and decode one file.

    Parameters
    ----------
    path : Path or str
        Links are followed. Only a regular file is read: a named pipe or a device would hang.
    preprocessing : Preprocessing or None
        None leaves `pixels` out.
    settings : Settings
        `max_file_bytes`, `max_pixels` and `thumbnail_px`.

    Returns
    -------
    DecodedImage
        With a reason instead of an image for a file that is none, is too large, or cannot be read. Never raises for a
        bad file.

    Notes
    -----
    The memory needed is that of the decoded pixels and a few megabytes.
    """
    data, reason = read_bytes(path, settings=settings)
    if data is None:
        return DecodedImage(image_id=None, reason=reason)
    return decode_bytes(data, preprocessing=preprocessing, settings=settings)


def read_image_id(path: Path | str, *, settings: Settings) -> tuple[str | None, str | None]:
    """Hash a file without decoding it.

    Returns
    -------
    image_id : str or None
    reason : str or None
        Why the bytes could not be read; exactly one of the two is None.
    """
    data, reason = read_bytes(path, settings=settings)
    return (None, reason) if data is None else (image_id_of(data), None)


def image_id_of(data: bytes) -> str:
    """Name an image by its bytes: xxh3-128, 32 hexadecimal digits."""
    import xxhash

    return xxhash.xxh3_128_hexdigest(data)


def decode_bytes(data: bytes, *, preprocessing: Preprocessing | None, settings: Settings) -> DecodedImage:
    """Decode a file's bytes; see `decode_file`."""
    image_id = image_id_of(data)
    try:
        return _decode(data, image_id, preprocessing, settings)
    except UnreadableImageError as error:
        reason = str(error)
    except MemoryError:
        reason = _NO_MEMORY
    return DecodedImage(image_id=image_id, reason=reason)


def render_image(
    path: Path | str, *, longer_px: int, settings: Settings, expected_id: str | None = None
) -> tuple[str | None, bytes | str]:
    """Read one file and write its image anew, to be looked at: upright, on white, as a JPEG.

    Parameters
    ----------
    path : Path or str
        See `decode_file`.
    longer_px : int
        Longer side of the result in pixels; a smaller image keeps its size.
    settings : Settings
        `max_file_bytes` and `max_pixels`.
    expected_id : str, optional
        Bytes of another image are not decoded: no run has seen yet what they do to a decoder.

    Returns
    -------
    image_id : str or None
        None where the bytes could not be read.
    rendered : bytes or str
        The JPEG, or the reason why there is none. Never raises for a bad file.
    """
    data, reason = read_bytes(path, settings=settings)
    if data is None:
        return None, str(reason)
    image_id = image_id_of(data)
    if expected_id not in (None, image_id):
        return image_id, "The file has changed."
    try:
        with decoding():
            header = open_header(data, max_pixels=settings.max_pixels)
        image, _, _ = flattened(data, header, max(1, max(header.width, header.height) // longer_px))
        return image_id, encode_jpeg(fitted(image, longer_px))
    except UnreadableImageError as error:
        return image_id, str(error)
    except MemoryError:
        return image_id, _NO_MEMORY


def count_pixels(data: bytes, *, settings: Settings) -> int:
    """Read an image's size from its head, in pixels; 0 for bytes that `decode_bytes` refuses for their head."""
    try:
        with decoding():
            header = open_header(data, max_pixels=settings.max_pixels)
    except (UnreadableImageError, MemoryError):
        return 0
    return header.width * header.height


def read_orientation(path: Path | str, *, settings: Settings) -> int:
    """Read the EXIF orientation of a file, in [1, 8]; 1 for a file that cannot be read."""
    data, _ = read_bytes(path, settings=settings)
    if data is None:
        return 1
    try:
        with decoding():
            return orientation_of(open_header(data, max_pixels=settings.max_pixels))
    except (UnreadableImageError, MemoryError):
        return 1


def read_bytes(path: Path | str, *, settings: Settings) -> tuple[bytes | None, str | None]:
    """Read a regular file of at most `max_file_bytes`, or say why it cannot be read; one of the two is None."""
    try:
        # Looked at before it is opened: opening some devices does things. Without blocking: a pipe may take its place.
        if reason := reason_for_mode(Path(path).stat().st_mode):
            return None, reason
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return None, reason_for_mode(status.st_mode)
            if status.st_size > settings.max_file_bytes:
                return None, (
                    f"The file is too large: {status.st_size:,} bytes, and at most {settings.max_file_bytes:,} are "
                    "read (max_file_bytes)."
                )
            parts = []
            n_left = settings.max_file_bytes
            while n_left > 0 and (part := file.read(min(n_left, max(_READ_BYTES, status.st_size)))):
                parts.append(part)
                n_left -= len(part)
            return (parts[0] if len(parts) == 1 else b"".join(parts)), None
    except FileNotFoundError:
        return None, "The file does not exist any more."
    except (OSError, ValueError) as error:
        return None, f"The file cannot be opened: {getattr(error, 'strerror', None) or error}."


def _decode(data: bytes, image_id: str, preprocessing: Preprocessing | None, settings: Settings) -> DecodedImage:
    with decoding():
        header = open_header(data, max_pixels=settings.max_pixels)
    mode, width, height = header.mode, header.width, header.height
    resize_px = 0 if preprocessing is None else preprocessing.resize_px
    factor = reduction(width, height, resize_px=resize_px)
    work, transparent, orientation = flattened(data, header, factor)
    if orientation in (5, 6, 7, 8):
        width, height = height, width
    return describe(
        work,
        image_id,
        preprocessing=preprocessing,
        settings=settings,
        size=(width, height),
        format=str(header.format),
        mode=mode,
        transparent=transparent,
    )


def describe(
    work: Image.Image,
    image_id: str,
    *,
    preprocessing: Preprocessing | None,
    settings: Settings,
    size: tuple[int, int],
    format: str,
    mode: str,
    transparent: float,
) -> DecodedImage:
    """Take everything that is kept of an image from its pixels.

    Parameters
    ----------
    work : PIL.Image.Image
        Upright, "L" or "RGB", reduced by a whole factor or not at all.
    image_id : str
    preprocessing : Preprocessing or None
    settings : Settings
    size : tuple of 2 ints
        Width and height before it was reduced, in pixels.
    format, mode : str
        Of the file.
    transparent : float
        Mean transparency, in [0, 1].
    """
    width, height = size
    pixels = None if preprocessing is None else model_input(work, preprocessing, original=size)
    small = _reduced(work, max(STATISTICS_PX, settings.thumbnail_px))
    thumbnail = fitted(_reduced(small, settings.thumbnail_px), settings.thumbnail_px)
    grey = fitted(small if small.mode == "L" else small.convert("L"), STATISTICS_PX)
    return DecodedImage(
        image_id=image_id,
        width_px=width,
        height_px=height,
        format=format,
        mode=mode,
        thumbnail=encode_jpeg(thumbnail),
        statistics=measure(grey, thumbnail, width_px=width, height_px=height, alpha_fraction=transparent),
        phash=phash(grey),
        dhash=dhash(grey),
        pixels=pixels,
    )


def flattened(data: bytes, header: ImageFile, factor: int) -> tuple[Image.Image, float, int]:
    """Decode the pixels: upright, "L" or "RGB" on white, reduced by a whole factor.

    Returns
    -------
    image : PIL.Image.Image
    transparent_fraction : float
    orientation : int
        The one of EXIF that was applied, in [1, 8].
    """
    with decoding():
        in_strips = header.format == "PNG" and factor > 1 and header.width * header.height >= MIN_PIXELS
        flat = flatten_png(data, header, factor=factor) if in_strips else None
        orientation = 1 if flat else orientation_of(header)
        if flat is None:
            factor = _load(header, factor)
            flat = flatten(header, factor=factor)
    return upright(flat[0], orientation), flat[1], orientation


def _load(header: ImageFile, factor: int) -> int:
    """Decode the pixels, and say by how much they are still to be reduced."""
    if header.format == "JPEG" and factor >= 2:
        width = header.width
        scale = next(power for power in (8, 4, 2) if power <= factor)
        header.draft(None, (max(1, header.width // scale), max(1, header.height // scale)))
        factor = max(1, factor // max(1, round(width / header.width)))
    header.load()
    return factor


def _reduced(image: Image.Image, longer_px: int) -> Image.Image:
    """Reduce by a whole factor, to a longer side of at least `longer_px`."""
    factor = max(image.size) // longer_px
    return image.reduce(factor) if factor >= 2 else image


def fitted(image: Image.Image, longer_px: int) -> Image.Image:
    """Resize to a longer side of `longer_px`; smaller images stay."""
    from PIL import Image

    longer = max(image.size)
    if longer <= longer_px:
        return image
    size = (max(1, round(image.width * longer_px / longer)), max(1, round(image.height * longer_px / longer)))
    return image.resize(size, Image.Resampling.BILINEAR)


def encode_jpeg(image: Image.Image) -> bytes:
    """Write a picture as the JPEG that thumbnails are."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=THUMBNAIL_QUALITY)
    return buffer.getvalue()


@contextmanager
def decoding() -> Iterator[None]:
    """Turn whatever a decoder raises into a reason; what is done with the pixels afterwards is not covered."""
    try:
        yield
    except (UnreadableImageError, MemoryError):
        raise
    except Exception as error:
        raise UnreadableImageError(_reason_for(error)) from error


def _reason_for(error: Exception) -> str:
    from PIL.Image import DecompressionBombError

    text = (str(error).splitlines() or [""])[0][:200].rstrip(". ")
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return "The file is cut short: copy or download it again."
    if isinstance(error, DecompressionBombError):
        return "The image is too large: a part of it promises more pixels than the whole may have."
    return f"The image cannot be decoded ({text or type(error).__name__}): the file may be damaged."
