"""Draw images that no drawing looks like: made from numbers, so that they carry no licence."""

from __future__ import annotations

import numpy as np
from PIL import Image

SIDE_PX = 144


def _image(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")


def _clouds(rng: np.random.Generator) -> np.ndarray:
    """Sum of noises of growing fineness, in [0, 1]: what clouds and stone look like."""
    total = np.zeros((SIDE_PX, SIDE_PX))
    for octave in range(1, 7):
        coarse = Image.fromarray(rng.random((2**octave, 2**octave)).astype(np.float32))
        total += np.asarray(coarse.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)) / octave**1.2
    return (total - total.min()) / (total.max() - total.min())


def draw_blank_page() -> Image.Image:
    """Return a page with nothing on it."""
    return Image.new("RGB", (SIDE_PX, SIDE_PX), "white")


def draw_odd_images(rng: np.random.Generator) -> dict[str, Image.Image]:
    """Return the odd images by what they are, always in the same order."""
    y, x = np.mgrid[0:SIDE_PX, 0:SIDE_PX] / SIDE_PX
    shape = (SIDE_PX, SIDE_PX)
    grain = 12 * rng.standard_normal((*shape, 3))
    clouds, grain_of_wood = _clouds(rng), _clouds(rng)
    rings = np.sin(40 * (x + 0.3 * grain_of_wood))
    return {
        "colour noise": _image(rng.integers(0, 256, (*shape, 3))),
        "grey noise": _image(rng.integers(0, 256, shape)),
        "a gradient": _image(np.stack([60 + 120 * y, 90 + 90 * y + 20 * x, 200 - 90 * y], axis=2)),
        "an evening sky": _image(np.stack([250 - 150 * y, 140 - 20 * y + 30 * x, 90 + 80 * y], axis=2) + grain),
        "clouds": _image(np.stack([40 + 200 * clouds, 40 + 200 * clouds, 120 + 120 * clouds], axis=2)),
        "rings of moire": _image(127 + 127 * np.sin(400 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))),
        "wood": _image(np.stack([120 + 60 * rings + 30 * grain_of_wood, 80 + 40 * rings, 40 + 0 * x], axis=2)),
    }
