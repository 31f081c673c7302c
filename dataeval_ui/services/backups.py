"""A workspace in one file, taken while the server runs, and a workspace made of it again.

The file is a zip: `backup.json` (what it is), `catalog.sqlite` (the whole catalog, whatever database holds it), the
files of the workspace that cannot be made again, the key that signs links, and the password's hash. The catalog is
copied first: what it names was there before.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dataeval_ui.errors import InputError, StorageError
from dataeval_ui.store.catalog_base import now_utc
from dataeval_ui.store.durable import fsync_folder, storing, write_durably

if TYPE_CHECKING:
    from dataeval_ui.services.context import Services
    from dataeval_ui.types import Json

FORMAT = "dataeval-ui-backup"
VERSION = 1
FOLDERS = ("images", "embeddings", "manifests", "runs", "sources", "own-models")
"""Folders of the workspace that are taken: the others can be made again."""
FILES = ("secret.key", "password")
_CARD, _CATALOG = "backup.json", "catalog.sqlite"
_PACKED = (".json", ".sqlite", ".csv", ".txt")
_MAX_CARD_BYTES = 2**20
_UNFIT = re.compile(r"[\x00-\x1f\\:]|(^|/)\.{0,2}(/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a backup held."""

    n_files: int
    n_datasets: int
    n_runs: int
    n_decisions: int


def back_up(services: Services, out: Path) -> int:
    """Write a backup; the server and its worker may go on meanwhile.

    Every decision that was acknowledged before is in it, with every file of the runs that were finished before.

    Parameters
    ----------
    out : Path
        A file that is not there yet, outside the workspace. It holds the key that signs links: readable by you alone.

    Returns
    -------
    int
        Number of files of the workspace in it, without the catalog.

    Raises
    ------
    InputError
        `out` exists, or lies in the workspace.
    StorageError
        It cannot be written, or the disk is full; nothing is left of it then.
    """
    root = services.workspace.root
    if out.exists():
        raise InputError(f"{str(out)!r} exists. Name a new file.")
    if out.parent.resolve().is_relative_to(root.resolve()):
        raise InputError("A backup that lies in the workspace would be lost with it. Name a file elsewhere.")
    card = {"format": FORMAT, "version": VERSION, "workspace": str(root), "at": now_utc().isoformat()}
    n_files = 0

    def write(stream: BinaryIO) -> None:
        nonlocal n_files
        with zipfile.ZipFile(stream, "w", strict_timestamps=False) as archive:
            archive.writestr(_CARD, json.dumps(card, indent=1))
            archive.write(copy, _CATALOG, zipfile.ZIP_DEFLATED, 1)
            done: set[str] = set()
            while True:
                # parts are joined while the worker runs: where one is gone, look for the one that took its place
                names = [name for name in _files(root) if name not in done]
                if not names:
                    break
                for name in names:
                    done.add(name)
                    packed = zipfile.ZIP_DEFLATED if name.endswith(_PACKED) else zipfile.ZIP_STORED
                    with contextlib.suppress(FileNotFoundError):
                        archive.write(root / name, name, packed, 1)
                        n_files += 1

    with storing(out), tempfile.TemporaryDirectory(prefix=".backup-", dir=out.parent) as folder:
        copy = Path(folder) / _CATALOG
        services.catalog.write_copy(copy)
        write_durably(out, write, mode=0o600)
    return n_files


def _files(root: Path) -> Iterator[str]:
    """Name the files that a backup takes, with `/`; links and files that are still being written are left out."""
    for name in FILES:
        if (root / name).is_file():
            yield name
    for folder in FOLDERS:
        for place, _, names in os.walk(root / folder):
            for name in sorted(names):
                path = Path(place) / name
                if not name.endswith(".tmp") and not path.is_symlink() and path.is_file():
                    yield path.relative_to(root).as_posix()


