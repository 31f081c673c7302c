"""The memory map of a run's embeddings: disposable, built by streaming the parts once."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.errors import StorageError
from dataeval_ui.store.durable import aside_name, fsync_folder, read_json, storing, write_json_durably
from dataeval_ui.store.parts import EmbeddingParts, to_matrix
from dataeval_ui.store.workspace import Workspace
from dataeval_ui.types import EmbeddingKey, digest_of

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32

MAX_CHECKED_BYTES = 256 * 2**20
"""Views up to this size are read whole when they are opened, in a tenth of a second; of larger ones some rows are."""

_N_PROBES = 64


@dataclass(frozen=True, slots=True)
class View:
    """Embeddings of a run, in the run's order.

    Attributes
    ----------
    image_ids : tuple of str
    embeddings : ndarray of shape (n_images, n_dims), float32
        A read-only memory map, not normalised.
    norms : ndarray of shape (n_images,), float32
        Euclidean lengths of the rows.
    """

    image_ids: tuple[str, ...]
    embeddings: Float32
    norms: Float32


def open_view(workspace: Workspace, key: EmbeddingKey, image_ids: Iterable[str]) -> View:
    """Map the embeddings of a run, building the map where it is missing or damaged.

    Parameters
    ----------
    workspace : Workspace
    key : EmbeddingKey
    image_ids : iterable of str
        The rows, each id once.

    Returns
    -------
    View

    Raises
    ------
    StorageError
        Images without an embedding (the sentence says how many), a damaged part, or a full disk.

    Notes
    -----
    An existing map of up to 256 MiB is read once against its digest; a larger one opens without that. Building reads
    each row group of the parts once and holds one at a time.
    """
    ids = tuple(image_ids)
    folder = workspace.views_dir / digest_of(
        [key.digest(), blake2b("\n".join(ids).encode(), digest_size=16).hexdigest(), len(ids)], n_chars=32
    )
    view = _load(folder, ids)
    if view is None:
        _build(EmbeddingParts(workspace, key), folder, ids)
        view = _load(folder, ids)
        if view is None:
            raise StorageError(f"The view {folder} does not read back as it was written. Check the disk.")
    return view


def _load(folder: Path, ids: tuple[str, ...]) -> View | None:
    """Map what lies in `folder`; None for a view that is missing or is not what was built."""
    try:
        card = read_json(folder / "view.json")
        n_dims = int(card["n_dims"])
        if (folder / "embeddings.f32").stat().st_size != len(ids) * n_dims * 4:
            return None
        if (folder / "norms.f32").stat().st_size != len(ids) * 4:
            return None
        if len(ids) * n_dims * 4 <= MAX_CHECKED_BYTES and card["digest"] != _digest(folder):
            return None
        if not ids:
            return View(ids, np.zeros((0, n_dims), np.float32), np.zeros(0, np.float32))
        embeddings = np.memmap(folder / "embeddings.f32", np.float32, "r", shape=(len(ids), n_dims))
        norms = np.memmap(folder / "norms.f32", np.float32, "r", shape=(len(ids),))
    except (StorageError, FileNotFoundError, KeyError, TypeError, ValueError):
        return None
    # pages that a power cut left as zeros show in the lengths of a few rows spread over the file
    probes = np.unique(np.linspace(0, len(ids) - 1, _N_PROBES).astype(np.int64))
    if not np.allclose(np.linalg.norm(embeddings[probes], axis=1), norms[probes], rtol=1e-5, atol=1e-30):
        return None
    return View(ids, embeddings, norms)


def _build(parts: EmbeddingParts, folder: Path, ids: tuple[str, ...]) -> None:
    n_dims = parts.n_dims
    if n_dims is None:
        if ids:
            raise StorageError(f"None of {len(ids)} images has an embedding of this backbone. Run the dataset first.")
        n_dims = 0
    aside = aside_name(folder)
    try:
        with storing(folder):
            aside.mkdir(mode=0o700, parents=True)
            if ids:
                _fill(parts, aside, ids, n_dims)
            else:
                (aside / "embeddings.f32").touch()
                (aside / "norms.f32").touch()
            digest = _digest(aside) if len(ids) * n_dims * 4 <= MAX_CHECKED_BYTES else None
            card = {"n_dims": n_dims, "n_images": len(ids), "digest": digest, **asdict(parts.key)}
            write_json_durably(aside / "view.json", card)
            _replace_folder(aside, folder, ids)
            fsync_folder(folder.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _fill(parts: EmbeddingParts, aside: Path, ids: tuple[str, ...], n_dims: int) -> None:
    reserve(aside / "embeddings.f32", len(ids) * n_dims * 4)
    reserve(aside / "norms.f32", len(ids) * 4)
    embeddings = np.memmap(aside / "embeddings.f32", np.float32, "r+", shape=(len(ids), n_dims))
    norms = np.memmap(aside / "norms.f32", np.float32, "r+", shape=(len(ids),))
    for positions, table in parts.parts.scan(ids, ["embedding"]):
        matrix = to_matrix(table.column("embedding"))
        embeddings[positions] = matrix
        norms[positions] = np.linalg.norm(matrix, axis=1)
    embeddings.flush()
    norms.flush()


def _digest(folder: Path) -> str:
    import xxhash

    digest = xxhash.xxh3_128()
    for name in ("embeddings.f32", "norms.f32"):
        with (folder / name).open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def reserve(path: Path, n_bytes: int) -> None:
    """Make a file whose blocks are there: writing to a map on a full disk would end the process."""
    with path.open("wb") as stream:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(stream.fileno(), 0, n_bytes)
        else:
            block = bytes(1 << 20)
            for start in range(0, n_bytes, len(block)):
                stream.write(block[: n_bytes - start])


def _replace_folder(aside: Path, folder: Path, ids: tuple[str, ...]) -> None:
    for _ in range(2):
        with contextlib.suppress(FileExistsError, OSError):
            aside.rename(folder)
            return
        if _load(folder, ids) is not None:  # another process built the same one meanwhile
            return
        shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
