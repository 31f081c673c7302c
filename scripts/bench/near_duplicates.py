"""Recall and precision of near duplicates on planted copies.

    python scripts/bench/near_duplicates.py FOLDER [--originals 300] [--others 2000] [--keep FILE.npz]

Takes originals and others from a folder of images, changes each original in eight ways, embeds everything with the
default backbone, and asks for near duplicates once with all copies together. A pair of different originals counts as
wrong only if the thumbnails differ (SSIM below 0.9 at every zoom tried), since a source has near copies of its own.
"""

from __future__ import annotations

import argparse
import io
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from scipy.ndimage import uniform_filter

from dataeval_ui.analysis.duplicates import find_near_duplicates
from dataeval_ui.analysis.neighbors import find_neighbors
from dataeval_ui.data import decode_bytes, list_source
from dataeval_ui.embed.embedder import load_embedder
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import open_workspace
from dataeval_ui.types import AnalysisParams, LabelRule

Change = Callable[[Image.Image], Image.Image]
MIN_SIDE_PX = 128
MAX_SIDE_PX = 2000


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
    "JPEG + resize": lambda image: jpeg(half(image)),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.6),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "rotate 5": lambda image: image.rotate(5, Image.Resampling.BICUBIC, fillcolor="white"),
    "flip": ImageOps.mirror,
}
PROMISED = ("half size", "JPEG 30", "crop 5 %", "JPEG + resize")


def images_of(folder: Path, seed: int) -> Iterator[Image.Image]:
    paths = list_source(folder, rule=LabelRule(label_from="none"), settings=Settings()).table["path"].to_pylist()
    Image.MAX_IMAGE_PIXELS = None
    seen = set()
    for at in np.random.default_rng(seed).permutation(len(paths)):
        data = (folder / paths[at]).read_bytes()
        if data in seen:
            continue
        seen.add(data)
        with Image.open(io.BytesIO(data)) as image:
            if min(image.size) < MIN_SIDE_PX or max(image.size) > MAX_SIDE_PX:
                continue
            whole = image.convert("RGBA")
        white = Image.new("RGBA", whole.size, "white")
        white.alpha_composite(whole)
        yield white.convert("RGB")


def plant(folder: Path, n_originals: int, n_others: int, seed: int) -> dict[str, np.ndarray]:
    """Decode, change and embed; `original` numbers the picture that an image shows."""
    originals = []

    def planted() -> Iterator[tuple[str, Image.Image]]:
        for number, image in zip(range(n_originals + n_others), images_of(folder, seed), strict=False):
            originals.append(number)
            yield ("original" if number < n_originals else "other"), image
            for kind, change in CHANGES.items() if number < n_originals else ():
                originals.append(number)
                yield kind, change(image)

    embedded = embed_images(planted())
    return {**embedded, "original": np.array(originals)}


def embed_images(named: Iterable[tuple[str, Image.Image]]) -> dict[str, np.ndarray]:
    """Read images as a run does; the result has `embeddings`, `thumbnails`, `phash`, `dhash` and `kind`, the names."""
    settings = Settings()
    kinds, decoded, embeddings, pixels = [], [], [], []
    with tempfile.TemporaryDirectory() as scratch:
        workspace = open_workspace(Path(scratch))
        embedder = load_embedder("efficientnet-lite0", workspace=workspace, settings=settings)
        for kind, image in named:
            file = io.BytesIO()
            image.save(file, "BMP")
            result = decode_bytes(file.getvalue(), preprocessing=embedder.backbone.preprocessing, settings=settings)
            pixels.append(result.pixels)
            decoded.append(replace(result, pixels=None))
            kinds.append(kind)
            if len(pixels) == 64:
                embeddings.append(embedder.embed(np.stack(pixels)))
                pixels.clear()
        if pixels:
            embeddings.append(embedder.embed(np.stack(pixels)))
    return {
        "embeddings": np.concatenate(embeddings),
        "thumbnails": np.array([d.thumbnail for d in decoded], dtype=object),
        "phash": np.array([d.phash for d in decoded], dtype=np.uint64),
        "dhash": np.array([d.dhash for d in decoded], dtype=np.uint64),
        "kind": np.array(kinds),
    }


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """SSIM of two grey images in windows of 7, https://doi.org/10.1109/TIP.2003.819861."""
    mean_a, mean_b = uniform_filter(a, 7), uniform_filter(b, 7)
    var_a, var_b = uniform_filter(a * a, 7) - mean_a**2, uniform_filter(b * b, 7) - mean_b**2
    covariance = uniform_filter(a * b, 7) - mean_a * mean_b
    c1, c2 = 6.5025, 58.5225
    index = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return float(index.mean())


def best_ssim(left: bytes, right: bytes) -> float:
    """SSIM at the best of three zooms, after the brightness is made equal."""

    def read(thumbnail: bytes, zoom: float) -> np.ndarray:
        image = Image.open(io.BytesIO(thumbnail)).convert("L")
        dx, dy = image.width * (1 - zoom) / 2, image.height * (1 - zoom) / 2
        grey = np.asarray(
            image.resize((96, 96), Image.Resampling.BICUBIC, (dx, dy, image.width - dx, image.height - dy))
        )
        return grey * (128 / max(float(grey.mean()), 1.0))

    return max(ssim(read(left, a), read(right, b)) for a, b in ((1, 1), (0.9, 1), (1, 0.9)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--originals", type=int, default=300)
    parser.add_argument("--others", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="keep the planted set here, or take it from here")
    arguments = parser.parse_args()
    if arguments.keep and arguments.keep.exists():
        planted = dict(np.load(arguments.keep, allow_pickle=True))
    else:
        planted = plant(arguments.folder, arguments.originals, arguments.others, arguments.seed)
        if arguments.keep:
            np.savez(arguments.keep, **planted)
    kind, original, thumbnails = planted["kind"], planted["original"], planted["thumbnails"]
    graph = find_neighbors(planted["embeddings"], n_neighbors=AnalysisParams().n_neighbors)
    start = time.process_time()
    pairs = find_near_duplicates(
        graph,
        phash=planted["phash"],
        dhash=planted["dhash"],
        thumbnails=lambda rows: [thumbnails[row] for row in rows],
        params=AnalysisParams(),
        embeddings=planted["embeddings"],
    )
    seconds = time.process_time() - start
    left, right = pairs.left, pairs.right
    same = original[left] == original[right]
    first = {number: row for row, number in reversed(list(enumerate(original)))}
    found = Counter(kind[right[(left == np.vectorize(first.get)(original[left])) & same]].tolist())
    totals = Counter(kind.tolist())
    print(f"{len(kind):,} images, {totals['original']} originals, {pairs.n_pairs:,} pairs, {seconds:.1f} CPU s")
    for name in CHANGES:
        promised = "" if name in PROMISED else "   (not promised yet)"
        print(f"recall {name:14} {found[name] / totals[name]:.3f}{promised}")
    recall = sum(found[name] for name in PROMISED) / sum(totals[name] for name in PROMISED)
    foreign = np.flatnonzero(~same)
    likeness = np.array([best_ssim(thumbnails[left[i]], thumbnails[right[i]]) for i in foreign])
    n_wrong = int((likeness < 0.9).sum())
    print(f"recall of the promised {recall:.3f}, precision {1 - n_wrong / max(pairs.n_pairs, 1):.3f}")
    print(f"pairs of different originals: {len(foreign)}, of them wrong (SSIM < 0.9): {n_wrong}")


if __name__ == "__main__":
    main()
