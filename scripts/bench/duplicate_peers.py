"""Near duplicates as other tools find them, from the same files and, where they take embeddings, the same embeddings.

A peer that is not installed, or cannot get its weights, is left out with one sentence. Install them beside the project,
not into it: `pip install --target PEERS imagehash cleanvision imagededup`, then `PYTHONPATH=PEERS`. Each runs in a
process of its own, which ends at a limit of processor time.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

Pairs = np.ndarray
RADIUS_BITS = 8
MAX_PAIRS = 3_000_000


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep progress bars out of the table."""
    with open(os.devnull, "w") as out, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):  # noqa: PTH123
        yield


class AbsentError(Exception):
    """A peer cannot be asked; the text says why."""


def _pairs(found: Iterable[tuple[int, int]]) -> Pairs:
    """Each pair once, the lower row on the left."""
    pairs = np.array([(min(a, b), max(a, b)) for a, b in found if a != b], dtype=np.int64).reshape(-1, 2)
    return np.unique(pairs, axis=0)


def _of_sets(sets: Iterable[Iterable[int]]) -> Pairs:
    """Every two of each set."""
    every, n_pairs = [np.empty((0, 2), dtype=np.int64)], 0
    for of_one in sets:
        rows = np.unique(np.array(list(of_one), dtype=np.int64))
        n_pairs += rows.size * (rows.size - 1) // 2
        if n_pairs > MAX_PAIRS:
            raise AbsentError("its sets hold millions of pairs")
        every.append(np.stack([rows[side] for side in np.triu_indices(rows.size, 1)], axis=1))
    pairs = np.concatenate(every)
    codes = np.unique(pairs[:, 0] << 32 | pairs[:, 1])
    return np.stack([codes >> 32, codes & (2**32 - 1)], axis=1)


def _module(name: str):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise AbsentError(f"not installed ({error})") from None


def imagehash_phash(files: list[Path], embeddings: np.ndarray) -> Pairs:
    imagehash = _module("imagehash")
    bits = np.empty((len(files), 64), dtype=bool)
    for row, file in enumerate(files):
        with Image.open(file) as image:
            bits[row] = imagehash.phash(image).hash.ravel()
    hashes = np.packbits(bits, axis=1).view(">u8")[:, 0].astype(np.uint64)
    found = []
    for row in range(len(files)):
        near = np.flatnonzero(np.bitwise_count(hashes[row] ^ hashes[row + 1 :]) <= RADIUS_BITS)
        found += [(row, row + 1 + int(other)) for other in near]
    return _pairs(found)


def cleanvision(files: list[Path], embeddings: np.ndarray) -> Pairs:
    lab = _module("cleanvision").Imagelab(filepaths=[str(file) for file in files])
    with quiet():
        lab.find_issues({"exact_duplicates": {}, "near_duplicates": {}}, n_jobs=1, verbose=False)
    row_of = {str(file): row for row, file in enumerate(files)}
    kinds = ("exact_duplicates", "near_duplicates")
    return _of_sets([row_of[path] for path in group] for kind in kinds for group in lab.info[kind]["sets"])


def _of_names(found: dict[str, list[str]], files: list[Path]) -> Pairs:
    row_of = {file.name: row for row, file in enumerate(files)}
    return _pairs((row_of[a], row_of[b]) for a, others in found.items() for b in others)


def imagededup_phash(files: list[Path], embeddings: np.ndarray) -> Pairs:
    hasher = _module("imagededup.methods").PHash(verbose=False)
    encodings = {file.name: hasher.encode_image(image_file=str(file)) for file in files}
    with quiet(), warnings.catch_warnings(action="ignore"):
        found = hasher.find_duplicates(encoding_map=encodings, max_distance_threshold=10, num_dist_workers=1)
    return _of_names(found, files)


