"""Datasets that a browser sends: files under names of a stranger's, written aside until all have come."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dataeval_ui.errors import InputError, StorageError, UnknownNameError
from dataeval_ui.settings import Settings

ABANDONED_S = 6 * 3600.0
"""An upload that nothing was written to for so long is not coming."""

SPARE_BYTES = 256 * 2**20
"""Disk space that an upload leaves free."""

MAX_OPEN = 64
"""Uploads under way at once."""

_ID = re.compile(r"[0-9a-f]{32}")


def uploads_dir(settings: Settings) -> Path:
    """Folder of all uploads."""
    return settings.workspace / "sources" / "uploads"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSummary:
    """A finished upload.

    Attributes
    ----------
    upload_id : str
    n_files, n_bytes : int
        Kept; hidden files and the litter of operating systems are not.
    """

    upload_id: str
    n_files: int
    n_bytes: int


def begin_upload(settings: Settings) -> str:
    """Make room for a new upload and name it.

    Raises
    ------
    StorageError
        The workspace cannot be written, or too many uploads are under way.
    """
    remove_abandoned(settings)
    if sum(1 for _ in uploads_dir(settings).glob(".partial-*")) >= MAX_OPEN:
        raise StorageError(f"{MAX_OPEN} uploads are under way already. Wait until one ends, or start the server anew.")
    upload_id = secrets.token_hex(16)
    try:
        _partial(settings, upload_id).mkdir(parents=True)
    except OSError as error:
        raise StorageError(f"{uploads_dir(settings)} cannot be written: {error.strerror}.") from None
    return upload_id


def _partial(settings: Settings, upload_id: str) -> Path:
    return uploads_dir(settings) / f".partial-{upload_id}"


class UploadWriter:
    """Writes the files of one upload, in as many pieces as they come.

    Parameters
    ----------
    settings : Settings
        `max_upload_bytes`, `max_archive_files`, `workspace`.
    upload_id : str
        From `begin_upload`.

    Raises
    ------
    UnknownNameError
        No such upload, or one that has ended.
    """

    def __init__(self, settings: Settings, upload_id: str) -> None:
        self.settings = settings
        self.upload_id = upload_id
        self.folder = _open_partial(settings, upload_id)
        self.n_files, self.n_bytes = _measure(self.folder)

    def check_room(self, n_bytes: int) -> None:
        """Refuse bytes that will not fit, before they are sent.

        Raises
        ------
        InputError
            More than an upload may have.
        StorageError
            More than the disk has.
        """
        if self.n_bytes + n_bytes > self.settings.max_upload_bytes:
            raise InputError(
                f"An upload has at most {self.settings.max_upload_bytes:,} bytes (max_upload_bytes). Give the server "
                "the folder's path instead."
            )
        if shutil.disk_usage(self.folder).free < n_bytes + SPARE_BYTES:
            raise StorageError("The server's disk has no room for this upload. Free some space and try again.")

    def create(self, name: str) -> BinaryIO | None:
        """Open a file for one name that the browser sent.

        Returns
        -------
        file or None
            None for litter, whose bytes are to be passed over.

        Raises
        ------
        UnsafeArchiveError
            A name that leaves its folder.
        InputError
            A name that came twice, or too many files.
        """
        from dataeval_ui.data.paths import is_litter, safe_member_path

        path = safe_member_path(name)
        if any(is_litter(part) for part in path.parts):
            return None
        if self.n_files >= self.settings.max_archive_files:
            raise InputError(f"An upload has at most {self.settings.max_archive_files:,} files (max_archive_files).")
        target = self.folder.joinpath(*path.parts)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            file = target.open("xb")
        except (FileExistsError, NotADirectoryError):
            raise InputError(f"The name {name[:120]!r} came twice. Rename one of the two files.") from None
        except OSError as error:
            raise StorageError(f"{name[:120]!r} cannot be written: {error.strerror}.") from None
        self.n_files += 1
        return file

    def wrote(self, n_bytes: int) -> None:
        """Count bytes that were written, and refuse them beyond the limit, whatever was announced."""
        self.n_bytes += n_bytes
        if self.n_bytes > self.settings.max_upload_bytes:
            self.check_room(0)


def finish_upload(settings: Settings, upload_id: str) -> UploadSummary:
    """Give an upload its final name. From now on it is a source.

    Raises
    ------
    InputError
        Nothing was sent.
    UnknownNameError
        No such upload.
    """
    folder = _open_partial(settings, upload_id)
    n_files, n_bytes = _measure(folder)
    if n_files == 0:
        raise InputError("No file was sent. Hidden files are left out; give images, a folder of them, or an archive.")
    folder.rename(uploads_dir(settings) / upload_id)
    return UploadSummary(upload_id=upload_id, n_files=n_files, n_bytes=n_bytes)


def cancel_upload(settings: Settings, upload_id: str) -> None:
    """Remove what came of an upload. Nothing happens for one that is not under way."""
    if _ID.fullmatch(upload_id):
        shutil.rmtree(_partial(settings, upload_id), ignore_errors=True)


def source_of_upload(settings: Settings, upload_id: str) -> Path:
    """Return what to list as a dataset: the archive, table or folder that was sent.

    Raises
    ------
    UnknownNameError
        No such upload, or one that has not ended.
    """
    folder = uploads_dir(settings) / upload_id
    if not _ID.fullmatch(upload_id) or not folder.is_dir():
        raise UnknownNameError("upload", upload_id, ())
    entries = sorted(folder.iterdir())
    return entries[0] if len(entries) == 1 else folder


def remove_abandoned(settings: Settings, *, now: float | None = None) -> int:
    """Remove uploads that have not ended and that nothing was written to for `ABANDONED_S`; return how many."""
    now = time.time() if now is None else now
    n_removed = 0
    for folder in uploads_dir(settings).glob(".partial-*"):
        newest = max((entry.stat().st_mtime for entry in [folder, *folder.rglob("*")]), default=0.0)
        if now - newest > ABANDONED_S:
            shutil.rmtree(folder, ignore_errors=True)
            n_removed += 1
    return n_removed


def _open_partial(settings: Settings, upload_id: str) -> Path:
    folder = _partial(settings, upload_id)
    if not _ID.fullmatch(upload_id) or not folder.is_dir():
        raise UnknownNameError("upload", upload_id, ())
    return folder


def _measure(folder: Path) -> tuple[int, int]:
    n_files = n_bytes = 0
    for root, _, names in os.walk(folder):
        for name in names:
            n_files += 1
            n_bytes += Path(root, name).lstat().st_size
    return n_files, n_bytes
