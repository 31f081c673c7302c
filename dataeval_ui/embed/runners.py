"""What runs a network: torch on any device, ONNX Runtime on the CPU, behind one seam."""

from __future__ import annotations

import copy
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from dataeval_ui.types import batches

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Preprocessing
    from dataeval_ui.types.base import Float32, UInt8

logger = logging.getLogger(__name__)

CPU_BATCH = 8
"""Images that a CPU computes at once: more gain nothing there, and each takes 12 MB of EfficientNet-Lite0."""
_WORTH_DOUBLING = 0.95


class Runner(Protocol):
    """A network that is ready to compute.

    `run` takes pixels of shape (n, px, px, 3), uint8, and gives (n, n_dims), float32. It raises MemoryError, whatever
    the library's own error is, where n images do not fit into memory.
    """

    def run(self, pixels: UInt8) -> Float32:
        """Compute one batch."""


@runtime_checkable
class FindsBatch(Protocol):
    """A runner that can tell how many images it takes best at once."""

    def find_batch(self, n_first: int, n_max: int) -> int:
        """Return the number of images to give `run` at once, at most `n_max`."""


class TorchRunner:
    """A network in torch, in channels-last order, on the CPU or on one or several other devices.

    Parameters
    ----------
    network : torch.nn.Module
        Takes normalised input.
    preprocessing : Preprocessing
    devices : tuple of str
        ("cpu",), ("mps",), or ("cuda:0", ...): a copy of the network on each, and a batch is divided between them.
    is_mixed : bool, default False
        Cast automatically to float16: about twice as fast on recent devices, at a cosine of at least 0.999.
    n_threads : int

    Notes
    -----
    Without automatic casting there is no TF32 either: every device agrees with the CPU to about 1e-5, so that
    embeddings made on different machines stay comparable. Pixels go to a CUDA device from pinned memory, which lets the
    copy run beside the computation; decoders work ahead in processes of their own meanwhile.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        preprocessing: Preprocessing,
        *,
        devices: tuple[str, ...] = ("cpu",),
        is_mixed: bool = False,
        n_threads: int = 1,
    ) -> None:
        import torch

        from dataeval_ui.embed.networks import from_pixels

        torch.set_num_threads(n_threads)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        self._devices = devices
        self._is_mixed = is_mixed
        self._input_px = preprocessing.input_px
        whole = from_pixels(network, preprocessing)
        copies = [whole, *(copy.deepcopy(whole) for _ in devices[1:])]
        self._networks = [
            one.to(device).to(memory_format=torch.channels_last) for one, device in zip(copies, devices, strict=True)
        ]
        self._pool = ThreadPoolExecutor(len(devices), thread_name_prefix="device") if len(devices) > 1 else None

    def run(self, pixels: UInt8) -> Float32:
        """See `Runner`."""
        import numpy as np

        n_each = max(1, -(-len(pixels) // len(self._devices)))
        shares = list(batches(len(pixels), n_each))
        if self._pool is None or len(shares) == 1:
            return self._run_on(0, pixels)
        parts = [self._pool.submit(self._run_on, place, pixels[share]) for place, share in enumerate(shares)]
        return np.concatenate([part.result() for part in parts])

    def find_batch(self, n_first: int, n_max: int) -> int:
        """Double the batch while each doubling makes an image cheaper by a twentieth; stop where memory runs out.

        On the CPU nothing is tried: larger batches gain nothing there.
        """
        import numpy as np

        if self._devices == ("cpu",):
            return n_first
        px = self._input_px
        n = min(n_first, n_max)
        cheapest = self._seconds_an_image(np.zeros((n, px, px, 3), np.uint8))
        while cheapest is None and n > 1:
            n //= 2
            cheapest = self._seconds_an_image(np.zeros((n, px, px, 3), np.uint8))
        while cheapest is not None and 2 * n <= n_max:
            cost = self._seconds_an_image(np.zeros((2 * n, px, px, 3), np.uint8))
            if cost is None or cost > _WORTH_DOUBLING * cheapest:
                break
            n, cheapest = 2 * n, cost
        return n

    def _seconds_an_image(self, pixels: UInt8) -> float | None:
        """Time a forward pass once it is warm; None where it does not fit into memory."""
        try:
            self.run(pixels)
            started = time.perf_counter()
            self.run(pixels)  # its result comes back to the CPU, which waits for the device
        except MemoryError:
            return None
        return (time.perf_counter() - started) / len(pixels)

    def _run_on(self, place: int, pixels: UInt8) -> Float32:
        import torch

        device = self._devices[place]
        kind = device.partition(":")[0]
        try:
            with torch.inference_mode(), torch.autocast(kind, enabled=self._is_mixed):
                inputs = torch.from_numpy(pixels)
                if kind == "cuda":
                    inputs = inputs.pin_memory().to(device, non_blocking=True)
                output: Float32 = self._networks[place](inputs.to(device)).float().cpu().numpy()
        except torch.OutOfMemoryError as error:
            if kind == "cuda":
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


def open_session(model: Path | bytes, *, n_threads: int, device: str = "cpu") -> Any:
    """Open a graph in ONNX Runtime.

    Parameters
    ----------
    model : Path or bytes
    n_threads : int
    device : str, default "cpu"
        A CUDA device is used where the installed ONNX Runtime can (onnxruntime-gpu); any other is the CPU.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # idle threads would spin on the cores that the decoders need
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers: list[Any] = ["CPUExecutionProvider"]
    if device.startswith("cuda"):
        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": int(device.partition(":")[2] or 0)}))
        else:
            logger.warning("This ONNX Runtime has no CUDA: the model runs on the CPU; install onnxruntime-gpu.")
    return onnxruntime.InferenceSession(model, options, providers=providers)
