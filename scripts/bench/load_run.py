"""A finished run of many generated images, as the server meets it: parts, manifest, results. What `load.py` serves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import simplejpeg

from dataeval_ui.data.decode import image_id_of
from dataeval_ui.data.manifest import finish_manifest
from dataeval_ui.data.statistics import STATISTICS
from dataeval_ui.services.analyse import analyse
from dataeval_ui.services.context import Services
from dataeval_ui.services.execute import RESULTS_VERSION, Stopwatch
from dataeval_ui.store.manifests import save_manifest
from dataeval_ui.store.parts import EmbeddingParts, ImageParts
from dataeval_ui.store.results import finish_run
from dataeval_ui.types import AnalysisParams, DecodedImage, EmbeddingKey, LabelRule, Progress

BACKBONE = "efficientnet-lite0"
KEY = EmbeddingKey(backbone=BACKBONE, checkpoint="-", layer="-", pooling="-", input_px=224, preprocessing="-")
N_FILES = 300
"""Images that are on the disk as well, 640 x 480: those that the reviewers click on."""

N_BLOBS, BATCH, DUPLICATE_EVERY = 40, 2_500, 250


class Printed(Progress):
    """Tells of the stages on standard error."""

    def report(self, stage: str, done: int, total: int) -> None:
        """Name a stage as it begins."""
        if done == 0:
            print(f"  {stage} …", file=sys.stderr)

    def check_cancelled(self) -> None:
        """Nobody cancels."""


def picture(rng: np.random.Generator, width_px: int, height_px: int) -> bytes:
    """Draw soft colours with noise, as a JPEG of the size of a photograph's."""
    coarse = rng.integers(0, 256, (6, 8, 3)).astype(np.float32)
    across = np.linspace(0, coarse.shape[1] - 1.001, width_px)
    down = np.linspace(0, coarse.shape[0] - 1.001, height_px)
    smooth = coarse[down.astype(int)][:, across.astype(int)] + rng.normal(0, 12, (height_px, width_px, 3))
    return bytes(simplejpeg.encode_jpeg(np.clip(smooth, 0, 255).astype(np.uint8), quality=85))


def write_files(folder: Path, rng: np.random.Generator) -> list[tuple[str, bytes]]:
    """Write the images that are on the disk; return their ids and contents."""
    written = []
    for number in range(N_FILES):
        content = picture(rng, 640, 480)
        (folder / f"{number:06d}.jpg").write_bytes(content)
        written.append((image_id_of(content), content))
    return written


def decoded(ids: list[str], rng: np.random.Generator) -> Iterator[list[DecodedImage]]:
    """Make what decoding would have given, in batches; every 250th image is nearly the one before it."""
    thumbnails = [picture(rng, 128, 96) for _ in range(1_000)]
    names = [statistic.name for statistic in STATISTICS]
    last: dict[str, int] = {"phash": 0, "dhash": 0, "thumbnail": 0}
    for start in range(0, len(ids), BATCH):
        batch = []
        for row, image_id in enumerate(ids[start : start + BATCH], start):
            if row % DUPLICATE_EVERY:
                last = {"phash": int(rng.integers(2**62)), "dhash": int(rng.integers(2**62)), "thumbnail": row % 1_000}
            batch.append(
                DecodedImage(
                    image_id=image_id,
                    width_px=640,
                    height_px=480,
                    format="JPEG",
                    mode="RGB",
                    thumbnail=thumbnails[last["thumbnail"]],
                    statistics=dict(zip(names, map(float, rng.random(len(names))), strict=True)),
                    phash=last["phash"],
                    dhash=last["dhash"],
                )
            )
        yield batch


def make_run(services: Services, folder: Path, *, n_images: int, n_dims: int) -> str:
    """Make images, embeddings in blobs, and analyse them as any other run; return its id."""
    import pyarrow as pa

    rng = np.random.default_rng(5)
    folder.mkdir(parents=True, exist_ok=True)
    ids = [image_id for image_id, _ in write_files(folder, rng)]
    ids += [rng.bytes(16).hex() for _ in range(n_images - len(ids))]
    for batch in decoded(ids, rng):
        ImageParts(services.workspace).append_images(batch)
    blob = rng.integers(0, N_BLOBS, n_images)
    centres = rng.normal(size=(N_BLOBS, n_dims)).astype(np.float32)
    embeddings = centres[blob] + rng.normal(0, 0.7, (n_images, n_dims)).astype(np.float32)
    twins = np.arange(DUPLICATE_EVERY, n_images, DUPLICATE_EVERY)
    embeddings[twins] = embeddings[twins - 1] + rng.normal(0, 0.01, (len(twins), n_dims)).astype(np.float32)
    for start in range(0, n_images, BATCH):
        batch_ids = ids[start : start + BATCH]
        EmbeddingParts(services.workspace, KEY).append_embeddings(batch_ids, embeddings[start : start + BATCH])
    n = n_images
    table = pa.table(
        {
            "path": [f"{row:06d}.jpg" for row in range(n)],
            "label": [f"class {code}" for code in blob],
            "split": [("train", "val", "test")[row % 10 // 8 + (row % 10 == 9)] for row in range(n)],
            "n_bytes": pa.array([100_000] * n, pa.int64()),
            "mtime_ns": pa.array([0] * n, pa.int64()),
            "status": ["ok"] * n,
            "reason": pa.array([None] * n, pa.string()),
            "image_id": ids,
            "width_px": pa.array([640] * n, pa.int32()),
            "height_px": pa.array([480] * n, pa.int32()),
            "format": ["JPEG"] * n,
        }
    )
    manifest, params = finish_manifest(table), AnalysisParams()
    save_manifest(services.workspace, manifest)
    dataset = services.catalog.add_dataset(
        name="load", source=str(folder), root=str(folder), rule=LabelRule(), kind="folder",
        manifest_digest=manifest.digest, n_files=n,
    )  # fmt: skip
    summary = analyse(
        services, run_id="load", manifest=manifest, image_ids=ids, key=KEY, params=params, base=None,
        progress=Printed(), watch=Stopwatch(),
    )  # fmt: skip
    summary |= {"results_version": RESULTS_VERSION}
    finish_run(services.workspace, "load", summary)
    run = services.catalog.add_run(
        id="load", dataset_id=dataset.id, name="load", backbone=BACKBONE, key=KEY, manifest_digest=manifest.digest,
        params=params, finished_at=dataset.created_at, summary=summary,
    )  # fmt: skip
    return run.id