def restore(services: Services, file: Path) -> Restored:
    """Fill an empty workspace from a backup.

    Datasets that were uploaded come along, and are found where they now lie; those of folders stay where they were.

    Raises
    ------
    InputError
        The workspace or its catalog is not empty, or the file is no backup.
    StorageError
        The backup is damaged or of a newer program, the disk is full; nothing of it is left in the workspace then.
    """
    root = services.workspace.root
    if not services.catalog.is_empty() or any(name not in FILES for name in _files(root)):
        raise InputError(
            f"The workspace {root} is not empty. Restore into a new one: dataeval-ui restore FILE --workspace DIR."
        )
    staged: Path | None = None
    try:
        with storing(file), zipfile.ZipFile(file) as archive:
            card = _checked(archive, root)
            with storing(root):
                staged = Path(tempfile.mkdtemp(prefix=".restore-", dir=root))
                n_files = _unpack(archive, staged)
        services.catalog.fill_from(staged / _CATALOG)
        _move_in(staged, root)
        _move_sources(services, str(card.get("workspace", "")))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise StorageError(f"{str(file)!r} is damaged or no backup: {error}. Nothing was restored.") from None
    finally:
        if staged is not None:
            shutil.rmtree(staged, ignore_errors=True)
    datasets = services.catalog.list_datasets()
    return Restored(
        n_files=n_files,
        n_datasets=len(datasets),
        n_runs=len(services.catalog.list_runs()),
        n_decisions=sum(len(services.catalog.list_decisions(dataset.id)) for dataset in datasets),
    )


def _checked(archive: zipfile.ZipFile, root: Path) -> Json:
    """Read the card, and see that every name is one that a backup has and that there is room; nothing is written."""
    names = [info.filename for info in archive.infolist()]
    if _CARD not in names or _CATALOG not in names or archive.getinfo(_CARD).file_size > _MAX_CARD_BYTES:
        raise InputError("This is no backup of a workspace: make one with dataeval-ui backup.")
    try:
        card = json.loads(archive.read(_CARD))
    except ValueError:
        card = None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise InputError("This is no backup of a workspace: make one with dataeval-ui backup.")
    if card.get("version") != VERSION:
        raise InputError("A newer DataEval UI has written this backup. Install that one to restore it.")
    for info in archive.infolist():
        name = info.filename
        fits = name in (_CARD, _CATALOG, *FILES) or ("/" in name and name.split("/")[0] in FOLDERS)
        is_file = stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG)
        if not fits or not is_file or _UNFIT.search(name) or (names.count(name) > 1 and name in (_CARD, _CATALOG)):
            raise InputError(f"This backup was changed: it holds {name[:80]!r}. Nothing was restored.")
    if len(set(names)) < len(names):
        raise InputError("This backup was changed: it holds a file twice. Nothing was restored.")
    n_bytes, free = sum(info.file_size for info in archive.infolist()), shutil.disk_usage(root).free
    if n_bytes > free:
        raise StorageError(f"The backup needs {n_bytes / 1e9:.1f} GB, and {root} has {free / 1e9:.1f} GB left.")
    return card


def _unpack(archive: zipfile.ZipFile, staged: Path) -> int:
    """Write every file below a folder of its own; each is checked against its checksum."""
    n_files = 0
    for info in archive.infolist():
        if info.filename == _CARD:
            continue
        path = staged / info.filename
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with archive.open(info) as source, open(path, "xb", opener=_private) as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            os.fsync(target.fileno())
        n_files += info.filename != _CATALOG
    return n_files


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _move_in(staged: Path, root: Path) -> None:
    """Put what was unpacked into its place, a rename a folder."""
    with storing(root):
        for name in FOLDERS:
            if (staged / name).is_dir():
                if (root / name).is_dir():
                    shutil.rmtree(root / name)  # holds no file
                (staged / name).rename(root / name)
        for name in FILES:
            if (staged / name).is_file():
                (staged / name).replace(root / name)
        fsync_folder(root)


def _move_sources(services: Services, before: str) -> None:
    """Let datasets whose files lay in the old workspace point into the new one."""
    root = str(services.workspace.root)
    if not before or before == root:
        return
    for dataset in services.catalog.list_datasets():
        changes = {
            name: root + value[len(before) :]
            for name in ("root", "source")
            if (value := getattr(dataset, name)).startswith(before + os.sep)
        }
        if changes:
            services.catalog.update_dataset(dataset.id, **changes)
