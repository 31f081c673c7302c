"""How much memory this process took at most."""

from __future__ import annotations

import sys
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak() -> None:
    """Start to measure the peak anew, where the system can: on Linux. Elsewhere it is that of the whole process."""
    try:
        _CLEAR.write_text("5")
    except OSError:
        return  # not Linux, or not allowed: `peak_bytes` is then an upper bound


def peak_bytes() -> int | None:
    """Return the largest resident memory of this process, decoders not counted; None where the system does not tell."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return _peak_elsewhere()
    kib = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
    return None if kib is None else int(kib) * 1024


def _peak_elsewhere() -> int | None:
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
