"""A folder of planted copies: originals, eight changes of each, and other images, as files that every peer can read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

Change = Callable[[Image.Image], Image.Image]
MIN_SIDE_PX = 128
"""So that half of it still has 64."""
MAX_SIDE_PX = 2000
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


def half(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)


def jpeg(image: Image.Image, quality: int = 30) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def crop(image: Image.Image) -> Image.Image:
    dx, dy = round(image.width * 0.05), round(image.height * 0.05)
    return image.crop((dx, dy, image.width - dx, image.height - dy))


CHANGES: dict[str, Change] = {
    "half size": half,
    "JPEG 30": jpeg,
    "crop 5 %": crop,
    "flip": ImageOps.mirror,
    "rotate 5": lambda image: image.rotate(5, Image.Resampling.BICUBIC, fillcolor="white"),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.6),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "JPEG + resize": lambda image: jpeg(half(image)),
}


def images_of(folder: Path, seed: int = 0, *, within: Sequence[str] = ()) -> Iterator[Image.Image]:
    """Yield the images of a folder in an order drawn by the seed, each content once, on white.

    With `within`, only those in these folders of its first level.
    """
    Image.MAX_IMAGE_PIXELS = None
    roots = [folder / name for name in within] or [folder]
    paths = sorted(path for root in roots for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    seen = set()
    for at in np.random.default_rng(seed).permutation(len(paths)):
        data = paths[at].read_bytes()
        if data in seen:
            continue
        seen.add(data)
        try:
            with Image.open(io.BytesIO(data)) as image:
                if min(image.size) < MIN_SIDE_PX or max(image.size) > MAX_SIDE_PX:
                    continue
                whole = image.convert("RGBA")
        except (OSError, ValueError):
            continue
        white = Image.new("RGBA", whole.size, "white")
        white.alpha_composite(whole)
        yield white.convert("RGB")


def plant(
    folder: Path, others: Path, out: Path, *, n_originals: int, n_others: int, within: Sequence[str] = (), seed: int = 0
) -> list[dict[str, str | int]]:
    """Write originals, their changes and others as PNG files into `out`, and tell what each shows.

    Returns
    -------
    list of dict
        `file`, `kind` ("original", "other", or the change) and `original`, which numbers the picture that a file shows.
    """
    told = out / "planted.json"
    if told.exists():
        return json.loads(told.read_text())
    out.mkdir(parents=True, exist_ok=True)
    planted: list[dict[str, str | int]] = []
    seen = set()

    def write(kind: str, number: int, image: Image.Image) -> None:
        name = f"{len(planted):05}.png"
        image.save(out / name, compress_level=1)
        planted.append({"file": name, "kind": kind, "original": number})

    for number, image in zip(range(n_originals), images_of(folder, seed, within=within), strict=False):
        seen.add(image.tobytes())
        write("original", number, image)
        for kind, change in CHANGES.items():
            write(kind, number, change(image))
    number = n_originals
    for image in images_of(others, seed + 1):
        if number == n_originals + n_others:
            break
        if image.tobytes() not in seen:
            write("other", number, image)
            number += 1
    told.write_text(json.dumps(planted))
    return planted
