"""Does a backbone find an image again after it was resized, compressed, cropped or mirrored?"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.errors import AccessDeniedError, InputError, StorageError
from dataeval_ui.store.durable import storing
from dataeval_ui.types import Json, Progress, batches

if TYPE_CHECKING:
    from dataeval_ui.analysis.comparison import Share
    from dataeval_ui.services.context import Services
    from dataeval_ui.services.run import Run
    from dataeval_ui.types import Preprocessing
    from dataeval_ui.types.base import UInt8

N_PLANTED = 100
N_NEAREST = 5
MAX_ORIGINAL_PX = 1024
_IMAGES_AT_ONCE = 25
_RESULT = "planted"
_VERSION = 1

TRANSFORMS: Mapping[str, str] = {
    "resize": "half the size",
    "jpeg": "JPEG at quality 30",
    "crop": "5 % cropped at each side",
    "flip": "mirrored",
}
"""What is done to the copies, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedRecall:
    """How many planted copies were found again.

    Attributes
    ----------
    shares : mapping of str to Share
        By transform: copies whose original is among the 5 nearest images.
    n_images : int
        Images that were copied.
    images_per_s : float
        Speed of the network on the copies.
    peak_rss_bytes : int or None
        Largest memory of the process that embedded them.
    """

    shares: Mapping[str, Share]
    n_images: int
    images_per_s: float
    peak_rss_bytes: int | None

    @property
    def mean(self) -> float:
        """Mean recall over the transforms."""
        return sum(share.value for share in self.shares.values()) / len(self.shares)


def load_planted(run: Run) -> PlantedRecall | None:
    """Return what `measure_planted` stored for a run, None before it was asked to."""
    from dataeval_ui.store.results import load_json

    if not (run.services.workspace.run_dir(run.id) / f"{_RESULT}.json").is_file():
        return None
    stored = load_json(run.services.workspace, run.id, _RESULT)
    try:
        return _read(stored) if stored["version"] == _VERSION else None
    except (KeyError, TypeError, ValueError):
        raise StorageError(
            f"The planted copies of run {run.id!r} are damaged. Delete planted.json in its folder and measure again."
        ) from None


def _read(stored: Json) -> PlantedRecall:
    from dataeval_ui.analysis.comparison import share_of

    n_images, peak = int(stored["n_images"]), stored["peak_rss_bytes"]
    return PlantedRecall(
        shares={name: share_of(int(stored["n_found"][name]), n_images) for name in TRANSFORMS},
        n_images=n_images,
        images_per_s=float(stored["images_per_s"]),
        peak_rss_bytes=None if peak is None else int(peak),
    )


def sample_rows(run: Run, n: int = N_PLANTED) -> list[int]:
    """Rows of the images with the n lowest ids: ids are hashes of contents, so other runs take the same images."""
    return [run.row_of[image_id] for image_id in sorted(run.image_ids)[:n]]


def measure_planted(services: Services, run: Run, progress: Progress) -> PlantedRecall:
    """Plant changed copies of about 100 images, and look for the originals among the nearest; kept under the run.

    Raises
    ------
    InputError
        No file of the sample can be read any more, the weights have changed since the run, or its rows are objects.
    BackboneUnavailableError
        The run's weights are gone.
    CancelledError
        The user cancelled; nothing is kept.
    """
    from dataeval_ui.services.memory import peak_bytes, reset_peak
    from dataeval_ui.services.search import embedder_of, search_vector
    from dataeval_ui.store.results import save_json

    if (known := load_planted(run)) is not None:
        return known
    if run.is_of_objects:
        raise InputError("Copies are planted of whole images, and this run is of objects; measure a run of the images.")
    reset_peak()
    progress.report("prepare", 0, 1)
    embedder = embedder_of(services, run)
    embedder.open()
    sample = _sampled_files(run)
    n_found = dict.fromkeys(TRANSFORMS, 0)
    n_images, seconds = 0, 0.0
    for part in batches(len(sample), _IMAGES_AT_ONCE):
        progress.check_cancelled()
        progress.report("embed", part.start, len(sample))
        rows, copies = _planted_pixels(run, embedder.backbone.preprocessing, sample[part], progress)
        started = time.perf_counter()
        vectors = {name: embedder.embed(pixels) for name, pixels in copies.items()}
        seconds += time.perf_counter() - started
        n_images += len(rows)
        for name, found in vectors.items():
            for row, vector in zip(rows, found, strict=True):
                n_found[name] += row in search_vector(run, vector, k=N_NEAREST).rows
    if n_images == 0:
        raise InputError("None of the images that were to be copied can be read; put the files of this run back.")
    progress.report("embed", len(sample), len(sample))
    stored: Json = {
        "version": _VERSION,
        "n_images": n_images,
        "n_found": n_found,
        "images_per_s": round(n_images * len(TRANSFORMS) / seconds, 2),
        "peak_rss_bytes": peak_bytes(),
    }
    save_json(services.workspace, run.id, _RESULT, stored)
    progress.report("findings", 1, 1)
    return _read(stored)


