"""Small scenes with annotated objects, drawn on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.annotations import coco, coco_object, write_json

COLOURS = {1: (220, 40, 40), 7: (40, 60, 220)}


def write_scenes(root: Path, n: int = 14) -> Path:
    """Scenes of 120 x 80 with a red cat and a blue dog as rectangles; each is an object, and one annotation is bad.

    The first object has a mask: the upper left half of its box.
    """
    rng = np.random.default_rng(3)
    images, objects = [], []
    (root / "images").mkdir(parents=True)
    for number in range(n):
        scene = Image.new("RGB", (120, 80), (240, 240, 240))
        for category, colour in COLOURS.items():
            x, y = int(rng.integers(0, 40)) + (60 if category == 7 else 0), int(rng.integers(0, 50))
            width, height = int(rng.integers(8, 20)), int(rng.integers(8, 20))
            scene.paste(colour, (x, y, x + width, y + height))
            mask = {"segmentation": [[x, y, x + width, y, x, y + height]]} if (number, category) == (0, 1) else {}
            objects.append(coco_object(number, category, [x, y, width, height], **mask))
        scene.save(root / f"images/{number:02d}.png")
        images.append({"id": number, "file_name": f"{number:02d}.png", "width": 120, "height": 80})
    write_json(root / "labels.json", coco(images, [*objects, coco_object(0, 1, [500, 0, 5, 5])]))
    return root
