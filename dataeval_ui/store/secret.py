"""The workspace's secret, with which tokens and cookies are signed, and the owner's password as a hash."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
from typing import TYPE_CHECKING

from dataeval_ui.errors import StorageError
from dataeval_ui.store.durable import aside_name, fsync_folder, storing

if TYPE_CHECKING:
    from pathlib import Path

    from dataeval_ui.store.workspace import Workspace

SECRET_BYTES = 32


def workspace_secret(workspace: Workspace) -> bytes:
    """Return the workspace's 32 secret bytes; they are made at the first call, readable by this user alone.

    Raises
    ------
    StorageError
        The file is damaged, readable by others, or cannot be written.
    """
    return _secret(workspace.root / "secret.key")


@functools.cache
def _secret(path: Path) -> bytes:
    with storing(path):
        if not path.exists():
            _write_private(path, secrets.token_bytes(SECRET_BYTES), replace=False)
        secret = path.read_bytes()
        mode = path.stat().st_mode
    if len(secret) != SECRET_BYTES:
        raise StorageError(f"{path} is damaged. Remove it: a new one is made, and all links end.")
    if os.name == "posix" and mode & 0o077:
        raise StorageError(f"{path} can be read by others. Remove it: a new one is made, and all links end.")
    return secret


def read_password_hash(workspace: Workspace) -> str | None:
    """Return the hash of the owner's password; None where none is set."""
    path = workspace.root / "password"
    with storing(path):
        try:
            return path.read_text(encoding="ascii").strip() or None
        except FileNotFoundError:
            return None
        except ValueError:
            raise StorageError(f"{path} is damaged. Set the password anew: dataeval-ui password.") from None


def write_password_hash(workspace: Workspace, hashed: str | None) -> None:
    """Keep the hash of the owner's password, readable by this user alone; None removes it."""
    path = workspace.root / "password"
    with storing(path):
        if hashed is None:
            path.unlink(missing_ok=True)
        else:
            _write_private(path, hashed.encode("ascii") + b"\n", replace=True)


def _write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file that never had another mode; where two make it at once and `replace` is false, the first wins."""
    aside = aside_name(path)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    if replace:
        aside.replace(path)
    else:
        with contextlib.suppress(FileExistsError):
            os.link(aside, path)
        aside.unlink()
    fsync_folder(path.parent)
