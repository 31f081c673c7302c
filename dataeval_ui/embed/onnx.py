"""Exporting a network to ONNX, once, and trusting the export only after comparing it with the original."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from dataeval_ui.embed.runners import OnnxRunner, Runner, TorchRunner
from dataeval_ui.errors import StorageError
from dataeval_ui.store.durable import read_json, storing, write_durably, write_json_durably
from dataeval_ui.types import EmbeddingKey, digest_of

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Preprocessing

logger = logging.getLogger(__name__)

EXPORT_VERSION = 1
"""Raised with every change to the exported graph, so that old exports are not used."""
MIN_COSINE = 0.9999
_N_CHECKED = 4


def open_cpu_runner(
    load: Callable[[], torch.nn.Module],
    *,
    key: EmbeddingKey,
    preprocessing: Preprocessing,
    models_dir: Path,
    n_threads: int,
) -> Runner:
    """Open the runner for the CPU: ONNX Runtime where its export agrees with torch, torch otherwise.

    The export and the decision are kept, so that a later process needs no torch at all.

    Parameters
    ----------
    load : callable
        Loads the network in torch; called only when there is no export yet, or when torch was decided for.
    key : EmbeddingKey
        Names the export.
    preprocessing : Preprocessing
        Folded into the graph.
    models_dir : Path
        Where exports are kept.
    n_threads : int

    Raises
    ------
    StorageError
        The export cannot be written.
    """
    path, decision_path = _places(key, models_dir)
    decision = _decision(key, models_dir)
    if decision == "onnx":
        return OnnxRunner(path, n_threads=n_threads)
    network = load()
    if decision != "torch":
        data, cosine, why = _export_and_compare(network, preprocessing, n_threads=n_threads)
        decision = "onnx" if cosine >= MIN_COSINE else "torch"
        if decision == "onnx":
            write_durably(path, lambda stream: _write_all(stream, data))
        else:
            logger.warning("The network runs in torch, since its export to ONNX %s.", why)
        digest = hashlib.blake2b(data, digest_size=16).hexdigest()
        write_json_durably(decision_path, {"runner": decision, "cosine": cosine, "why": why, "digest": digest})
        if decision == "onnx":
            return OnnxRunner(path, n_threads=n_threads)
    return TorchRunner(network, preprocessing, n_threads=n_threads)


def is_decided(key: EmbeddingKey, *, models_dir: Path) -> bool:
    """Whether `open_cpu_runner` would need no export."""
    return _decision(key, models_dir) is not None


def export_network(network: torch.nn.Module, preprocessing: Preprocessing) -> bytes:
    """Export a network with its normalisation to ONNX, with a free batch size.

    Returns
    -------
    bytes
        A graph from `pixels` (n, px, px, 3) uint8 to `embeddings` (n, n_dims) float32.

    Raises
    ------
    RuntimeError
        The network cannot be exported.
    """
    import torch

    from dataeval_ui.embed.networks import from_pixels

    whole = from_pixels(network, preprocessing)
    pixels = torch.zeros((2, preprocessing.input_px, preprocessing.input_px, 3), dtype=torch.uint8)
    with storing(tempfile.gettempdir()), tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        path = Path(folder) / "network.onnx"
        torch.onnx.export(
            whole,
            (pixels,),
            path,
            dynamo=True,
            dynamic_shapes={"pixels": {0: torch.export.Dim("n")}},
            input_names=["pixels"],
            output_names=["embeddings"],
            external_data=False,
            verbose=False,
        )
        return path.read_bytes()


def _export_and_compare(
    network: torch.nn.Module, preprocessing: Preprocessing, *, n_threads: int
) -> tuple[bytes, float, str]:
    """Give the export, its lowest cosine to torch eager on noise (0 where it cannot be made or run), and why."""
    import numpy as np
    import onnxruntime
    import torch

    from dataeval_ui.embed.preprocessing import normalise

    px = preprocessing.input_px
    pixels = np.random.default_rng(0).integers(0, 256, (_N_CHECKED, px, px, 3), dtype=np.uint8)
    torch.set_num_threads(n_threads)
    with torch.inference_mode():
        expected = network(torch.from_numpy(normalise(pixels, preprocessing))).numpy()
    errors = onnxruntime.capi.onnxruntime_pybind11_state
    try:
        data = export_network(network, preprocessing)
        got = OnnxRunner(data, n_threads=n_threads).run(pixels)
    except (RuntimeError, errors.Fail, errors.RuntimeException, errors.InvalidGraph, errors.NotImplemented) as error:
        return b"", 0.0, f"failed: {type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
    norms = np.linalg.norm(expected, axis=1) * np.linalg.norm(got, axis=1)
    cosine = float(((expected * got).sum(axis=1) / np.maximum(norms, 1e-12)).min())
    if not cosine >= MIN_COSINE:  # also NaN
        return b"", 0.0 if cosine != cosine else cosine, f"has a cosine of {cosine:.6f} to torch"
    return data, cosine, "agrees with torch"


def _places(key: EmbeddingKey, models_dir: Path) -> tuple[Path, Path]:
    name = f"{key.digest()}-{exporter_digest()}"
    return models_dir / f"{name}.onnx", models_dir / f"{name}.json"


def _decision(key: EmbeddingKey, models_dir: Path) -> Literal["onnx", "torch"] | None:
    path, decision_path = _places(key, models_dir)
    try:
        decided = read_json(decision_path)
        if decided["runner"] == "torch":
            return "torch"
        # one changed bit of a weight gives embeddings that look like any others
        with storing(path), path.open("rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        return "onnx" if (decided["runner"], decided["digest"]) == ("onnx", digest) else None
    except (StorageError, KeyError, TypeError):  # not decided yet, or damaged and decided anew
        return None


def exporter_digest() -> str:
    """Digest of the versions that shape an export."""
    from importlib.metadata import version

    return digest_of([EXPORT_VERSION, version("torch"), version("onnxruntime")])


def _write_all(stream: BinaryIO, data: bytes) -> None:
    stream.write(data)
