"""Bytes, seconds and memory of a run in one file, for many images: `python scripts/bench/offline.py [N] [FOLDER]`.

Thumbnails are crops of the images of FOLDER (default: the demo's), each at another place and scale, with noise added as
cameras add it, so that no two are alike. Only the page is made: no network is run.
"""

from __future__ import annotations

import io
import resource
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from dataeval_ui.services.offline import N_NEIGHBORS
from dataeval_ui.settings import assets_dir
from dataeval_ui.share.offline import packed, page_parts, sprite_sheets


def thumbnails(folder: Path):
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    images = []
    for path in files[:400]:
        with Image.open(path) as opened:
            opened.thumbnail((512, 512))
            images.append(opened.convert("RGB"))

    def thumbnail(row: int) -> bytes:
        rng = np.random.default_rng(row)
        image = images[row % len(images)]
        side = int(min(image.size) * rng.uniform(0.5, 1.0))
        left, top = (int(rng.integers(0, extent - side + 1)) for extent in image.size)
        crop = np.asarray(image.crop((left, top, left + side, top + side)).resize((128, 128)), dtype=np.float32)
        noisy = np.clip(crop + rng.normal(0, 4, crop.shape), 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noisy).save(buffer, "JPEG", quality=85)
        return buffer.getvalue()

    return len(images), thumbnail


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else assets_dir() / "demo"
    n_sources, thumbnail = thumbnails(folder)
    rng = np.random.default_rng(0)
    column = {
        "name": "cluster", "title": "Cluster", "names": [f"cluster {i}" for i in range(12)],
        "codes": packed(rng.integers(0, 12, n), "<u2"), "light": ["#0072b2"] * 13, "dark": ["#56b4e9"] * 13,
    }  # fmt: skip
    payload = {
        "run": "bench", "title": "bench", "about": f"{n:,} images", "n_images": n,
        "x": packed(rng.integers(0, 65536, n), "<u2"), "y": packed(rng.integers(0, 65536, n), "<u2"),
        "neighbors": packed(rng.integers(0, n, (n, N_NEIGHBORS)), "<u4"), "n_neighbors": N_NEIGHBORS,
        "columns": [column] * 6, "labels": [], "image_ids": [f"{i:032x}" for i in range(n)],
        "paths": [f"train/some_class/photograph_{i:06d}.jpg" for i in range(n)],
        "findings": [
            {"id": f"{i:016x}", "kind": "near_duplicate", "severity": 0.5, "sentence": "Two are nearly the same.",
             "advice": "Keep one of them.", "rows": [i, i + 1], "paths": []}
            for i in range(min(1000, n - 1))
        ],
        "thumb_px": 64, "per_side": 16, "view": {"colour": "cluster", "image": None},
    }  # fmt: skip
    started = time.perf_counter()
    out = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    n_bytes = 0
    with out.open("w", encoding="utf-8") if out else io.StringIO() as stream:
        for part in page_parts(payload, sprite_sheets(thumbnail, n)):
            n_bytes += len(part.encode("utf-8"))
            if out:
                stream.write(part)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{n:,} images of {n_sources} sources: {n_bytes / 1e6:.1f} MB, {seconds:.1f} s with drawing them, {peak:.0f} MB"
    )


if __name__ == "__main__":
    main()
