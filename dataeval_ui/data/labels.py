"""Labels and splits from the folders that hold a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dataeval_ui.errors import ParameterError, UnknownNameError
from dataeval_ui.types import LabelRule

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
}
"""Folder names, in lower case, that name a split, and the name that the split gets."""

N_SPLIT_LEVELS = 3
"""A split is looked for among this many folders from the top; deeper ones are class names like any other."""

_LABEL_CHOICES = ("folder", "folder:1", "folder:leaf", "none")
_SPLIT_CHOICES = ("folder", "none")

FolderLabels = Callable[[Sequence[str]], tuple[str | None, str | None]]


def is_folder_rule(value: str) -> bool:
    """Say whether a rule reads folders, or nothing at all, rather than a column."""
    return value in ("folder", "none") or value.startswith("folder:")


def _find_split(folders: Sequence[str]) -> int | None:
    for level, name in enumerate(folders[:N_SPLIT_LEVELS]):
        if name.lower() in SPLIT_NAMES:
            return level
    return None


def _parse_level(label_from: str) -> int | None:
    """Read the N of "folder:N", from 1; None for the other folder rules."""
    if label_from in ("folder", "folder:leaf", "none"):
        return None
    text = label_from.removeprefix("folder:")
    if not text.isascii() or not text.isdigit() or len(text) > 3 or not 1 <= int(text) <= 100:
        raise ParameterError(
            f"The level in {label_from[:40]!r} must be 'leaf' or a number in [1, 100], as in 'folder:2'."
        )
    return int(text)


def folder_labels(rule: LabelRule, *, columns: Sequence[str] = ()) -> FolderLabels:
    """Make the function that reads the label and the split of a file from its folders.

    The split is the topmost folder, among the first three, that has a split's name; `training` becomes "train",
    `testing` "test", and `valid`, `validation` and `dev` become "val". The label under rule "folder" is the first
    folder below the split (`train/cat/1.png`), or the first above where none is below (`cat/train/1.png`). "folder:N"
    counts every folder of the path, the split too; "folder:leaf" is the folder that holds the file, unless that is the
    split.

    Parameters
    ----------
    rule : LabelRule
    columns : sequence of str, default ()
        Columns that the source has, for the message.

    Returns
    -------
    callable
        From the folders of a file, the topmost first, to `(label, split)`, each None where there is none.

    Raises
    ------
    ParameterError
        "folder:N" with an N that is no number in [1, 100].
    UnknownNameError
        The rule names a column, and the source has none of that name.
    """
    if not is_folder_rule(rule.label_from):
        raise UnknownNameError("column", rule.label_from, [*columns, *_LABEL_CHOICES])
    if rule.split_from not in _SPLIT_CHOICES:
        raise UnknownNameError("column", rule.split_from, [*columns, *_SPLIT_CHOICES])
    label_from, split_from = rule.label_from, rule.split_from
    n = _parse_level(label_from)

    def label_and_split(folders: Sequence[str]) -> tuple[str | None, str | None]:
        level = None if split_from == "none" else _find_split(folders)
        split = None if level is None else SPLIT_NAMES[folders[level].lower()]
        if n is not None:
            return (folders[n - 1] if n <= len(folders) else None), split
        if label_from == "none" or not folders:
            return None, split
        if label_from == "folder:leaf":
            return (None if level == len(folders) - 1 else folders[-1]), split
        if level is None:
            return folders[0], split
        below = folders[level + 1 :]
        if below:
            return below[0], split
        return (folders[0] if level else None), split

    return label_and_split
