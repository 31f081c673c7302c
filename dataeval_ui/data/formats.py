"""Which format a file has, by its first bytes, and its header."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")
"""What is decoded; nothing else reaches a decoder."""

_FOREIGN_BRANDS = {
    b"avif": "AVIF",
    b"avis": "AVIF",
    b"heic": "HEIC",
    b"heix": "HEIC",
    b"heim": "HEIC",
    b"hevc": "HEIC",
    b"mif1": "HEIF",
    b"msf1": "HEIF",
    b"crx ": "Canon raw",
}
_FOREIGN_MAGIC = (
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\x01\0", "ICO"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"SIMPLE  =", "FITS"),
    (b"\x89HDF\r\n\x1a\n", "HDF5"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
    (b"P4\n", "PBM"),
    (b"P5\n", "PGM"),
    (b"P6\n", "PPM"),
)
_OTHER_MAGIC = (
    (b"\x93NUMPY", "NumPy"),
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"OggS", "Ogg"),
    (b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (b"RIFF", "RIFF (sound or video)"),
    (b"ID3", "MP3"),
    (b"SQLite format 3\0", "SQLite"),
)


class UnreadableImageError(Exception):
    """Bytes that are no usable image; its text is the reason that the user reads. Never leaves this room."""


def sniff_format(data: bytes) -> str | None:
    """Name the format in Pillow's words by the first bytes, one of `FORMATS`; None for any other."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if data.startswith(b"BM"):
        return "BMP"
    return None


def open_header(data: bytes, *, max_pixels: int) -> ImageFile:
    """Read the header of an image; its pixels are decoded by `load`, which the caller wraps.

    The plug-ins are called by themselves: `PIL.Image.open` tries every format that any import has registered, and
    warns or raises by a limit that belongs to the whole process.

    Parameters
    ----------
    data : bytes
        The whole file.
    max_pixels : int
        A header that promises more is refused before anything is allocated.

    Raises
    ------
    UnreadableImageError
        With the reason.
    """
    from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

    name = sniff_format(data)
    if name is None:
        raise UnreadableImageError(_foreign_reason(data))
    classes: dict[str, type[ImageFile]] = {
        "JPEG": JpegImagePlugin.JpegImageFile,
        "PNG": PngImagePlugin.PngImageFile,
        "WEBP": WebPImagePlugin.WebPImageFile,
        "GIF": GifImagePlugin.GifImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
    }
    image = classes[name](io.BytesIO(data))
    n_pixels = image.width * image.height
    if n_pixels > max_pixels:
        raise UnreadableImageError(
            f"The image is too large: {image.width:,} x {image.height:,} pixels, and at most {max_pixels:,} in all are "
            "decoded (max_pixels)."
        )
    if n_pixels < 1:
        raise UnreadableImageError(f"The {name} image has no pixels.")
    return image


def _foreign_reason(data: bytes) -> str:
    if not data:
        return "The file is empty."
    name = None
    if data[4:8] == b"ftyp":
        name = _FOREIGN_BRANDS.get(data[8:12])
        if name is None:
            return "The file is MP4 (video), not an image."
    name = name or next((name for magic, name in _FOREIGN_MAGIC if data.startswith(magic)), None)
    if name:
        return f"The file is {name}, which is not read: convert it to JPEG or PNG."
    if data.startswith(b"version https://git-lfs"):
        return "The file is a pointer of Git LFS, not the image: run 'git lfs pull'."
    name = next((name for magic, name in _OTHER_MAGIC if data.startswith(magic)), None)
    if name:
        return f"The file is {name}, not an image."
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in data[:65536]):
        return "The file is an SVG drawing, not a raster image: export it as PNG."
    if head.startswith((b"<!doctype html", b"<html")):
        return "The file is a web page, not an image: the download may have failed."
    return f"The file is no image of a known format ({', '.join(FORMATS)})."
