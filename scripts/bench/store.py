"""What the store costs, as times and as ratios to the cheapest way there is, measured in one run.

python scripts/bench/store.py [--images 50000] [--dims 512] [--folder DIR]
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dataeval_ui.store.parts import EmbeddingParts, ImageParts
from dataeval_ui.store.thumbnails import ThumbnailStore
from dataeval_ui.store.view import open_view
from dataeval_ui.store.workspace import Workspace, open_workspace
from dataeval_ui.types import DecodedImage, EmbeddingKey

KEY = EmbeddingKey(backbone="bench", checkpoint="-", layer="-", pooling="-", input_px=224, preprocessing="-")
BATCH = 256
THUMBNAIL_BYTES = 2600


def timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def median_ms(call: Callable[[], object], n: int = 20) -> float:
    return float(np.median([timed(call) for _ in range(n)])) * 1000


def append_all(workspace: Workspace, ids: list[str], matrix: np.ndarray, rng: random.Random) -> list[float]:
    images, embeddings = ImageParts(workspace), EmbeddingParts(workspace, KEY)
    commits = []
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        decoded = [
            DecodedImage(
                image_id=image_id,
                width_px=640,
                height_px=480,
                format="JPEG",
                mode="RGB",
                thumbnail=b"\xff\xd8" + rng.randbytes(THUMBNAIL_BYTES),
                statistics={"brightness": 0.5, "contrast": 0.1, "sharpness": 3.0},
                phash=rng.getrandbits(64),
                dhash=rng.getrandbits(64),
            )
            for image_id in some
        ]
        block = matrix[start : start + BATCH]
        commits.append(
            timed(lambda d=decoded, s=some, b=block: (images.append_images(d), embeddings.append_embeddings(s, b)))
        )
    return commits


def write_plainly(folder: Path, n_commits: int, n_bytes: int) -> float:
    """Two files a commit, each flushed to the disk: the least that a durable commit costs."""
    data = os.urandom(n_bytes // 2)

    def write() -> None:
        for number in range(2 * n_commits):
            with (folder / f"plain-{number}").open("wb") as stream:
                stream.write(data)
                os.fsync(stream.fileno())

    return timed(write)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--dims", type=int, default=512)
    parser.add_argument("--folder", type=Path, help="where to write; default: a temporary folder")
    args = parser.parse_args()
    rng = random.Random(0)
    matrix = np.random.default_rng(0).standard_normal((args.images, args.dims)).astype(np.float32)
    ids = [f"{rng.getrandbits(128):032x}" for _ in range(args.images)]
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        workspace = open_workspace(Path(folder) / "workspace")
        commits = append_all(workspace, ids, matrix, rng)
        n_bytes = sum(p.stat().st_size for p in workspace.root.rglob("*.parquet"))
        plain_s = write_plainly(Path(folder), len(commits), n_bytes // len(commits))
        print(
            f"append           {args.images / sum(commits):10,.0f} images/s, "
            f"commit p50 {np.median(commits) * 1e3:.1f} ms, p99 {np.quantile(commits, 0.99) * 1e3:.1f} ms; "
            f"{sum(commits) / plain_s:.2f} x plain flushed files"
        )
        parts = EmbeddingParts(workspace, KEY)
        print(f"ids, first       {timed(parts.ids) * 1e3:10.1f} ms; again {median_ms(parts.ids):.1f} ms")
        order = rng.sample(ids, len(ids))
        build_s = timed(lambda: open_view(workspace, KEY, order))
        open_ms = median_ms(lambda: open_view(workspace, KEY, order))
        path = next(workspace.views_dir.glob("*/embeddings.f32"))
        read_ms = median_ms(lambda: np.fromfile(path, np.float32), n=5)
        print(
            f"view             {open_ms:10.1f} ms to open, {build_s * 1e3:,.0f} ms to build; "
            f"opening is {open_ms / read_ms:.2f} x reading it"
        )
        store = ThumbnailStore(workspace)
        fill_s = timed(store.refresh)
        thumbnails_ms = median_ms(lambda: store.get_many(rng.sample(ids, 60)))
        images = ImageParts(workspace)
        parts_ms = median_ms(lambda: images.read(rng.sample(ids, 60), ["thumbnail"]), n=3)
        print(
            f"60 thumbnails    {thumbnails_ms:10.1f} ms from the view, {fill_s:.1f} s to fill it; "
            f"{thumbnails_ms / parts_ms:.4f} x from the parts ({parts_ms:,.0f} ms)"
        )
        compact_s = timed(lambda: (images.parts.compact(), parts.parts.compact()))
        print(
            f"compact          {compact_s:10.1f} s from {2 * len(commits)} parts to "
            f"{len(images.parts.names()) + len(parts.parts.names())}; then 60 thumbnails from the parts "
            f"{median_ms(lambda: images.read(rng.sample(ids, 60), ['thumbnail']), n=3):,.0f} ms"
        )


if __name__ == "__main__":
    main()
