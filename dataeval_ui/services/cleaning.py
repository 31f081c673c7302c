"""A cleaned copy of a dataset, or a tree of links to it, as the decisions say. The dataset itself is only read."""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dataeval_ui.errors import InputError, ParameterError, StorageError, UnsafeArchiveError
from dataeval_ui.services.review import Item, cleaned_manifest
from dataeval_ui.store.durable import storing

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types import Json, LabelRule

LABELS_FILE, ANNOTATIONS_FILE = "labels.csv", "annotations.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """What was written.

    Attributes
    ----------
    n_files : int
        Images copied or linked.
    n_removed : int
        Files, or in a run of objects annotations, that were left out.
    n_relabelled : int
        With another label than before, by folder or in the list beside.
    beside : tuple of str
        Lists that lie beside the images: "labels.csv", "annotations.json".
    """

    n_files: int
    n_removed: int
    n_relabelled: int
    beside: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """One file: where it lies, where it goes, and what its content was."""

    source: str
    target: str
    content: str | None
    label: str | None
    split: str | None


def clean(run: Run, items: Sequence[Item], dest: Path, *, how: Literal["copy", "link"]) -> Cleaned:
    """Write the dataset without what was removed, each relabelled image in the folder of its new label.

    Where the labels come from no folder, or the new label is none, `labels.csv` tells them; an annotated dataset gets
    `annotations.json`, in COCO's format. Files that could not be read are left out.

    Parameters
    ----------
    items : sequence of Item
        Of `review_queue`.
    dest : Path
        A folder that is not there yet, or empty; outside the dataset and the workspace.
    how : {"copy", "link"}
        Copy the files, or make symbolic links to them.

    Raises
    ------
    InputError
        `dest` is not empty or lies in the dataset, or a file was moved or changed since the run.
    AccessDeniedError
        A path of the dataset leads out of its folder.
    StorageError
        The disk is full or cannot be written. Nothing is left behind then.
    """
    dest = Path(os.path.abspath(dest))  # noqa: PTH100 - a link to another disk stays as it was written
    _check_destination(run, dest)
    rows = cleaned_manifest(run, items).to_pylist()
    plan = list(_plan(run, rows))
    with storing(dest):
        dest.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=f".{dest.name[:100]}.", dir=dest.parent))
    try:
        if how == "copy":
            _check_room(run, plan, staged)
        for planned in plan:
            _put(run, planned, staged, how)
        with storing(dest):
            beside = _write_beside(run, items, plan, rows, staged)
            staged.chmod(0o777 & ~_mask())
            if dest.is_dir():
                dest.rmdir()
            staged.rename(dest)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    actions = [row["action"] for row in rows]
    return Cleaned(
        n_files=len(plan),
        n_removed=actions.count("remove"),
        n_relabelled=actions.count("relabel"),
        beside=beside,
    )


def _check_destination(run: Run, dest: Path) -> None:
    is_empty = dest.is_dir() and not dest.is_symlink() and not any(dest.iterdir())
    if (dest.is_symlink() or dest.exists()) and not is_empty:
        raise InputError(f"{str(dest)!r} is not an empty folder. Name one that is not there yet.")
    real = dest.resolve()
    for place, name in (
        (Path(run.dataset.root).resolve(), "dataset"),
        (run.services.workspace.root.resolve(), "workspace"),
    ):
        if real.is_relative_to(place) or place.is_relative_to(real):
            raise InputError(f"{str(dest)!r} lies in the {name} or around it. Name a folder elsewhere.")


def _plan(run: Run, rows: Sequence[Json]) -> Iterator[_Planned]:
    """Say for every file that stays where it goes, each target once."""
    content_of, file_of = _files(run)
    taken: set[str] = set()
    seen: set[str] = set()
    for row in rows:
        source: str = file_of.get(row["path"]) or row["path"]
        if source in seen or (row["action"] == "remove" and not run.is_of_objects):
            continue
        seen.add(source)
        new = row["new_label"] if row["action"] == "relabel" and not run.is_of_objects else None
        target = _safe(source)
        if new is not None:
            target = _relabelled(target, new, row, run.dataset.rule) or target
        target = _free(target, taken)
        taken.add(target)
        yield _Planned(
            source=source,
            target=target,
            content=content_of.get(row["path"]),
            label=new or row["label"],
            split=row["split"],
        )


def _files(run: Run) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the content's name of each row's file, and in a run of objects the file itself."""
    paths = run.manifest["path"].to_pylist()
    if not run.is_of_objects:
        return dict(zip(paths, run.manifest["image_id"].to_pylist(), strict=True)), {}
    contents: list[Any] = run.manifest["file_id"].to_pylist()
    files: list[Any] = run.manifest["file"].to_pylist()
    return dict(zip(paths, contents, strict=True)), dict(zip(paths, files, strict=True))


