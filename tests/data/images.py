"""Images made on the spot, and settings to read them with."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from dataeval_ui.settings import Settings
from dataeval_ui.types import Preprocessing

SETTINGS = Settings()
SMALL = Preprocessing(input_px=32, resize_px=36, interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def photo(width: int = 96, height: int = 64, *, seed: int = 0, mode: str = "RGB") -> Image.Image:
    """A smooth picture with detail."""
    rng = np.random.default_rng(seed)
    n_bands = len(Image.new(mode, (1, 1)).getbands())
    coarse = rng.integers(0, 256, (5, 7, n_bands), dtype=np.uint8)
    bands = [Image.fromarray(coarse[..., band]) for band in range(n_bands)]
    return Image.merge(mode, [band.resize((width, height), Image.Resampling.BICUBIC) for band in bands])


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The bytes of an image's file."""
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()
