"""From whatever a decoder gives to an upright 8-bit image on white, as large as the rest of the pass needs.

All modes end as "L" or "RGB". Transparency is composited on white. Integers of more than 8 bits are scaled by their
range: the smallest depth of 8, 10, 12, 14 or 16 bits that holds the largest value, from 0; integers outside that, and
floats outside [0, 1] and [0, 255], by their own smallest and largest value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

WORK_PX = 1280
"""Images whose shorter side is at least twice this are reduced by whole factors, to at least this, before anything."""

_LEFT_FOR_EACH_PIXEL = 5
_DEPTHS = (8, 10, 12, 14, 16)
_STRIP_PIXELS = 2**20
_ORIENTATION_TAG = 0x0112

Flattener = Callable[["Image.Image"], "Image.Image"]


def reduction(width_px: int, height_px: int, *, resize_px: int) -> int:
    """Find the whole factor by which an image is reduced first.

    What is left has a shorter side of at least `WORK_PX` and at least five times `resize_px`. The filter of the final
    resize then spans enough pixels that the embedding stays: measured on line art and drawings, as PNG and as JPEG
    reduced by its own decoder, the cosine was at least 0.9998; at three times it once fell to 0.998.

    Returns
    -------
    int
        At least 1; 1 for images whose shorter side is under twice the larger of the two.
    """
    return max(1, min(width_px, height_px) // max(WORK_PX, _LEFT_FOR_EACH_PIXEL * resize_px))


def flatten(image: Image.Image, *, factor: int) -> tuple[Image.Image, float]:
    """Bring a decoded image to "L" or "RGB" on white, reduced by a whole factor.

    Parameters
    ----------
    image : PIL.Image.Image
        Loaded; of any mode.
    factor : int
        Side of the squares of pixels that become one, by their mean.

    Returns
    -------
    image : PIL.Image.Image
    transparent_fraction : float
        Mean transparency of the original pixels, in [0, 1]; 0 for an image without alpha.

    Raises
    ------
    ValueError
        A mode that Pillow cannot convert.

    Notes
    -----
    Works in strips where it reduces, so a large image needs little beyond its own pixels.
    """
    flattener = _flattener(image)
    if factor == 1:
        flat = flattener.flatten(image)
    else:
        width, height = image.size
        strip_px = max(factor, _STRIP_PIXELS // width // factor * factor)
        strips = []
        for top in range(0, height, strip_px):
            strip = image.crop((0, top, width, min(height, top + strip_px)))
            strips.append(flattener.flatten(strip).reduce(factor))
        flat = stack(strips)
    return flat, flattener.transparency / (255 * image.width * image.height)


def stack(strips: Sequence[Image.Image]) -> Image.Image:
    """Put images of one width and mode below each other."""
    from PIL import Image

    whole = Image.new(strips[0].mode, (strips[0].width, sum(strip.height for strip in strips)))
    top = 0
    for strip in strips:
        whole.paste(strip, (0, top))
        top += strip.height
    return whole


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn an image by its EXIF orientation, in [1, 8]; any other number leaves it."""
    from PIL import Image

    method = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    return image if method is None else image.transpose(method)


def orientation_of(image: Image.Image) -> int:
    """Read the EXIF orientation; 1 where there is none, or where the EXIF block cannot be parsed."""
    if image.format not in ("JPEG", "PNG", "WEBP"):  # Pillow turns TIFF itself
        return 1
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - a broken EXIF block raises anything, and the pixels are sound without it
        return 1
    return value if isinstance(value, int) else 1


class _Plain:
    """Modes without alpha that Pillow converts itself."""

    transparency = 0.0

    def flatten(self, image: Image.Image) -> Image.Image:
        return image if image.mode in ("L", "RGB") else image.convert("L" if image.mode == "1" else "RGB")


class _Alpha:
    """Modes with alpha, or with one transparent colour."""

    def __init__(self, mode: str) -> None:
        self.mode, self.transparency = mode, 0.0

    def flatten(self, image: Image.Image) -> Image.Image:
        from PIL import Image

        if image.mode != self.mode:
            image = image.convert(self.mode)
        alpha = image.getchannel("A")
        if alpha.getextrema() == (255, 255):
            return image.convert("L" if self.mode == "LA" else "RGB")
        histogram = np.asarray(alpha.histogram(), dtype=np.int64)
        self.transparency += float(histogram @ np.arange(255, -1, -1))
        if self.mode == "LA":
            flat = Image.new("L", image.size, 255)
            flat.paste(image.getchannel("L"), mask=alpha)
        else:
            flat = Image.new("RGB", image.size, (255, 255, 255))
            flat.paste(image, mask=image)
        return flat


class _Palette:
    """Palettes: the colours are composited, not the pixels."""

    def __init__(self, image: Image.Image) -> None:
        image.apply_transparency()
        colours = np.asarray(image.getpalette("RGBA"), dtype=np.float64).reshape(-1, 4)
        self.opacity = np.full(256, 255.0)
        self.opacity[: len(colours)] = colours[:, 3]
        alpha = colours[:, 3:] / 255
        self.colours = np.rint(colours[:, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8).tobytes()
        self.transparency = 0.0

    def flatten(self, image: Image.Image) -> Image.Image:
        if self.opacity.min() < 255:
            self.transparency += float(np.asarray(image.histogram(), dtype=np.int64) @ (255 - self.opacity))
        flat = image.copy()
        flat.putpalette(self.colours, "RGB")
        return flat.convert("RGB")


class _Deep:
    """Numbers of more than 8 bits."""

    transparency = 0.0

    def __init__(self, image: Image.Image) -> None:
        self.low, self.high = _range_of(image)

    def flatten(self, image: Image.Image) -> Image.Image:
        from PIL import Image

        values = np.asarray(image).astype(np.float32)
        values = np.nan_to_num(values, nan=self.low, posinf=self.high, neginf=self.low)
        scaled = (values - self.low) * (255 / (self.high - self.low)) if self.high > self.low else values * 0
        return Image.fromarray(np.rint(scaled.clip(0, 255)).astype(np.uint8))


def _flattener(image: Image.Image) -> Any:
    mode = image.mode
    if mode in ("P", "PA"):
        return _Palette(image) if mode == "P" else _Alpha("RGBA")
    if mode in ("LA", "RGBA", "La", "RGBa"):
        return _Alpha("LA" if mode in ("LA", "La") else "RGBA")
    if mode in ("1", "L", "RGB") and image.info.get("transparency") is not None:
        return _Alpha("RGBA" if mode == "RGB" else "LA")
    if mode in ("I", "F") or mode.startswith("I;16"):
        return _Deep(image)
    return _Plain()


def _range_of(image: Image.Image) -> tuple[float, float]:
    """Find the values that become 0 and 255; see the top of this module."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        if low >= 0 and high <= 255:
            return 0.0, 1.0 if high <= 1 else 255.0
        return low, high
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high < 2**16:
        return 0.0, float(next(2**depth - 1 for depth in _DEPTHS if high < 2**depth))
    return low, high
