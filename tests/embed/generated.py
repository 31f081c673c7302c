"""Images that are made by arithmetic, the same on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def golden_images(px: int = 224) -> np.ndarray:
    """Three images of shape (3, px, px, 3), uint8: a slope of colours, rings, and a chequered disc."""
    y, x = np.mgrid[0:px, 0:px].astype(np.float64) / px
    radius = np.hypot(x - 0.5, y - 0.5)
    slope = np.stack([x, y, 1 - x * y], axis=-1)
    rings = np.stack([(np.sin(40 * radius) + 1) / 2, radius, 1 - radius], axis=-1)
    chequers = ((np.floor(x * 8) + np.floor(y * 8)) % 2)[..., None] * np.array([0.9, 0.3, 0.1])
    disc = np.where((radius < 0.35)[..., None], chequers, 0.8)
    return (np.stack([slope, rings, disc]).clip(0, 1) * 255).round().astype(np.uint8)


def write_images(folder: Path, n: int, *, side_px: int = 40, n_copies: int = 0) -> Path:
    """Write n different small PNGs as `NNN.png`, then copies of the first ones as `copy-N.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).resize((side_px + i % 7, side_px), Image.Resampling.BICUBIC)
        image.save(folder / f"{i:03d}.png")
    for i in range(n_copies):
        (folder / f"copy-{i}.png").write_bytes((folder / f"{i:03d}.png").read_bytes())
    return folder
