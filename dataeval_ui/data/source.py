"""The listing of whatever the user points at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from dataeval_ui.data.archive import ARCHIVE_SUFFIXES, is_archive, unpack_once
from dataeval_ui.data.folder import list_folder
from dataeval_ui.data.paths import check_allowed, resolve_roots
from dataeval_ui.data.table import TABLE_SUFFIXES, list_table
from dataeval_ui.errors import SourceError
from dataeval_ui.settings import Settings
from dataeval_ui.types import LabelRule, Listing, Progress


def list_source(
    source: str | Path,
    *,
    rule: LabelRule,
    settings: Settings,
    workspace_sources: Path | None = None,
    allowed_roots: Sequence[Path] | None = None,
    progress: Progress | None = None,
) -> Listing:
    """List the places of a folder, an archive or a table, without reading an image.

    Parameters
    ----------
    source : str or Path
        A folder, a zip or tar archive, or a CSV or Parquet file; `~` is the home folder.
    rule : LabelRule
    settings : Settings
    workspace_sources : Path, optional
        Where archives are unpacked; default: `sources` in the workspace.
    allowed_roots : sequence of Path, optional
        Folders of which one must hold the source and every file, by their resolved paths. None allows everything.
    progress : Progress, optional
        Asked for cancellation.

    Returns
    -------
    Listing
        In the order of the paths' bytes: the same files give the same listing.

    Raises
    ------
    SourceError
        There is no such source, it is of no known kind, or it holds no images.
    AccessDeniedError
        The source, or a file that a table names, is outside the allowed roots.
    UnsafeArchiveError
        See `dataeval_ui.data.archive.unpack`.
    UnknownNameError, ParameterError
        The rule names a column or a level that cannot be.
    StorageError
        An archive cannot be unpacked to disk.
    CancelledError
        The user cancelled.
    """
    if "\0" in str(source) or not str(source):
        raise SourceError("The path of the source is empty or holds a NUL character: give a folder, archive or table.")
    path = Path(source).expanduser()
    roots = resolve_roots(allowed_roots)
    check_allowed(os.path.realpath(path), roots)
    if path.is_dir():
        return list_folder(path, rule=rule, allowed_roots=roots, progress=progress)
    if not path.exists():
        raise SourceError(f"There is no file or folder {path}: check the path.")
    if not path.is_file():
        raise SourceError(f"{path} is neither a file nor a folder: give a folder, archive or table.")
    if path.suffix.lower() in TABLE_SUFFIXES:
        return list_table(path, rule=rule, allowed_roots=roots)
    if is_archive(path):
        sources = workspace_sources or settings.workspace / "sources"
        folder = unpack_once(path, sources, settings=settings, progress=progress)
        return list_folder(folder, rule=rule, progress=progress)
    kinds = ", ".join((*ARCHIVE_SUFFIXES[:4], *TABLE_SUFFIXES))
    raise SourceError(f"{path} is no source of images: give a folder, or a file that ends in {kinds}.")
