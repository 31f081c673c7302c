"""Whether a process of this machine lives."""

from __future__ import annotations


def birth_of(pid: int) -> float:
    """Moment at which a process began, in seconds since 1970; with its id it names the process."""
    import psutil

    return float(psutil.Process(pid).create_time())


def lives(pid: int, *, birth: float | None = None) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not.

    Parameters
    ----------
    pid : int
    birth : float or None
        From `birth_of`: another process that got the same id later is told apart.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        if birth is not None and abs(process.create_time() - birth) > 1.0:
            return False
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # somebody else's, and alive
        return True