def imagededup_cnn(files: list[Path], embeddings: np.ndarray) -> Pairs:
    module = _module("imagededup.methods")
    try:
        with quiet():
            network = module.CNN(verbose=False)
    except Exception as error:  # noqa: BLE001 - whatever a download raises
        raise AbsentError(
            f"its MobileNetV3 needs weights that could not be downloaded ({type(error).__name__})"
        ) from None
    encodings = {file.name: network.encode_image(image_file=str(file))[0] for file in files}
    with quiet(), warnings.catch_warnings(action="ignore"):
        found = network.find_duplicates(encoding_map=encodings, min_similarity_threshold=0.9)
    return _of_names(found, files)


def cosine_of_imagededup(files: list[Path], embeddings: np.ndarray) -> Pairs:
    """What imagededup's CNN does with encodings, at its default of 0.9, on the embeddings that we use too."""
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    found = []
    for start in range(0, len(units), 512):
        near = units[start : start + 512] @ units.T >= 0.9
        left, right = np.nonzero(near)
        found.append(np.stack([left + start, right], axis=1)[left + start < right])
    return np.concatenate(found).astype(np.int64)


class _Images:
    """A dataset as DataEval takes it: images of shape (channels, height, width)."""

    metadata: dict[str, str] = {"id": "planted"}  # noqa: RUF012

    def __init__(self, files: list[Path]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, row: int) -> np.ndarray:
        with Image.open(self._files[row]) as image:
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


def _dataeval(files: list[Path], flags: str) -> Pairs:
    quality, members = _module("dataeval.quality"), _module("dataeval.flags").ImageStats
    with quiet():
        found = quality.Duplicates(flags=members[flags]).evaluate(_Images(files))
    table = found.data() if callable(found.data) else found.data
    return _of_sets(table["item_indices"].to_list())


def dataeval_basic(files: list[Path], embeddings: np.ndarray) -> Pairs:
    return _dataeval(files, "HASH_DUPLICATES_BASIC")


def dataeval_d4(files: list[Path], embeddings: np.ndarray) -> Pairs:
    return _dataeval(files, "HASH_DUPLICATES_D4")


PEERS: dict[str, Callable[[list[Path], np.ndarray], Pairs]] = {
    "CleanVision": cleanvision,
    "imagededup phash": imagededup_phash,
    "imagededup CNN": imagededup_cnn,
    "cosine 0.9 (imagededup CNN's rule)": cosine_of_imagededup,
    f"imagehash phash <= {RADIUS_BITS} bits": imagehash_phash,
    "DataEval Duplicates": dataeval_basic,
    "DataEval Duplicates, D4": dataeval_d4,
}


def ask(name: str, files: list[Path], embeddings: np.ndarray, limit_s: int) -> tuple[Pairs, float]:
    """Ask a peer in a process of its own; return its pairs and the CPU seconds it took.

    Raises
    ------
    AbsentError
        It is not installed, failed, or did not finish within `limit_s` seconds of CPU time, or five times as long.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "files.json").write_text(json.dumps([str(file.absolute()) for file in files]))
        np.save(folder / "embeddings.npy", embeddings)
        command = [sys.executable, __file__, name, scratch, str(limit_s)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=5 * limit_s, check=False)
        except subprocess.TimeoutExpired:
            raise AbsentError(f"did not finish in {5 * limit_s} s") from None
        if (folder / "pairs.npz").exists():
            told = np.load(folder / "pairs.npz")
            return told["pairs"], float(told["seconds"])
        if (folder / "absent").exists():
            raise AbsentError((folder / "absent").read_text())
        if done.returncode < 0:
            raise AbsentError(f"did not finish in {limit_s} CPU s")
        raise AbsentError(f"failed: {(done.stderr.strip().splitlines() or ['without a word'])[-1]}")


def _answer(name: str, folder: Path, limit_s: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 5))
    files = [Path(file) for file in json.loads((folder / "files.json").read_text())]
    embeddings = np.load(folder / "embeddings.npy")
    start = time.process_time()
    try:
        pairs = PEERS[name](files, embeddings)
    except AbsentError as error:
        (folder / "absent").write_text(str(error))
        return
    np.savez(folder / "pairs.npz", pairs=pairs, seconds=time.process_time() - start)


if __name__ == "__main__":
    _answer(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
