"""Small images, a few of which have the same part pasted in at different places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from tests.images import CLASSES, draw

SOURCE = "with/0.png"
BOX = (0.55, 0.55, 0.4, 0.4)
"""Where the part is on `SOURCE`, as shares of its sides."""
CARRIERS = {"with/1.png": (0.25, 0.25), "with/2.png": (0.75, 0.25), "with/3.png": (0.25, 0.75)}
"""Images that have it, with the middle of it."""
_SIDE_PX = 224


def target(side_px: int) -> Image.Image:
    """Draw the part: rings in two colours that nothing else here has."""
    image = Image.new("RGB", (side_px, side_px), (250, 220, 0))
    pen = ImageDraw.Draw(image)
    for k, inset in enumerate(range(0, side_px // 2, max(2, side_px // 12))):
        pen.ellipse((inset, inset, side_px - inset, side_px - inset), fill=(120, 0, 160) if k % 2 else (250, 220, 0))
    return image


def write_planted(root: Path, n_plain: int = 20) -> Path:
    """Write plain images of three classes, and four with the part."""
    part_px = round(BOX[2] * _SIDE_PX)
    places = {SOURCE: (BOX[0] + BOX[2] / 2, BOX[1] + BOX[3] / 2), **CARRIERS}
    rng = np.random.default_rng(5)
    for number in range(n_plain):
        path = root / "plain" / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(CLASSES[number % 3], number, side_px=_SIDE_PX).save(path)
    for number, (name, (x, y)) in enumerate(places.items()):
        image = draw(CLASSES[number % 3], 100 + int(rng.integers(100)), side_px=_SIDE_PX)
        image.paste(target(part_px), (round(x * _SIDE_PX - part_px / 2), round(y * _SIDE_PX - part_px / 2)))
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(root / name)
    return root