def _sampled_files(run: Run) -> list[tuple[int, Path]]:
    """Rows of the sample with their files, without those that are gone."""
    found = []
    for row in sample_rows(run):
        try:
            found.append((row, run.image_path(row)))
        except (AccessDeniedError, InputError):
            continue  # moved or removed since the run: the share is of those that are left, and says of how many
    return found


def _planted_pixels(
    run: Run, preprocessing: Preprocessing, sample: Sequence[tuple[int, Path]], progress: Progress
) -> tuple[list[int], dict[str, UInt8]]:
    """Rows whose file still holds its image, and for each transform the network's input of their copies, in order."""
    import numpy as np

    from dataeval_ui.embed.decoders import DecoderPool

    settings = replace(run.services.settings, thumbnail_px=MAX_ORIGINAL_PX)
    with DecoderPool(preprocessing=None, settings=settings, n_files=len(sample)) as pool:
        decoded = list(pool.decode([str(path) for _, path in sample], on_wait=progress.check_cancelled))
    usable = [
        (row, image)
        for (row, _), image in zip(sample, decoded, strict=True)
        if image.reason is None and image.image_id == run.image_id(row)
    ]
    px = preprocessing.input_px
    copies: dict[str, UInt8] = {}
    with storing(tempfile.gettempdir()), tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / name for name in TRANSFORMS}
        for row, image in usable:
            for name, data in planted_copies(image.thumbnail).items():
                Path(f"{paths[name]}-{row}").write_bytes(data)
        with DecoderPool(preprocessing=preprocessing, settings=settings) as pool:
            for name, path in paths.items():
                images = pool.decode([f"{path}-{row}" for row, _ in usable], on_wait=progress.check_cancelled)
                pixels = [image.pixels for image in images]
                stacked = np.zeros((len(pixels), px, px, 3), dtype=np.uint8)
                for place, one in enumerate(pixels):
                    if one is None:
                        raise StorageError("A planted copy could not be read back from the disk; measure again.")
                    stacked[place] = one
                copies[name] = stacked
    return [row for row, _ in usable], copies


def planted_copies(jpeg: bytes) -> dict[str, bytes]:
    """Change an image in each way.

    Parameters
    ----------
    jpeg : bytes
        The image as the decoder wrote it anew, at most 1,024 px: never a user's own bytes.

    Returns
    -------
    dict of str to bytes
        By transform: a PNG, or the JPEG.
    """
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(jpeg)) as opened:
        image = opened.convert("RGB")
    width, height = image.size
    left, top = round(width * 0.05), round(height * 0.05)
    half = (max(1, width // 2), max(1, height // 2))
    copies = {
        "resize": (image.resize(half, Image.Resampling.LANCZOS), "PNG", {}),
        "jpeg": (image, "JPEG", {"quality": 30}),
        "crop": (image.crop((left, top, width - left, height - top)), "PNG", {}),
        "flip": (ImageOps.mirror(image), "PNG", {}),
    }
    written = {}
    for name, (copy, kind, options) in copies.items():
        buffer = io.BytesIO()
        copy.save(buffer, kind, **options)
        written[name] = buffer.getvalue()
    return written
