"""The listing of whatever the user points at."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from dataeval_ui.data.archive import ARCHIVE_SUFFIXES, is_archive, unpack_once
from dataeval_ui.data.coco import find_coco_files, list_coco
from dataeval_ui.data.folder import list_folder
from dataeval_ui.data.huggingface import identity_of, list_written, write_images, written_folder
from dataeval_ui.data.huggingface_shards import find_shards, hub_shards, is_hub_name
from dataeval_ui.data.paths import check_allowed, resolve_roots, source_path
from dataeval_ui.data.recognise import recognise
from dataeval_ui.data.table import TABLE_SUFFIXES, list_table
from dataeval_ui.data.voc import find_voc, list_voc
from dataeval_ui.data.yolo import find_yolo_yaml, list_yolo
from dataeval_ui.errors import NoImagesError, SourceError
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
        A folder, a zip or tar archive, a CSV or Parquet file, a COCO `.json`, a YOLO `.yaml`, or `hf://owner/name` for
        a dataset of the hub; `~` is the home folder.
    rule : LabelRule
        Its `format` says how annotations are written; "auto" tells by what lies there.
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
    path = source_path(source)
    sources = workspace_sources or settings.workspace / "sources"
    if is_hub_name(str(source)):
        return _list_hub(str(source), sources, rule=rule, settings=settings, progress=progress)
    roots = resolve_roots(allowed_roots)
    check_allowed(os.path.realpath(path), roots)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"There is no file or folder {path}: check the path.") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be opened ({error.strerror}): check the path and its rights.") from None
    if stat.S_ISDIR(mode):
        return _list_any_folder(path, sources, rule=rule, settings=settings, roots=roots, progress=progress)
    if not stat.S_ISREG(mode):
        raise SourceError(f"{path} is neither a file nor a folder: give a folder, archive or table.")
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _list_json(path, rule=rule, roots=roots, progress=progress)
    if suffix in (".yaml", ".yml"):
        check_allowed(os.path.realpath(path.parent), roots)  # the file may be a link to a place inside them
        return list_yolo(os.path.realpath(path.parent), rule=rule, yaml_name=path.name, progress=progress)
    if suffix == ".parquet" and rule.format in ("auto", "huggingface") and find_shards(path):
        return _list_saved(path, sources, rule=rule, settings=settings, roots=roots, progress=progress)
    if suffix in TABLE_SUFFIXES:
        return list_table(path, rule=rule, allowed_roots=roots)
    if is_archive(path):
        folder = unpack_once(path, sources, settings=settings, progress=progress)
        try:
            return _list_any_folder(folder, sources, rule=rule, settings=settings, roots=None, progress=progress)
        except NoImagesError:  # named by the archive: the folder that it is unpacked to is not the user's
            raise NoImagesError(
                f"The archive {path.name} holds no images: pack image files, or folders of them."
            ) from None
    kinds = ", ".join((*ARCHIVE_SUFFIXES[:4], *TABLE_SUFFIXES))
    raise SourceError(f"{path} is no source of images: give a folder, or a file that ends in {kinds}.")


def _list_any_folder(
    folder: Path,
    sources: Path,
    *,
    rule: LabelRule,
    settings: Settings,
    roots: Sequence[str] | None,
    progress: Progress | None,
) -> Listing:
    root = os.path.realpath(folder)
    match recognise(folder) if rule.format == "auto" else rule.format:
        case "coco":
            return list_coco(root, rule=rule, names=find_coco_files(root), progress=progress)
        case "yolo":
            return list_yolo(root, rule=rule, yaml_name=find_yolo_yaml(root), progress=progress)
        case "voc":
            return list_voc(root, rule=rule, folder=find_voc(root), progress=progress)
        case "huggingface":
            return _list_saved(folder, sources, rule=rule, settings=settings, roots=roots, progress=progress)
        case _:
            return list_folder(folder, rule=rule, allowed_roots=roots, progress=progress)


def _list_json(path: Path, *, rule: LabelRule, roots: Sequence[str] | None, progress: Progress | None) -> Listing:
    """List the images that one COCO file tells of, from the folder that holds it, or that holds `annotations`."""
    root = path.parent.parent if path.parent.name == "annotations" else path.parent
    check_allowed(os.path.realpath(root), roots)
    name = os.path.relpath(path, root)
    return list_coco(os.path.realpath(root), rule=rule, names=[name], progress=progress)


def _list_saved(
    path: Path,
    sources: Path,
    *,
    rule: LabelRule,
    settings: Settings,
    roots: Sequence[str] | None,
    progress: Progress | None,
) -> Listing:
    shards = find_shards(path, allowed_roots=roots)
    if not shards:
        raise SourceError(
            f"{path} is not a Hugging Face dataset with images: give what save_to_disk wrote, or a folder of Parquet "
            "files with a column of images."
        )
    written = write_images(shards, identity_of(path), sources, settings=settings, progress=progress)
    return list_written(written, rule=rule)


def _list_hub(source: str, sources: Path, *, rule: LabelRule, settings: Settings, progress: Progress | None) -> Listing:
    """List a dataset of the hub: fetched once, and from then on what was fetched."""
    if not written_folder(source, sources).is_dir():
        write_images(hub_shards(source, settings=settings), source, sources, settings=settings, progress=progress)
    return list_written(written_folder(source, sources), rule=rule)
