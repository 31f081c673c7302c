"""What a decode costs beyond reading, decoding and resizing: CPU milliseconds an image in one thread, and ratios.

    python scripts/bench/decode.py [FOLDER] [--sample N]

Without a folder it makes JPEGs of 640 x 480 and 4000 x 3000 pixels. Ways that need a library which is not installed
are left out. Every way sees every file in turn, several times over, and the best time of each file counts.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from PIL import Image

from dataeval_ui.data import decode_file, image_id_of, list_source
from dataeval_ui.settings import Settings
from dataeval_ui.types import LabelRule, Preprocessing

PREPROCESSING = Preprocessing(
    input_px=224, resize_px=256, interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
)
Image.MAX_IMAGE_PIXELS = None
Way = Callable[[str], object]


def on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(image, mask=image)
        return white
    return image.convert("RGB")


def crop_box(width: int, height: int) -> tuple[tuple[int, int], tuple[float, float, float, float]]:
    scale = min(width, height) / 256
    left, top = (width / scale - 224) / 2, (height / scale - 224) / 2
    return (224, 224), (left * scale, top * scale, (left + 224) * scale, (top + 224) * scale)


def pillow_torchvision(path: str) -> object:
    image = on_white(Image.open(path))
    scale = 256 / min(image.size)
    size = (int(image.width * scale), int(image.height * scale))
    left, top = (size[0] - 224) // 2, (size[1] - 224) // 2
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC).crop((left, top, left + 224, top + 224)))


def pillow_box(path: str) -> object:
    image = on_white(Image.open(path))
    size, box = crop_box(*image.size)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=box))


def pillow_draft(path: str) -> object:
    image = Image.open(path)
    image.draft("RGB", (512, 512))
    image = on_white(image)
    size, box = crop_box(*image.size)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=2.0))


def ways() -> dict[str, Way]:
    found: dict[str, Way] = {
        "Pillow, resize and crop": pillow_torchvision,
        "Pillow, resize of the crop": pillow_box,
        "Pillow, draft and reducing gap": pillow_draft,
    }
    try:
        import simplejpeg

        def simplejpeg_box(path: str) -> object:
            image = Image.fromarray(simplejpeg.decode_jpeg(Path(path).read_bytes()))
            size, box = crop_box(*image.size)
            return np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=box))

        found["simplejpeg, resize of the crop"] = simplejpeg_box
    except ImportError:
        pass
    try:
        import cv2

        cv2.setNumThreads(1)

        def opencv(path: str) -> object:
            image = cv2.imdecode(np.frombuffer(Path(path).read_bytes(), np.uint8), cv2.IMREAD_COLOR)
            (height, width), scale = image.shape[:2], 256 / min(image.shape[:2])
            image = cv2.resize(image, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)
            top, left = (image.shape[0] - 224) // 2, (image.shape[1] - 224) // 2
            return cv2.cvtColor(image[top : top + 224, left : left + 224], cv2.COLOR_BGR2RGB)

        found["OpenCV, area resize (other pixels)"] = opencv
    except ImportError:
        pass
    try:
        import torch
        from torchvision.io import ImageReadMode, decode_image
        from torchvision.transforms.v2 import functional as transforms

        torch.set_num_threads(1)

        def torchvision(path: str) -> object:
            data = torch.frombuffer(bytearray(Path(path).read_bytes()), dtype=torch.uint8)
            image = decode_image(data, ImageReadMode.RGB)
            image = transforms.resize(image, [256], transforms.InterpolationMode.BICUBIC, antialias=True)
            return transforms.center_crop(image, [224, 224])

        found["torchvision.io and resize"] = torchvision
    except (ImportError, RuntimeError):
        pass
    settings = Settings()
    found["read and hash the bytes"] = lambda path: image_id_of(Path(path).read_bytes())
    found["decode_file without pixels"] = lambda path: decode_file(path, preprocessing=None, settings=settings)
    found["decode_file"] = lambda path: decode_file(path, preprocessing=PREPROCESSING, settings=settings)
    return found


def measure(paths: list[str], n_rounds: int) -> dict[str, float]:
    """CPU seconds of each way: the sum over the files of the best of some rounds."""
    best: dict[str, list[float]] = {name: [float("inf")] * len(paths) for name in ways()}
    for _ in range(n_rounds):
        for i, path in enumerate(paths):
            for name, way in WAYS.items():
                if name not in best:
                    continue
                start = time.process_time_ns()
                try:
                    way(path)
                except (ValueError, RuntimeError, OSError, AttributeError):
                    del best[name]  # a way that cannot read these files at all
                    continue
                best[name][i] = min(best[name][i], (time.process_time_ns() - start) / 1e9)
    return {name: sum(times) for name, times in best.items()}


def report(title: str, paths: list[str], n_rounds: int) -> None:
    seconds = measure(paths, n_rounds)
    plain = min(seconds[name] for name in ("Pillow, resize and crop", "Pillow, resize of the crop"))
    print(f"\n{title}: {len(paths)} files\n{'':38}{'ms/image':>9}{'ratio':>8}")
    for name, value in seconds.items():
        print(f"{name:38}{1000 * value / len(paths):9.2f}{value / plain:8.2f}")


def jpegs(folder: Path, n: int, width: int, height: int) -> list[str]:
    paths = []
    for i in range(n):
        rng = np.random.default_rng(i)
        layers = [(width // 80, height // 80, 200), (width // 8, height // 8, 60), (width // 2, height // 2, 20)]
        values = np.zeros((height, width, 3))
        for w, h, strength in layers:
            noise = Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8))
            values += np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC)) * (strength / 280)
        buffer = io.BytesIO()
        Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
        path = folder / f"{width}-{i}.jpg"
        path.write_bytes(buffer.getvalue())
        paths.append(str(path))
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.folder:
        listing = list_source(options.folder, rule=LabelRule(), settings=Settings())
        paths = [f"{listing.root}/{path}" for path in listing.table["path"].to_pylist()]
        step = max(1, len(paths) // options.sample)
        readable = [p for p in paths[::step] if not decode_file(p, preprocessing=None, settings=Settings()).reason]
        report(options.folder, readable, options.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        report("JPEG 640 x 480", jpegs(Path(folder), 40, 640, 480), options.rounds)
        report("JPEG 4000 x 3000", jpegs(Path(folder), 2, 4000, 3000), options.rounds)


WAYS = ways()

if __name__ == "__main__":
    sys.exit(main())
