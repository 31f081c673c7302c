"""The resize and centre crop that the backbones were trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.types import Preprocessing

if TYPE_CHECKING:
    from PIL import Image

    from dataeval_ui.types.base import UInt8


def resized_px(width_px: int, height_px: int, resize_px: int) -> tuple[int, int]:
    """Find the size whose shorter side is `resize_px`, cutting the longer one down to a whole pixel as torchvision."""
    if width_px <= height_px:
        return resize_px, int(resize_px * height_px / width_px)
    return int(resize_px * width_px / height_px), resize_px


def model_input(image: Image.Image, preprocessing: Preprocessing, *, original: tuple[int, int] | None = None) -> UInt8:
    """Resize and crop an image to what the backbone looks at.

    Parameters
    ----------
    image : PIL.Image.Image
        Upright, "L" or "RGB".
    preprocessing : Preprocessing
    original : tuple of 2 ints, optional
        Width and height before the image was reduced by a whole factor, which rounds a last part of a pixel up to a
        pixel; default: those of `image`. The geometry is that of the original.

    Returns
    -------
    ndarray of shape (input_px, input_px, 3), uint8
        Those of torchvision's `Resize` and `CenterCrop` on the same Pillow image, except where a value lies within
        0.001 of the middle between two: only the pixels that the crop keeps are computed (at 640 x 480 in 0.6 of the
        time), and Pillow holds the crop's edge in 32 bits. A few in a thousand pixels then differ by 1, seldom by 2.
        Where the resized image is smaller than the crop, black surrounds it, as `CenterCrop` does.
    """
    from PIL import Image

    size, input_px = preprocessing.resize_px, preprocessing.input_px
    original = original or image.size
    width, height = (size, size) if preprocessing.squash else resized_px(*original, size)
    left, top = _crop_start(width, input_px), _crop_start(height, input_px)
    # The part of the resized image that the crop keeps, and where that part lies in the crop.
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(width, left + input_px), min(height, top + input_px)
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    factor = max(1, round(max(original) / max(image.size)))
    extent_x, extent_y = original[0] / factor, original[1] / factor
    scale_x, scale_y = extent_x / width, extent_y / height
    box = (x0 * scale_x, y0 * scale_y, min(x1 * scale_x, extent_x), min(y1 * scale_y, extent_y))
    part = image.resize((x1 - x0, y1 - y0), filters[preprocessing.interpolation], box=box)
    kept = np.asarray(part.convert("RGB") if part.mode != "RGB" else part)
    if kept.shape[:2] == (input_px, input_px):
        return np.ascontiguousarray(kept)
    pixels = np.zeros((input_px, input_px, 3), dtype=np.uint8)
    pixels[y0 - top : y1 - top, x0 - left : x1 - left] = kept
    return pixels


def _crop_start(side_px: int, input_px: int) -> int:
    if side_px >= input_px:
        return round((side_px - input_px) / 2)
    return -((input_px - side_px) // 2)
