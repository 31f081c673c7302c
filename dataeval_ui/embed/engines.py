"""Which engine runs a network: the one place where that is decided, for every family and every source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataeval_ui.embed.devices import MIXED, choose_devices, computes_mixed
from dataeval_ui.embed.export_process import export_aside
from dataeval_ui.embed.onnx import is_decided, open_cpu_runner
from dataeval_ui.embed.runners import TorchRunner

if TYPE_CHECKING:
    import torch

    from dataeval_ui.embed.checkpoints import Checkpoint
    from dataeval_ui.embed.runners import Runner
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.workspace import Workspace
    from dataeval_ui.types import Backbone, EmbeddingKey


def numeric_type_of(backbone: Backbone, settings: Settings) -> str:
    """Tell what numbers a network is computed in here: "float32", or "mixed"; part of the embedding key.

    Raises
    ------
    ParameterError
        Mixed precision on a device that this machine lacks.
    """
    if settings.precision == "full" or backbone.source in ("onnx", "exported"):
        return "float32"
    return MIXED if computes_mixed(choose_devices(settings.device), settings.precision) else "float32"


def open_engine(
    backbone: Backbone, key: EmbeddingKey, checkpoint: Checkpoint, *, workspace: Workspace, settings: Settings
) -> Runner:
    """Open a backbone in the fastest engine of this machine that gives torch's own numbers.

    On the CPU that is ONNX Runtime, where its export agrees with torch, and torch otherwise; on CUDA and MPS torch. An
    own ONNX file runs in ONNX Runtime, and an own `torch.export` file in torch on the CPU: its graph names the device
    that it was made on.
    """

    def load() -> torch.nn.Module:
        from dataeval_ui.embed.networks import load_network

        return load_network(backbone, checkpoint.path)

    n_threads, preprocessing = settings.n_threads, backbone.preprocessing
    devices = choose_devices(settings.device)
    if backbone.source == "onnx":
        from dataeval_ui.embed.onnx_model import OnnxModelRunner

        return OnnxModelRunner(
            checkpoint.path,
            preprocessing,
            output=backbone.output,
            pooling=backbone.pooling,
            n_threads=n_threads,
            device=devices[0],
        )
    if backbone.source == "exported":
        return TorchRunner(load(), preprocessing, n_threads=n_threads)
    if devices != ("cpu",):
        is_mixed = key.numeric_type == MIXED
        return TorchRunner(load(), preprocessing, devices=devices, is_mixed=is_mixed, n_threads=n_threads)
    models_dir = workspace.models_dir
    if not is_decided(key, models_dir=models_dir):
        export_aside(backbone, checkpoint, models_dir=models_dir, n_threads=n_threads)
    return open_cpu_runner(load, key=key, preprocessing=preprocessing, models_dir=models_dir, n_threads=n_threads)
