"""What runs a network: torch on any device, ONNX Runtime on the CPU, behind one seam."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dataeval_ui.types import batches

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Preprocessing
    from dataeval_ui.types.base import Float32, UInt8


CPU_BATCH = 8
"""Images that a CPU computes at once: more gain nothing there, and each takes 12 MB of EfficientNet-Lite0."""


class Runner(Protocol):
    """A network that is ready to compute.

    `run` takes pixels of shape (n, px, px, 3), uint8, and gives (n, n_dims), float32. It raises MemoryError, whatever
    the library's own error is, where n images do not fit into memory.
    """

    def run(self, pixels: UInt8) -> Float32:
        """Compute one batch."""


class TorchRunner:
    """A network in torch, in channels-last order.

    Parameters
    ----------
    network : torch.nn.Module
        Takes normalised input.
    preprocessing : Preprocessing
    device : str
        "cpu", "cuda", "mps".
    n_threads : int

    Notes
    -----
    No automatic casting and no TF32: every device agrees with the CPU to about 1e-5, so that embeddings made on
    different machines stay comparable.
    """

    def __init__(
        self, network: torch.nn.Module, preprocessing: Preprocessing, *, device: str = "cpu", n_threads: int = 1
    ) -> None:
        import torch

        from dataeval_ui.embed.networks import from_pixels

        torch.set_num_threads(n_threads)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        self._device = device
        whole = from_pixels(network, preprocessing).to(device)
        self._network = whole.to(memory_format=torch.channels_last)

    def run(self, pixels: UInt8) -> Float32:
        """See `Runner`."""
        import torch

        try:
            with torch.inference_mode():
                output: Float32 = self._network(torch.from_numpy(pixels).to(self._device)).float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            if self._device == "cuda":
                torch.cuda.empty_cache()
            raise MemoryError(str(error)) from error
        except RuntimeError as error:  # the CPU's and MPS's allocators have no class of their own
            if "memory" in str(error).lower():
                raise MemoryError(str(error)) from error
            raise
        return output


class OnnxRunner:
    """An exported network in ONNX Runtime on the CPU.

    Parameters
    ----------
    model : Path or bytes
        The exported graph.
    n_threads : int
    """

    def __init__(self, model: Path | bytes, *, n_threads: int) -> None:
        self._session = open_session(model, n_threads=n_threads)

    def run(self, pixels: UInt8) -> Float32:
        """See `Runner`."""
        import numpy as np
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException

        try:
            output: Float32 = np.concatenate(
                [self._session.run(None, {"pixels": pixels[part]})[0] for part in batches(len(pixels), CPU_BATCH)]
            )
        except (Fail, RuntimeException) as error:
            if "alloc" in str(error).lower():
                raise MemoryError(str(error)) from error
            raise
        return output


def open_session(model: Path | bytes, *, n_threads: int) -> Any:
    """Open a graph in ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # idle threads would spin on the cores that the decoders need
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def choose_device() -> str:
    """Name the device for torch: "cuda" or "mps" where torch has one, else "cpu".

    Torch is imported only on a machine that looks as if it had an accelerator.
    """
    looks_nvidia = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    if not looks_nvidia and sys.platform != "darwin":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