def _safe(path: str) -> str:
    """Return a path that stays below its folder; a manifest may come from a stranger's bundle."""
    from dataeval_ui.data.paths import safe_member_path

    try:
        return safe_member_path(path).as_posix()
    except UnsafeArchiveError as error:
        raise InputError(f"This dataset cannot be cleaned. {error}") from None


def _relabelled(path: str, label: str, row: Json, rule: LabelRule) -> str | None:
    """Return the path with the folder that names the label renamed; None where no folder does."""
    from dataeval_ui.data.labels import folder_labels, is_folder_rule
    from dataeval_ui.data.paths import safe_member_path

    try:
        if not is_folder_rule(rule.label_from) or safe_member_path(label).parts != (label,):
            return None
        read = folder_labels(rule)
    except (UnsafeArchiveError, ParameterError):
        return None
    *folders, name = path.split("/")
    for level, folder in enumerate(folders):
        renamed = [*folders[:level], label, *folders[level + 1 :]]
        if folder == row["label"] and read(renamed) == (label, row["split"]):
            return "/".join([*renamed, name])
    return None


def _free(target: str, taken: set[str]) -> str:
    """Return the path, or with a number where another file has it already."""
    stem, dot, ending = target.rpartition(".")
    if not dot or "/" in ending:
        stem, ending = target, ""
    n, free = 1, target
    while free in taken:
        n += 1
        free = f"{stem}-{n}.{ending}" if ending else f"{stem}-{n}"
    return free


def _check_room(run: Run, plan: Sequence[_Planned], staged: Path) -> None:
    root = Path(run.dataset.root)
    needed = sum(os.lstat(root / planned.source).st_size for planned in plan if (root / planned.source).is_file())
    free = shutil.disk_usage(staged).free
    if needed > free:
        raise StorageError(
            f"The copy needs {needed / 1e9:.1f} GB, and {staged.parent} has {free / 1e9:.1f} GB left. Free some space, "
            "or make links: --link."
        )


def _put(run: Run, planned: _Planned, staged: Path, how: Literal["copy", "link"]) -> None:
    """Copy or link one file, after a look whether it is still what the run saw."""
    from dataeval_ui.data.decode import image_id_of
    from dataeval_ui.services.datasets import image_path

    source, target = image_path(run.services, run.dataset, planned.source), staged / planned.target
    if not source.is_file():
        raise InputError(f"{planned.source!r} is no longer in {run.dataset.root!r}. Run the dataset again.")
    with storing(source):
        data = source.read_bytes()
    if planned.content is not None and image_id_of(data) != planned.content:
        raise InputError(f"{planned.source!r} has changed since this run. Run the dataset again.")
    with storing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if how == "link":
            target.symlink_to(source)
        else:
            with target.open("xb") as stream:
                stream.write(data)


def _write_beside(
    run: Run, items: Sequence[Item], plan: Sequence[_Planned], rows: Sequence[Json], staged: Path
) -> tuple[str, ...]:
    """Write the labels that no folder tells, and the annotations."""
    from dataeval_ui.data.labels import folder_labels, is_folder_rule
    from dataeval_ui.services.coco_export import coco_document
    from dataeval_ui.store.manifests import load_manifest

    rule = run.dataset.rule
    beside = []
    read = folder_labels(rule) if is_folder_rule(rule.label_from) and rule.split_from in ("folder", "none") else None
    told = all(read is not None and read(p.target.split("/")[:-1]) == (p.label, p.split) for p in plan)
    annotated = (
        run.is_of_objects or load_manifest(run.services.workspace, run.record.manifest_digest).objects is not None
    )
    if annotated:
        target_of = {planned.source: planned.target for planned in plan}
        document = coco_document(run, items)
        for image in document["images"]:
            image["file_name"] = target_of[image["file_name"]]
        (staged / ANNOTATIONS_FILE).write_text(json.dumps(document), encoding="utf-8")
        beside.append(ANNOTATIONS_FILE)
    elif not told:
        with (staged / LABELS_FILE).open("x", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["path", "label", "split"])
            writer.writerows([p.target, p.label or "", p.split or ""] for p in plan)
        beside.append(LABELS_FILE)
    return tuple(beside)


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
