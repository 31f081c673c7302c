"""Which names are safe, which are litter, and what lies inside a root."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from dataeval_ui.errors import AccessDeniedError, SourceError, UnsafeArchiveError

MAX_PART_BYTES = 255
MAX_PATH_BYTES = 1024
MAX_PARTS = 64
"""Each folder costs a block of the disk: 600 kB of names once made 147,000 folders."""

_DRIVE = re.compile(r"^[A-Za-z]:")
_LITTER = frozenset(
    {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "system volume information", "@eadir"}
)
_SIDECAR_SUFFIXES = frozenset(
    {".csv", ".tsv", ".parquet", ".xlsx", ".txt", ".md", ".rst", ".log", ".pdf", ".doc", ".docx", ".html", ".htm"}
    | {".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".css", ".js", ".py", ".ipynb", ".sh"}
    | {".md5", ".sha256"}
)
_SIDECAR_NAMES = frozenset({"readme", "license", "licence", "copying", "authors", "notice", "changelog", "makefile"})


def safe_member_path(name: str) -> PurePosixPath:
    r"""Turn the name of an archive's member or of an upload into a path below a folder of our own.

    Backslashes become slashes, and empty and `.` parts are dropped. Names that Windows reserves (`CON`, `aux.png`) and
    colons behind the first two characters pass: only Windows refuses them, when the file is made.

    Parameters
    ----------
    name : str
        As the archive or the browser wrote it; hostile.

    Returns
    -------
    PurePosixPath
        Relative, at least one part long, without `..`.

    Raises
    ------
    UnsafeArchiveError
        The name is absolute, has a drive letter, a `..` part, a NUL or bytes that are no Unicode, is empty, or is
        longer than 1024 bytes (255 bytes for a part) or more than 64 parts deep.
    """
    shown = ascii(name if len(name) <= 80 else name[:77] + "...")
    path = name.replace("\\", "/")
    try:
        n_bytes = len(path.encode("utf-8"))
    except UnicodeEncodeError:
        raise UnsafeArchiveError(f"The name {shown} is not Unicode: rename the file and try again.") from None
    if "\0" in path:
        raise UnsafeArchiveError(f"The name {shown} holds a NUL character: rename the file and try again.")
    if path.startswith("/") or _DRIVE.match(path):
        raise UnsafeArchiveError(f"The name {shown} is absolute: pack the files with relative names.")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UnsafeArchiveError(f"The name {shown} leaves its folder: pack the files without '..' in their names.")
    if not parts:
        raise UnsafeArchiveError(f"The name {shown} is empty: name the file and try again.")
    if n_bytes > MAX_PATH_BYTES or any(len(part.encode("utf-8")) > MAX_PART_BYTES for part in parts):
        raise UnsafeArchiveError(
            f"The name {shown} is longer than {MAX_PATH_BYTES} bytes, or {MAX_PART_BYTES} for one part: shorten it."
        )
    if len(parts) > MAX_PARTS:
        raise UnsafeArchiveError(f"The name {shown} is more than {MAX_PARTS} folders deep: pack the files flatter.")
    if _DRIVE.match(parts[0]):  # "./C:evil" was no drive before its dot was dropped
        raise UnsafeArchiveError(f"The name {shown} is absolute: pack the files with relative names.")
    return PurePosixPath(*parts)


def source_path(source: str | Path) -> Path:
    """Read the path of a source as a user writes it; a leading `~` is the home folder.

    Raises
    ------
    SourceError
        It is empty, holds a NUL, or names the home folder of nobody.
    """
    if "\0" in str(source) or not str(source).strip():
        raise SourceError("The path of the source is empty or holds a NUL character: give a folder, archive or table.")
    try:
        return Path(source).expanduser()
    except RuntimeError:
        raise SourceError(
            f"{source} names the home folder of a user whom this machine lacks: check the path."
        ) from None


def is_litter(name: str) -> bool:
    """Say whether a file or folder is hidden, or something that an operating system leaves behind."""
    return name.startswith(".") or name.lower() in _LITTER


def is_sidecar(name: str) -> bool:
    """Say whether a file is text or a table that goes along with images, by its name alone."""
    stem, dot, suffix = name.lower().rpartition(".")
    return dot + suffix in _SIDECAR_SUFFIXES if stem else name.lower() in _SIDECAR_NAMES


def is_unicode(name: str) -> bool:
    """Say whether a name that the system gave is text; bytes that are no UTF-8 come as lone surrogates."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str) -> str:
    r"""Show bytes that are no UTF-8 as `\xe9`; other names stay as they are."""
    return name if is_unicode(name) else os.fsencode(name).decode("utf-8", "backslashreplace")


def is_within(path: str, root: str) -> bool:
    """Say whether a resolved path is a resolved root or lies below it."""
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def resolve_roots(allowed_roots: Sequence[Path] | None) -> list[str] | None:
    """Resolve the allowed roots once; None allows everything."""
    if allowed_roots is None:
        return None
    return [os.path.realpath(root.expanduser()) for root in allowed_roots]


def check_allowed(path: str, roots: Sequence[str] | None) -> None:
    """Refuse a resolved path that lies under none of the resolved roots.

    Raises
    ------
    AccessDeniedError
        With one sentence that says how to allow it.
    """
    if roots is None or any(is_within(path, root) for root in roots):
        return
    raise AccessDeniedError(
        f"{path} is outside the folders that this server may read ({', '.join(roots) or 'none'}): move it there, or "
        "start the server with its folder among the data roots (DATAEVAL_UI_DATA_ROOTS)."
    )
