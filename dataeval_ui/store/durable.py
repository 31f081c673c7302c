"""Files that are there whole or not at all, also after a kill or a power cut."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from dataeval_ui.errors import StorageError
from dataeval_ui.store.processes import lives
from dataeval_ui.types import Json, digest_of

logger = logging.getLogger(__name__)

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_LEFTOVER = re.compile(r"^\..+\.(?P<host>[0-9a-f]{8})\.(?P<pid>\d+)\.[0-9a-f]{8}\.tmp$")
_DAY_S = 86_400.0


def storage_error(path: Path | str, error: OSError) -> StorageError:
    """Turn the system's error into the sentence that a user can act on."""
    if error.errno in _FULL:
        return StorageError(
            f"The disk of {path} is full or its quota is reached. Free some space and run again: "
            "what was committed stays."
        )
    if isinstance(error, PermissionError):
        return StorageError(f"{path} cannot be written or read: permission denied. Check the owner of the workspace.")
    return StorageError(
        f"{path} cannot be written or read: {error.strerror or error}. Check its disk, or choose another workspace."
    )


@contextlib.contextmanager
def storing(path: Path | str) -> Iterator[None]:
    """Raise StorageError in place of an OSError that is met inside."""
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise storage_error(path, error) from error


def aside_name(path: Path) -> Path:
    """Name beside `path` for a file still being written; `remove_leftovers` knows it by its host and process."""
    return path.with_name(f".{path.name}.{_host()}.{os.getpid()}.{secrets.token_hex(4)}.tmp")


def write_durably(path: Path, write: Callable[[BinaryIO], None], *, mode: int = 0o666) -> None:
    """Write a file aside, flush it to the disk, rename it into place and flush the folder.

    Parameters
    ----------
    path : Path
        An earlier file of that name is replaced. Its folder must exist.
    write : callable
        Gets the open file.
    mode : int
        Who may read and write it, less what the process's mask takes away.

    Raises
    ------
    StorageError
        The disk is full or cannot be written. Nothing is left behind and an earlier file stands unchanged.
    """
    aside = aside_name(path)
    try:
        with storing(path):
            with open(aside, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            aside.replace(path)
            fsync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def write_json_durably(path: Path, value: Json | list[Any]) -> None:
    """Write a JSON file by `write_durably`; equal values give equal bytes."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_durably(path, lambda stream: _write_all(stream, text.encode()))


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    StorageError
        The file is missing, cannot be read or is damaged.
    """
    with storing(path):
        raw = path.read_bytes()
    try:
        return json.loads(raw)
    except ValueError:
        raise StorageError(f"{path} is damaged: it is no JSON. Remove it and run again.") from None


def fsync_folder(folder: Path) -> None:
    """Flush a folder, so that a rename in it outlives a power cut."""
    if os.name == "nt":  # folders cannot be opened there, and a rename is written through
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> int:
    """Remove files that a killed process of this machine was still writing; those of a live one stay.

    Returns
    -------
    int
        Number of files removed.
    """
    n_removed = 0
    for path in folder.glob(".*.tmp"):
        if (match := _LEFTOVER.match(path.name)) is None:
            continue
        with contextlib.suppress(FileNotFoundError):
            gone = match["host"] == _host() and not lives(int(match["pid"]))
            if gone or time.time() - path.stat().st_mtime > _DAY_S:
                path.unlink()
                n_removed += 1
    return n_removed


def _write_all(stream: BinaryIO, data: bytes) -> None:
    stream.write(data)


def _host() -> str:
    return digest_of(socket.gethostname(), n_chars=8)
