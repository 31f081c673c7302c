"""Small images that tests make for themselves: classes that a network tells apart, and planted faults."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

CLASSES = ("circle", "square", "stripes")


def draw(kind: str, seed: int, *, side_px: int = 96) -> Image.Image:
    """Draw one image of a class; the same kind and seed give the same pixels."""
    rng = np.random.default_rng(abs(hash_of(kind)) + seed)
    background = tuple(int(v) for v in rng.integers(180, 255, 3))
    colour = tuple(int(v) for v in rng.integers(0, 140, 3))
    image = Image.new("RGB", (side_px, side_px), background)
    pen = ImageDraw.Draw(image)
    x, y = (int(v) for v in rng.integers(side_px // 8, side_px // 3, 2))
    size = int(rng.integers(side_px // 3, side_px // 2))
    if kind == "circle":
        pen.ellipse((x, y, x + size, y + size), fill=colour)
    elif kind == "square":
        pen.rectangle((x, y, x + size, y + size), fill=colour)
    elif kind == "stripes":
        step = int(rng.integers(6, 14))
        for offset in range(0, side_px, step):
            pen.line((offset, 0, offset, side_px), fill=colour, width=step // 2)
    else:  # noise
        return Image.fromarray(rng.integers(0, 255, (side_px, side_px, 3), dtype=np.uint8))
    return image


def hash_of(text: str) -> int:
    """Hash text the same way in every process."""
    return sum(ord(c) * 31**i for i, c in enumerate(text)) % 10_007


def make_dataset(folder: Path, *, n_per_class: int = 14, n_unreadable: int = 1) -> Path:
    """Write `train/` and `test/` folders of classes, with one exact copy, one near copy and a leak across the splits.

    Files: `n_per_class` for each of three classes (a quarter of them in test), three copies, `n_unreadable`.
    """
    for kind in CLASSES:
        for i in range(n_per_class):
            path = folder / ("test" if i % 4 == 3 else "train") / kind / f"{kind}-{i:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(kind, i).save(path)
    shutil.copy(folder / "train/circle/circle-00.png", folder / "train/circle/same-bytes.png")
    shutil.copy(folder / "train/square/square-01.png", folder / "test/square/leaked.png")
    original = Image.open(folder / "train/circle/circle-04.png")
    original.resize((72, 72), Image.Resampling.LANCZOS).save(folder / "train/circle/resized.jpg", quality=85)
    for i in range(n_unreadable):
        (folder / "train" / CLASSES[0] / f"broken-{i}.png").write_bytes(b"\x89PNG\r\n\x1a\nthis is no image")
    return folder
