"""Every error that a caller can meet.

::

    DataEvalUIError
    ├── InputError (ValueError)            what the user gave cannot be used; the sentence says what to do
    │   ├── SourceError                    a folder, archive or table that cannot be read as a dataset
    │   ├── UnsafeArchiveError             an archive that leaves its folder, or is too large once unpacked
    │   ├── UnknownNameError (KeyError)    a name that is not known; carries the nearest known one
    │   └── ParameterError                 a number or choice outside its range
    ├── AccessDeniedError (PermissionError)   outside the allowed roots, or the role lacks the right
    ├── BackboneUnavailableError           weights that are not on this machine and cannot be fetched
    ├── CheckpointError (ValueError)       weights that do not fit the network
    ├── StorageError (OSError)             a full disk, a store that cannot be written or is damaged
    ├── OutOfMemoryError (MemoryError)     even one image does not fit
    └── CancelledError                     the user cancelled; what was committed stays

Each message is one sentence or two: the rule, the value met, and the next step. The command line prints it and exits
with `exit_code`; the pages show it in a box. Nothing else is ever shown to a user instead of it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DataEvalUIError(Exception):
    """The base of all errors that this package raises on purpose."""

    exit_code = 2

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else self.__class__.__name__


class InputError(DataEvalUIError, ValueError):
    """What the user gave cannot be used."""


class SourceError(InputError):
    """A source that cannot be read as a dataset."""


class NoImagesError(SourceError):
    """The source can be read, and there is no image in it."""


class UnsafeArchiveError(InputError):
    """An archive that would leave its folder or fill the disk."""


class ParameterError(InputError):
    """A parameter outside its range."""


class UnknownNameError(InputError, KeyError):
    """A name that is not known.

    Parameters
    ----------
    kind : str
        What was looked for, in words: "backbone", "run".
    name : str
        What the user wrote.
    known : iterable of str
        The names that would have worked; the nearest is suggested.
    max_listed : int, default 12
        So many of them are listed.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, max_listed: int = 12) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        rest = f" and {len(known) - max_listed} more" if len(known) > max_listed else ""
        listed = ", ".join(known[:max_listed]) + rest
        super().__init__(f"There is no {kind} named {name!r}.{hint} Known: {listed or 'none yet'}.")
        self.kind, self.name, self.known = kind, name, known


class AccessDeniedError(DataEvalUIError, PermissionError):
    """The caller may not see or do this."""


class BackboneUnavailableError(DataEvalUIError):
    """Weights that are neither on this machine nor to be had."""


class CheckpointError(DataEvalUIError, ValueError):
    """Weights that do not fit the network they are meant for."""


class StorageError(DataEvalUIError, OSError):
    """The store cannot be read or written."""


class OutOfMemoryError(DataEvalUIError, MemoryError):
    """Not even a single image fits into memory."""


class CancelledError(DataEvalUIError):
    """The user cancelled. Committed work stays and a later run goes on from it."""

    exit_code = 130
