"""Large PNG images, a strip at a time: 168 megapixels in a few megabytes instead of 700.

Pillow decodes an image as a whole. Here the compressed rows are unpacked piece by piece, and every piece is given to
Pillow as a PNG of its own, led by the row above it, which the filters of the first row refer to.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dataeval_ui.data.formats import UnreadableImageError
from dataeval_ui.data.raster import flatten, stack

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFile import ImageFile

MIN_PIXELS = 64_000_000
"""Smaller images are decoded as a whole, in 0.6 of the time and at most 256 MB."""

_STRIP_PIXELS = 2**20
_N_BANDS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
Bytes = bytes | memoryview
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def flatten_png(data: bytes, header: ImageFile, *, factor: int) -> tuple[Image.Image, float] | None:
    """Decode, flatten and reduce a large PNG; the result is that of `flatten` on the whole image.

    Parameters
    ----------
    data : bytes
        The whole file.
    header : PIL.ImageFile.ImageFile
        Its opened header.
    factor : int
        See `flatten`; at least 2.

    Returns
    -------
    tuple of PIL.Image.Image and float, or None
        None for a kind that is left to Pillow: not 8 bits a band, interlaced, or with EXIF.

    Raises
    ------
    UnreadableImageError
        The rows end too early.
    Exception
        Whatever zlib and Pillow raise for damaged bytes.
    """
    kept: list[Bytes] = []
    idat: list[tuple[int, int]] = []
    orientation_may_hide = "exif" in header.info or "Raw profile type exif" in header.info
    for kind, start, end in _chunks(data):
        if kind == b"IDAT":
            idat.append((start, end))
        elif kind in (b"PLTE", b"tRNS"):
            kept += _chunk(kind, [data[start:end]])
        elif kind == b"eXIf":
            orientation_may_hide = True
    width, height, depth, colour_type, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if depth != 8 or interlaced or orientation_may_hide or colour_type not in _N_BANDS:
        return None
    row_bytes = 1 + width * _N_BANDS[colour_type]
    strip_px = max(factor, _STRIP_PIXELS // width // factor * factor)
    rows = _Rows(data, idat)
    above, strips, transparent, top = b"", [], 0.0, 0
    while top < height:
        n_rows = min(strip_px, height - top)
        n_above = 1 if above else 0
        image = _decode(width, n_rows + n_above, colour_type, kept, [above, *rows.read(n_rows * row_bytes)])
        image = image.crop((0, n_above, width, n_rows + n_above))
        above = b"\0" + image.crop((0, n_rows - 1, width, n_rows)).tobytes()
        strip, fraction = flatten(image, factor=factor)
        strips.append(strip)
        transparent += fraction * n_rows
        top += n_rows
    return stack(strips), transparent / height


def _decode(width: int, height: int, colour_type: int, kept: list[Bytes], rows: list[bytes]) -> Image.Image:
    from PIL.PngImagePlugin import PngImageFile

    header = _chunk(b"IHDR", [struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)])
    # One join: a strip has megabytes, and every copy of it counts.
    parts = [_SIGNATURE, *header, *kept, *_chunk(b"IDAT", _stored(rows)), *_chunk(b"IEND", [])]
    image = PngImageFile(io.BytesIO(b"".join(parts)))
    image.load()
    return image


def _chunk(kind: bytes, body: list[Bytes]) -> list[Bytes]:
    checksum = zlib.crc32(kind)
    for part in body:
        checksum = zlib.crc32(part, checksum)
    return [struct.pack(">I", sum(map(len, body))), kind, *body, struct.pack(">I", checksum)]


def _stored(parts: list[bytes]) -> list[Bytes]:
    """Wrap bytes as a zlib stream without compressing them."""
    stream: list[Bytes] = [b"\x78\x01"]
    checksum = 1
    for part in parts:
        checksum = zlib.adler32(part, checksum)
        view = memoryview(part)
        for start in range(0, len(part), 65535):
            block = view[start : start + 65535]
            stream += [struct.pack("<BHH", 0, len(block), len(block) ^ 0xFFFF), block]
    return [*stream, struct.pack("<BHH", 1, 0, 0xFFFF), struct.pack(">I", checksum)]


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and end of every chunk's body; the last one may be cut short."""
    at = len(_SIGNATURE)
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], at + 8, min(len(data), at + 8 + length)
        at += 12 + length


class _Rows:
    """The filtered rows of an image, unpacked as they are asked for."""

    def __init__(self, data: bytes, idat: list[tuple[int, int]]) -> None:
        self._view, self._parts = memoryview(data), iter(idat)
        self._inflater, self._packed = zlib.decompressobj(), b""

    def read(self, n_bytes: int) -> list[bytes]:
        parts: list[bytes] = []
        while n_bytes > 0:
            if not self._packed:
                start, end = next(self._parts, (0, 0))
                if end == 0:
                    raise UnreadableImageError("The file is cut short: copy or download it again.")
                self._packed = bytes(self._view[start:end])
            part = self._inflater.decompress(self._packed, n_bytes)
            self._packed = self._inflater.unconsumed_tail
            parts.append(part)
            n_bytes -= len(part)
        return parts
