"""The listing of a folder: every file below it, links included, in the order of their paths."""

# Strings, not Paths: a Path for each of a million files costs seconds.
# ruff: noqa: PTH112, PTH116, PTH118

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dataeval_ui.data.labels import FolderLabels, folder_labels
from dataeval_ui.data.paths import check_allowed, is_litter, is_sidecar, is_unicode, is_within, printable
from dataeval_ui.data.places import Place, make_listing, reason_for_mode
from dataeval_ui.errors import NoImagesError, SourceError
from dataeval_ui.types import LabelRule, Listing, Progress, Silent

MAX_LINKED_FOLDERS = 10_000
"""Folders entered through links: folders that link to each other have more paths than anyone can list."""


def list_folder(
    folder: Path,
    *,
    rule: LabelRule,
    allowed_roots: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Listing:
    """List the files below a folder, as `docs/inputs.md` tells.

    Parameters
    ----------
    folder : Path
        Need not be resolved; a link to a folder is followed.
    rule : LabelRule
    allowed_roots : sequence of str, optional
        Resolved folders; None allows everything.
    progress : Progress, optional
        Asked for cancellation once a folder.

    Returns
    -------
    Listing

    Raises
    ------
    SourceError
        The folder cannot be opened, or holds no file that could be an image.
    AccessDeniedError
        The folder is outside the allowed roots.
    UnknownNameError, ParameterError
        See `folder_labels`.

    Notes
    -----
    One `stat` a file; no file is opened.
    """
    root = os.path.realpath(folder)
    check_allowed(root, allowed_roots)
    try:
        os.scandir(root).close()
    except OSError as error:
        raise SourceError(
            f"The folder {folder} cannot be opened ({error.strerror}): check the path and its rights."
        ) from None
    places = walk_folder(root, labels=folder_labels(rule), progress=progress)
    if not places:
        raise NoImagesError(f"The folder {folder} holds no images: choose a folder with image files in it or below it.")
    return make_listing(root, places)


def walk_folder(root: str, *, labels: FolderLabels, below: str = "", progress: Progress | None = None) -> list[Place]:
    """Find every place below a root, or below one folder of it.

    Parameters
    ----------
    root : str
        Resolved; links that leave it become places with a reason.
    labels : callable
        See `folder_labels`.
    below : str, default ""
        Folder to walk, relative to `root`, with `/` between its parts. Paths stay relative to the root. One that is
        not there, or that a link leads out of the root, has no places.
    """
    start = os.path.realpath(os.path.join(root, below))
    if not is_within(start, root) or not os.path.isdir(start):
        return []
    parts = tuple(part for part in below.split("/") if part)
    places = list(_Walk(root, labels, progress or Silent()).places(parts, start))
    _make_unique(places)
    return places


class _Walk:
    def __init__(self, root: str, labels: FolderLabels, progress: Progress) -> None:
        self.root, self.labels, self.progress = root, labels, progress
        self.n_linked = 0

    def places(self, below: tuple[str, ...], start: str) -> Iterator[Place]:
        """Yield every place, folder by folder."""
        # path below the root, resolved path, resolved paths of the folders above
        todo: list[tuple[tuple[str, ...], str, frozenset[str]]] = [(below, start, frozenset([self.root, start]))]
        while todo:
            self.progress.check_cancelled()
            parts, folder, above = todo.pop()
            label, split = self.labels(parts)
            try:
                with os.scandir(folder) as entries:
                    found = list(entries)
            except OSError as error:
                yield Place(path=_join(parts), reason=f"The folder cannot be opened: {error.strerror}.")
                continue
            for entry in found:
                if is_litter(entry.name):
                    continue
                below = (*parts, entry.name)
                if not is_unicode(entry.name):
                    unnamed = f"The name {printable(entry.name)} is not UTF-8: rename it."
                    yield Place(path=_join(below), label=label, split=split, reason=unnamed)
                    continue
                reason: str | None = None
                if entry.is_symlink():
                    target, reason = self._follow(entry.path, above)
                    if reason is None and os.path.isdir(target):
                        todo.append((below, target, above | {target}))
                        continue
                elif entry.is_dir(follow_symlinks=False):
                    resolved = os.path.join(folder, entry.name)
                    todo.append((below, resolved, above | {resolved}))
                    continue
                if is_sidecar(entry.name):
                    continue
                place = Place(path=_join(below), label=label, split=split, reason=reason)
                _add_stat(place, entry, follow=reason is None)
                yield place

    def _follow(self, link: str, above: frozenset[str]) -> tuple[str, str | None]:
        target = os.path.realpath(link)
        shown = printable(target)
        if not is_within(target, self.root):
            return target, f"The link leads out of the dataset's folder, to {shown}: copy the file into the folder."
        try:
            os.stat(target)
        except OSError as error:
            return target, f"The link leads to {shown}, which cannot be opened: {error.strerror}."
        if target in above:
            return target, f"The link leads back to a folder that holds it, {shown}."
        if os.path.isdir(target):
            self.n_linked += 1
            if self.n_linked > MAX_LINKED_FOLDERS:
                return (
                    target,
                    f"The dataset has more than {MAX_LINKED_FOLDERS:,} linked folders: this one was not entered.",
                )
        return target, None


def _join(parts: Sequence[str]) -> str:
    return printable("/".join(parts)) or "."


def _make_unique(places: list[Place]) -> None:
    # A file may really be named with a backslash and an x, as the shown name of another.
    taken: set[str] = set()
    for place in places:
        while place.path in taken:
            place.path += "'"
        taken.add(place.path)


def _add_stat(place: Place, entry: os.DirEntry[str], *, follow: bool) -> None:
    try:
        status = entry.stat(follow_symlinks=follow)
    except OSError as error:
        place.reason = place.reason or f"The file cannot be opened: {error.strerror}."
        return
    place.n_bytes, place.mtime_ns = status.st_size, status.st_mtime_ns
    if follow:
        place.reason = reason_for_mode(status.st_mode)
