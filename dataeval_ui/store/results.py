"""Results of a run: arrays as plain npz files, the rest as JSON, and `run.json` last."""

from __future__ import annotations

import logging
import struct
import zipfile
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from dataeval_ui.errors import StorageError
from dataeval_ui.store.durable import read_json, storing, write_durably, write_json_durably
from dataeval_ui.store.workspace import Workspace, checked_name
from dataeval_ui.types import Clustering, DuplicatePairs, Json, NeighborGraph, OutlierScores, Projection

T = TypeVar("T")

logger = logging.getLogger(__name__)

_RESULTS = {
    "neighbors": NeighborGraph,
    "projection": Projection,
    "clustering": Clustering,
    "outliers": OutlierScores,
    "duplicates": DuplicatePairs,
}
_EPOCH = (1980, 1, 1, 0, 0, 0)


_DAMAGES = (
    *(StorageError, ValueError, KeyError, TypeError, EOFError, MemoryError, OverflowError, SyntaxError),
    *(RuntimeError, zipfile.BadZipFile, zlib.error, struct.error),  # RuntimeError: a flag says it is encrypted
)
"""What numpy and zipfile raise for bytes that are not what was written."""


def save_result(workspace: Workspace, run_id: str, name: str, value: Any) -> None:
    """Store a result whose fields are all arrays, as `<name>.npz`; equal arrays give equal bytes.

    Raises
    ------
    StorageError
        The disk is full or cannot be written.
    """
    arrays = {f.name: np.ascontiguousarray(getattr(value, f.name)) for f in fields(value)}

    def write(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for field_name, array in arrays.items():
                with archive.open(zipfile.ZipInfo(f"{field_name}.npy", _EPOCH), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)

    write_durably(_path(workspace, run_id, f"{name}.npz"), write)


def load_result(workspace: Workspace, run_id: str, name: str, cls: type[T]) -> T:
    """Load what `save_result` stored, as `cls`.

    Raises
    ------
    StorageError
        The file is missing or damaged, or its arrays are not the fields of `cls`.
    """
    path = _path(workspace, run_id, f"{name}.npz")
    if not path.is_file():
        raise StorageError(f"Run {run_id} has no {name} yet. Run it again to its end.")
    names = {f.name for f in fields(cls)}  # type: ignore[arg-type]
    try:
        with storing(path), np.load(path, allow_pickle=False) as archive:
            arrays = {field_name: archive[field_name] for field_name in archive.files}
    except _DAMAGES as error:
        raise StorageError(f"{path} is damaged or cannot be read. Run the dataset again.") from error
    if set(arrays) != names:
        raise StorageError(f"{path} holds {sorted(arrays)} where {sorted(names)} are expected. Run the dataset again.")
    return cls(**arrays)


def save_json(workspace: Workspace, run_id: str, name: str, value: Any) -> None:
    """Store a JSON-able value as `<name>.json`."""
    write_json_durably(_path(workspace, run_id, f"{name}.json"), value)


def load_json(workspace: Workspace, run_id: str, name: str) -> Any:
    """Load what `save_json` stored; StorageError where it is missing or damaged."""
    return read_json(_path(workspace, run_id, f"{name}.json"))


def finish_run(workspace: Workspace, run_id: str, summary: Json) -> None:
    """Write `run.json`, the last file of a run: only with it is a run finished."""
    save_json(workspace, run_id, "run", summary)


def is_finished(workspace: Workspace, run_id: str) -> bool:
    """Whether a run was computed to its end."""
    return (workspace.run_dir(run_id) / "run.json").is_file()


def is_intact(workspace: Workspace, run_id: str) -> bool:
    """Whether a run was computed to its end and every result of it reads back. Reads them all."""
    if not is_finished(workspace, run_id):
        return False
    try:
        for name, cls in _RESULTS.items():
            load_result(workspace, run_id, name, cls)
        for name in ("findings", "run"):
            load_json(workspace, run_id, name)
    except StorageError as error:
        logger.warning("The results of run %s are computed again: %s", run_id, error)
        return False
    return True


def _path(workspace: Workspace, run_id: str, file_name: str) -> Path:
    folder = workspace.run_dir(run_id)
    with storing(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / checked_name("result", file_name)
