"""The safe unpacking of zip and tar archives."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import secrets
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from dataeval_ui.data.labels import SPLIT_NAMES
from dataeval_ui.data.paths import is_litter, safe_member_path
from dataeval_ui.errors import SourceError, StorageError, UnsafeArchiveError
from dataeval_ui.settings import Settings
from dataeval_ui.types import Progress, Silent

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")

_CHUNK_BYTES = 2**20
_MAX_HEADER_BYTES = 8 * 2**20
_FREE_BYTES = 10 * 10**6  # the cap on the ratio starts here: small text packs a thousandfold and harms nobody


def is_archive(path: Path) -> bool:
    """Say whether a file is an archive that `unpack` reads, by its name."""
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


def unpack_once(archive: Path, sources: Path, *, settings: Settings, progress: Progress | None = None) -> Path:
    """Unpack an archive below `sources`, unless the same bytes were unpacked there before.

    Parameters
    ----------
    archive : Path
    sources : Path
        Folder of unpacked archives; made if it is missing. The archive's folder in it is named by its digest.
    settings : Settings
    progress : Progress, optional

    Returns
    -------
    Path
        The folder to list: the unpacked one, or the single folder in it that wraps everything.

    Raises
    ------
    SourceError, UnsafeArchiveError, StorageError, CancelledError
        As `unpack`.
    """
    progress = progress or Silent()
    target = sources / _digest_of_file(archive, progress)
    if not target.is_dir():
        with writing(target):
            sources.mkdir(parents=True, exist_ok=True)
            aside = sources / f".{target.name}.{secrets.token_hex(4)}"
            try:
                unpack(archive, aside, settings=settings, progress=progress)
                try:
                    aside.rename(target)
                except OSError:
                    if not target.is_dir():  # else another process was faster, with the same bytes
                        raise
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    return _without_wrapper(target)


def unpack(archive: Path, into: Path, *, settings: Settings, progress: Progress | None = None) -> int:
    """Unpack a zip or tar archive into a new folder.

    Hidden files and the litter of operating systems are left out. Archives inside the archive stay packed.

    Parameters
    ----------
    archive : Path
        Its kind is read from its first bytes, not from its name.
    into : Path
        Made here; must not exist.
    settings : Settings
        `max_archive_files`, `max_archive_bytes` and `max_archive_ratio`.
    progress : Progress, optional
        Told the packed bytes read so far, and asked for cancellation, at every megabyte.

    Returns
    -------
    int
        Number of files written.

    Raises
    ------
    UnsafeArchiveError
        A name that `safe_member_path` refuses, a link, a device, a name that comes twice, too many files or bytes.
    SourceError
        No archive, an encrypted or a damaged one.
    StorageError
        The disk is full or cannot be written. The caller removes what was written: `unpack_once` does.
    CancelledError
        The user cancelled.
    """
    writer = _Writer(into, _size_of(archive), settings, progress or Silent())
    with _reading(archive):
        kind = _kind_of(archive)
        if kind == "zip":
            _unpack_zip(archive, writer)
        else:
            _unpack_tar(archive, kind, writer)
    if not writer.n_files:
        raise SourceError(f"The archive {archive.name} holds no files: pack the folder of images and try again.")
    return writer.n_files


class _Writer:
    """Writes members below a folder and counts what they cost."""

    def __init__(self, into: Path, n_packed: int, settings: Settings, progress: Progress) -> None:
        self.into, self.n_packed, self.settings, self.progress = into, n_packed, settings, progress
        self.n_files = 0
        self.n_bytes = 0
        with writing(into):
            into.mkdir(parents=True)

    def count(self, n_bytes: int) -> None:
        """Add unpacked bytes, and refuse too many."""
        self.n_bytes += n_bytes
        self.check(self.n_bytes)

    def check(self, n_bytes: int) -> None:
        """Refuse an archive that comes to so many bytes."""
        most = self.settings.max_archive_bytes
        if n_bytes > most:
            raise UnsafeArchiveError(
                f"The archive unpacks to more than {most:,} bytes: unpack it yourself and give the folder, or raise "
                "max_archive_bytes."
            )
        ratio = self.settings.max_archive_ratio
        if n_bytes > _FREE_BYTES and n_bytes > ratio * self.n_packed:
            raise UnsafeArchiveError(
                f"The archive unpacks to more than {ratio} times its size, as no archive of images does: unpack it "
                "yourself and give the folder, or raise max_archive_ratio."
            )

    def place(self, name: str) -> Path | None:
        """Find where a file goes; None for litter."""
        path = safe_member_path(name)
        if any(is_litter(part) for part in path.parts):
            return None
        self.n_files += 1
        self.check_files(self.n_files)
        return self.into / path

    def check_files(self, n_files: int) -> None:
        """Refuse an archive of so many files."""
        if n_files > self.settings.max_archive_files:
            raise UnsafeArchiveError(
                f"The archive holds more than {self.settings.max_archive_files:,} files: unpack it yourself and give "
                "the folder, or raise max_archive_files."
            )

    def write(self, target: Path, source: IO[bytes], *, metered: bool) -> None:
        """Copy a member into its file, which must be new."""
        with writing(target):
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                file = target.open("xb")
            except (FileExistsError, NotADirectoryError):
                shown = target.relative_to(self.into).as_posix()
                raise UnsafeArchiveError(
                    f"The archive holds {shown!r} twice: pack each file under a name of its own."
                ) from None
        with file:
            while chunk := _read(source):
                if not metered:
                    self.count(len(chunk))
                self.progress.check_cancelled()
                with writing(target):
                    file.write(chunk)
            with writing(target):
                file.flush()


def _read(source: IO[bytes]) -> bytes:
    return source.read(_CHUNK_BYTES)


def _unpack_zip(archive: Path, writer: _Writer) -> None:
    with zipfile.ZipFile(archive) as packed:
        members = [member for member in packed.infolist() if not member.is_dir()]
        writer.check_files(len(members))
        writer.check(sum(member.file_size for member in members))
        n_done = 0
        for member in members:
            if member.flag_bits & 0x1:
                raise SourceError(f"The archive {archive.name} is encrypted: unpack it yourself and give the folder.")
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) and not stat.S_ISREG(mode):
                raise UnsafeArchiveError(
                    f"The archive holds {member.filename!a}, a link or device: pack plain files alone."
                )
            target = writer.place(member.filename)
            if target is not None:
                with packed.open(member) as source:
                    writer.write(target, source, metered=False)
            n_done += member.compress_size
            writer.progress.report("read", n_done, writer.n_packed)


def _unpack_tar(archive: Path, kind: str, writer: _Writer) -> None:
    with archive.open("rb") as raw, _OPENERS[kind](raw) as unpacked:
        meter = _Meter(unpacked, writer)
        with tarfile.open(fileobj=meter, mode="r:") as packed:
            for member in packed:
                packed.members = []  # type: ignore[attr-defined]  # tarfile keeps every header otherwise
                if member.isdir():
                    continue
                if not member.isreg():
                    raise UnsafeArchiveError(
                        f"The archive holds {member.name!a}, a link or device: pack plain files alone."
                    )
                target = writer.place(_unicode_name(member.name))
                source = packed.extractfile(member)
                if target is not None and source is not None:
                    # A sparse file's zeros are not in the archive, so they are counted here.
                    writer.write(target, source, metered=not member.issparse())
                writer.progress.report("read", min(raw.tell(), writer.n_packed), writer.n_packed)


def _unicode_name(name: str) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # bytes that are no UTF-8: Latin-1 shows them all
        return name.encode("utf-8", "surrogateescape").decode("latin-1")
    return name


class _Meter(io.RawIOBase):
    """Decompressed bytes on their way to `tarfile`, which would read a header of any length into memory."""

    def __init__(self, stream: Any, writer: _Writer) -> None:
        self._stream, self._writer, self._furthest = stream, writer, 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise UnsafeArchiveError("The archive has a header of many megabytes: pack it anew with another program.")
        data: bytes = self._stream.read(size)
        self._count()
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        # Skipping a member decompresses it, so go in steps and look at the count after each.
        if whence != os.SEEK_SET:
            raise io.UnsupportedOperation("only from the start")
        while (here := self._stream.tell()) + _MAX_HEADER_BYTES < offset:
            if not self._stream.read(_MAX_HEADER_BYTES):
                return int(here)
            self._count()
            self._writer.progress.check_cancelled()
        position: int = self._stream.seek(offset)
        self._count()
        return position

    def tell(self) -> int:
        position: int = self._stream.tell()
        return position

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def _count(self) -> None:
        here = self._stream.tell()
        if here > self._furthest:
            self._writer.count(here - self._furthest)
            self._furthest = here


def _open_zstd(raw: IO[bytes]) -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # Python 3.14
    except ImportError:
        raise SourceError(
            "Zstandard archives need Python 3.14 or later: unpack it yourself and give the folder, or pack a zip."
        ) from None
    return zstd.open(raw)


def _open_plain(raw: IO[bytes]) -> Any:
    return raw


_OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    "tar": _open_plain,
    "gz": lambda raw: gzip.GzipFile(fileobj=raw),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "zst": _open_zstd,
}
_MAGIC = ((b"\x1f\x8b", "gz"), (b"BZh", "bz2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zst"))


def _kind_of(archive: Path) -> str:
    if zipfile.is_zipfile(archive):
        return "zip"
    with archive.open("rb") as file:
        head = file.read(8)
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), "tar")


def _size_of(archive: Path) -> int:
    with _reading(archive):
        return archive.stat().st_size


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    try:
        yield
    except (StorageError, UnsafeArchiveError, SourceError):
        raise
    except NotImplementedError as error:
        raise SourceError(
            f"The archive {archive.name} is packed by a method that Python cannot read ({error}): pack it anew."
        ) from None
    except RuntimeError as error:  # zipfile's answer to a password that only the local header asks for
        raise SourceError(f"The archive {archive.name} cannot be unpacked: {error}.") from None
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, OSError) as error:
        detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise SourceError(
            f"The archive {archive.name} cannot be read ({detail or 'damaged'}): pack or copy it anew."
        ) from None


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn what the disk raises into a StorageError about `target`."""
    try:
        yield
    except (StorageError, UnsafeArchiveError, SourceError):
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"The disk of {target.parent} is full: free some space, or choose another workspace."
            ) from None
        raise StorageError(f"{target} cannot be written: {error.strerror}.") from None


def _digest_of_file(path: Path, progress: Progress) -> str:
    import xxhash

    digest = xxhash.xxh3_128()
    with _reading(path), path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            progress.check_cancelled()
    return digest.hexdigest()


def _without_wrapper(folder: Path) -> Path:
    """Step into the one folder that wraps everything (`dataset/cat/1.png`), unless it may be a class or a split."""
    entries = list(folder.iterdir())
    if len(entries) == 1 and entries[0].is_dir() and entries[0].name.lower() not in SPLIT_NAMES:
        inner = list(entries[0].iterdir())
        if any(entry.is_dir() for entry in inner):
            return entries[0]
    return folder
