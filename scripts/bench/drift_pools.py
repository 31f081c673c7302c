"""Images of two folders, as they are and changed, embedded once: what `drift.py` draws its sets from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from near_duplicates import MAX_SIDE_PX, jpeg
from PIL import Image, ImageEnhance, ImageFilter

from dataeval_ui.data import decode_bytes, list_source
from dataeval_ui.embed.embedder import load_embedder
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import open_workspace
from dataeval_ui.types import LabelRule

SIDE_PX = 256
"""Images are made this small before they are changed, so that a change is as strong in every image."""

STATISTICS = ("brightness", "contrast", "sharpness", "entropy_bits")
CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "as it is": lambda image: image,
    "blur": lambda image: image.filter(ImageFilter.GaussianBlur(0.6)),
    "brightness": lambda image: ImageEnhance.Brightness(image).enhance(0.95),
    "JPEG": lambda image: jpeg(image, 50),
}


@dataclass(frozen=True)
class Pool:
    """Embeddings (n, n_dims), statistics (n, 4) and classes (n,) of images."""

    embeddings: np.ndarray
    statistics: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> Pool:
        return Pool(self.embeddings[rows], self.statistics[rows], self.labels[rows])


def images_of(folder: Path, n_images: int, seed: int) -> Iterator[tuple[str, Image.Image]]:
    """Return distinct images on white, small, with their first folder as class."""
    paths = list_source(folder, rule=LabelRule(label_from="none"), settings=Settings()).table["path"].to_pylist()
    Image.MAX_IMAGE_PIXELS = None
    seen: set[bytes] = set()
    for at in np.random.default_rng(seed).permutation(len(paths)):
        data = (folder / paths[at]).read_bytes()
        if len(seen) == n_images:
            return
        if Path(paths[at]).suffix.lower() not in {".png", ".jpg", ".jpeg"}:
            continue
        with Image.open(folder / paths[at]) as image:
            if data in seen or max(image.size) > MAX_SIDE_PX:
                continue
            image.thumbnail((SIDE_PX, SIDE_PX))
            whole = image.convert("RGBA")
        seen.add(data)
        white = Image.new("RGBA", whole.size, "white")
        white.alpha_composite(whole)
        yield paths[at].split("/")[0], white.convert("RGB")


def embed(images: list[tuple[str, Image.Image]], change: Callable[[Image.Image], Image.Image]) -> Pool:
    settings = Settings()
    embeddings, statistics, pixels = [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        embedder = load_embedder("efficientnet-lite0", workspace=open_workspace(Path(scratch)), settings=settings)
        for at, (_, image) in enumerate(images):
            data = Path(scratch) / "image.bmp"
            change(image).save(data, "BMP")
            read = decode_bytes(data.read_bytes(), preprocessing=embedder.backbone.preprocessing, settings=settings)
            statistics.append([read.statistics[name] for name in STATISTICS])
            pixels.append(read.pixels)
            if len(pixels) == 64 or at == len(images) - 1:
                embeddings.append(embedder.embed(np.stack(pixels)))
                pixels.clear()
    labels = np.array([label for label, _ in images])
    return Pool(np.concatenate(embeddings), np.array(statistics, dtype=np.float32), labels)


def read_pools(folder: Path, other: Path, *, n_images: int, keep: Path | None) -> dict[str, Pool]:
    """Return a pool a change, the images in the same order in each, and the pool `other`."""
    pools: dict[str, Pool] = {}
    if keep and keep.exists():
        stored = np.load(keep)
        for name in dict.fromkeys(key.rsplit("/", 1)[0] for key in stored.files):
            pools[name] = Pool(*(stored[f"{name}/{part}"] for part in ("embeddings", "statistics", "labels")))
        return pools
    foreign = list(images_of(other, n_images, seed=0))
    images = list(images_of(folder, n_images, seed=0))
    for name, change in CHANGES.items():
        pools[name] = embed(images, change)
        print(f"embedded {len(images):,} images: {name}", flush=True)
    pools["other"] = embed(foreign, CHANGES["as it is"])
    if keep:
        parts = {f"{name}/{part}": value for name, pool in pools.items() for part, value in vars(pool).items()}
        np.savez(keep, **parts)
    return pools
