"""Where a network is computed: what a user may ask for, and what is there."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from dataeval_ui.errors import ParameterError

logger = logging.getLogger(__name__)

Precision = Literal["full", "mixed"]
PRECISIONS: tuple[Precision, ...] = ("full", "mixed")
MIXED = "mixed"
"""`EmbeddingKey.numeric_type` of embeddings that were computed with automatic casting."""

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:(0|[1-9]\d{0,2}))?")
_LIST = "import torch; n = torch.cuda.device_count() if torch.cuda.is_available() else 0"
_LIST += "; print('devices:')"
_LIST += "; [print(f'cuda:{i}\\t{torch.cuda.get_device_name(i)}') for i in range(n)]"
_LIST += "; torch.backends.mps.is_available() and print('mps\\tApple GPU')"
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of this machine beside its CPU.

    Attributes
    ----------
    name : str
        "cuda:0", "mps".
    title : str
        What its maker calls it.
    """

    name: str
    title: str


def check_device(device: str, precision: str = "full") -> None:
    """Refuse what names no device; whether it is there is told when it is used.

    Raises
    ------
    ParameterError
        With what may be named.
    """
    if _DEVICE.fullmatch(device) is None:
        raise ParameterError(f"device must be auto, cpu, cuda, cuda:N or mps, got {device[:80]!r}.")
    if precision not in PRECISIONS:
        raise ParameterError(f"precision must be full or mixed, got {precision[:80]!r}.")


def choose_devices(device: str) -> tuple[str, ...]:
    """Name the devices that torch computes on.

    Parameters
    ----------
    device : str
        "auto" takes all CUDA devices, else MPS, else the CPU; "cuda" all CUDA devices.

    Returns
    -------
    tuple of str
        ("cpu",), ("mps",), or ("cuda:0", ...). Batches are divided between several.

    Raises
    ------
    ParameterError
        It names no device, or one that this machine lacks.

    Notes
    -----
    Torch is imported only on a machine that looks as if it had a device, or where one is asked for by name.
    """
    check_device(device)
    if device == "cpu" or (device == "auto" and not looks_accelerated()):
        return ("cpu",)
    import torch

    cuda = tuple(f"cuda:{i}" for i in range(torch.cuda.device_count())) if torch.cuda.is_available() else ()
    return select_devices(device, cuda=cuda, has_mps=torch.backends.mps.is_available())


def select_devices(device: str, *, cuda: tuple[str, ...], has_mps: bool) -> tuple[str, ...]:
    """Select from what is there; see `choose_devices`."""
    mps = ("mps",) if has_mps else ()
    match device:
        case "auto":
            return cuda or mps or ("cpu",)
        case "cuda" if cuda:
            return cuda
        case "mps" if mps:
            return mps
        case _ if device in cuda:
            return (device,)
    there = ", ".join(["cpu", *cuda, *mps])
    raise ParameterError(f"This machine has no device {device!r} that torch can use; it has {there}. Use auto.")


def computes_mixed(devices: tuple[str, ...], precision: str) -> bool:
    """Whether automatic casting applies: never on the CPU, where it gains nothing."""
    return precision == "mixed" and devices != ("cpu",)


def looks_accelerated() -> bool:
    """Whether it is worth asking torch: an NVIDIA driver, or a Mac."""
    has_driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    return has_driver or sys.platform == "darwin"


@lru_cache(maxsize=1)
def list_devices() -> tuple[Device, ...]:
    """List the devices beside the CPU, for a page to offer; asked in a process of its own, which keeps torch out.

    Found once a process. Empty where there is none or where none can be asked for.
    """
    if not looks_accelerated():
        return ()
    try:
        asked = subprocess.run(
            [sys.executable, "-P", "-c", _LIST], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("No device beside the CPU is offered, since torch cannot be asked: %s", error)
        return ()
    lines = asked.stdout.partition("devices:\n")[2].splitlines()
    return tuple(Device(name=name, title=title) for name, _, title in (line.partition("\t") for line in lines))
