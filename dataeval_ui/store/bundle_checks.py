"""What a bundle from somewhere else must be before a byte of it enters the workspace."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, get_args

import numpy as np

from dataeval_ui.errors import UnsafeArchiveError
from dataeval_ui.store.records import DatasetKind, DatasetRecord, RunRecord
from dataeval_ui.store.workspace import checked_name
from dataeval_ui.types import (
    AnalysisParams,
    Clustering,
    ClusterMethod,
    DuplicatePairs,
    EmbeddingKey,
    Json,
    LabelRule,
    NeighborGraph,
    OutlierScores,
    Projection,
)

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = "dataeval-ui-bundle"
VERSION = 1
TABLES = ("manifest.parquet", "images.parquet", "embeddings.parquet")
MASKS = "masks.parquet"
"""Only of a run of objects, and only where its annotations have masks."""
MAX_JSON_BYTES = 256 * 2**20
MAX_RATIO = 200
MAX_THUMBNAIL_BYTES = 2**20
FREE_BYTES = 10 * 2**20

_RESULT_NAME = re.compile(r"run/[A-Za-z0-9][A-Za-z0-9_-]{0,60}\.(npz|json)")
_IMAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PER_IMAGE: dict[str, type] = {
    "neighbors": NeighborGraph,
    "projection": Projection,
    "clustering": Clustering,
    "outliers": OutlierScores,
}
_ROW_FIELDS = {("neighbors", "indices"), ("duplicates", "left"), ("duplicates", "right")}


def refuse(why: str) -> NoReturn:
    """Raise UnsafeArchiveError with the sentence of a bundle that is not taken."""
    raise UnsafeArchiveError(f"The bundle is not taken: {why}. Ask for a new export.")


def check_members(archive: zipfile.ZipFile, *, max_bytes: int) -> None:
    """Check names, number and sizes of the members before one is read."""
    names = [info.filename for info in archive.infolist()]
    if len(set(names)) != len(names):
        refuse("a name stands in it twice")
    for required in ("bundle.json", "run/run.json", *TABLES):
        if required not in names:
            refuse(f"{required} is missing")
    for name in names:
        is_file = name.startswith("files/") and is_safe_path(name.removeprefix("files/"))
        if not (name in ("bundle.json", MASKS, *TABLES) or _RESULT_NAME.fullmatch(name) or is_file):
            refuse(f"{name[:80]!r} does not belong in it")
    n_bytes = sum(info.file_size for info in archive.infolist())
    if n_bytes > max_bytes:
        refuse(f"it holds {n_bytes:,} bytes once unpacked, and {max_bytes:,} are allowed")
    n_packed = sum(info.compress_size for info in archive.infolist())
    if n_bytes > FREE_BYTES + MAX_RATIO * n_packed:
        refuse(f"it unpacks to more than {MAX_RATIO} times its size")
    for info in archive.infolist():
        if info.flag_bits & 0x1:
            refuse("it is encrypted")
        if info.filename.endswith(".json") and info.file_size > MAX_JSON_BYTES:
            refuse(f"{info.filename} is too large")


def is_safe_path(path: str) -> bool:
    """Whether a path is relative, stays below its folder, and means the same on every system."""
    if not path or "\\" in path or "\0" in path or path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return False
    return all(part not in ("", ".", "..") for part in path.split("/")) and not PurePosixPath(path).is_absolute()


def read_member_json(archive: zipfile.ZipFile, name: str) -> Any:
    """Read a JSON member."""
    try:
        return json.loads(archive.read(name))
    except (ValueError, RecursionError):
        refuse(f"{name} is no JSON")


def records_of(card: Any) -> tuple[DatasetRecord, RunRecord]:
    """Read the records of `bundle.json`."""
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        refuse("it is no bundle of DataEval UI")
    if card.get("version") != VERSION:
        refuse(f"it has format {card.get('version')!r}, and this version reads {VERSION}")
    try:
        return _dataset_of(card["dataset"]), _run_of(card["run"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        refuse(f"its records cannot be read ({type(error).__name__})")


def check_manifest(table: pa.Table) -> list[str]:
    """Check the places of a bundle; returns the ids of its distinct readable images, in order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, kinds in {"path": (pa.string(),), "status": (pa.string(),), "image_id": (pa.string(), pa.null())}.items():
        if name not in table.schema.names or table.schema.field(name).type not in kinds:
            refuse(f"its manifest has no usable column {name!r}")
    for name in ("path", "file"):  # files are those of a run of objects
        paths = table.column(name).to_pylist() if name in table.schema.names else []
        if not all(isinstance(path, str) and is_safe_path(path) for path in paths):
            refuse("a path of its manifest leaves the folder of the dataset")
    usable = table.filter(pc.equal(table.column("status"), "ok")).column("image_id")
    ids: list[str | None] = pc.unique(usable).to_pylist()
    if not all(image_id is not None and _IMAGE_ID.fullmatch(image_id) for image_id in ids):
        refuse("its manifest has an image without a usable id")
    return [str(image_id) for image_id in ids]


def check_masks(masks: pa.Table, manifest: pa.Table) -> None:
    """Check the masks of a run of objects: a text each, of different objects of the manifest; parsed when drawn."""
    import pyarrow as pa

    if masks.schema.names != ["path", "mask"] or not all(field.type == pa.string() for field in masks.schema):
        refuse(f"{MASKS} has other columns than expected")
    paths = masks.column("path").to_pylist()
    if "object" not in manifest.schema.names or len(set(paths)) != len(paths):
        refuse(f"{MASKS} has masks that belong to no object")
    if masks.column("mask").null_count or not set(paths) <= set(manifest.column("path").to_pylist()):
        refuse(f"{MASKS} has masks that belong to no object")


def check_rows(name: str, columns: Mapping[str, Any], n_rows: int, table: Any) -> None:
    """Check an open Parquet file's columns and number of rows before a row is read."""
    schema = table.schema_arrow
    if set(schema.names) != set(columns):
        refuse(f"{name} has other columns than expected")
    for column, accepts in columns.items():
        if not accepts(schema.field(column).type):
            refuse(f"the column {column!r} of {name} has the wrong type")
    if table.metadata.num_rows != n_rows:
        refuse(f"{name} has {table.metadata.num_rows} rows for {n_rows} images")


def check_values(name: str, table: pa.Table) -> None:
    """Check some rows of a table: thumbnails are small JPEG files, embeddings are finite."""
    if "thumbnail" in table.schema.names:
        for jpeg in table.column("thumbnail").to_pylist():
            if jpeg is None or not jpeg.startswith(b"\xff\xd8") or len(jpeg) > MAX_THUMBNAIL_BYTES:
                refuse(f"{name} has a thumbnail that is no small JPEG")
    if "embedding" in table.schema.names:
        column = table.column("embedding").combine_chunks()
        flat = column.flatten().to_numpy(zero_copy_only=False)
        if len(flat) != len(column) * column.type.list_size or not np.isfinite(flat).all():
            refuse(f"{name} has an embedding that is not finite")


def check_result(name: str, data: bytes, n_images: int) -> None:
    """Check the arrays of a result: no objects, no more than the file holds, a row an image, rows in range."""
    arrays = _arrays_of(name, data)
    stem = name.removeprefix("run/").removesuffix(".npz")
    expected = DuplicatePairs if stem == "duplicates" else _PER_IMAGE.get(stem)
    if expected is not None and set(arrays) != {f.name for f in fields(expected)}:
        refuse(f"{name} has other arrays than expected")
    for field_name, array in arrays.items():
        if stem in _PER_IMAGE and (array.ndim == 0 or len(array) != n_images):
            refuse(f"{name} does not have a row an image")
        if (stem, field_name) in _ROW_FIELDS and array.size:
            if array.dtype.kind not in "iu":
                refuse(f"{name} names rows by something that is no integer")
            if int(array.min()) < 0 or int(array.max()) >= n_images:
                refuse(f"{name} names a row that does not exist")


def _arrays_of(name: str, data: bytes) -> dict[str, np.ndarray[Any, Any]]:
    arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if info.compress_type != zipfile.ZIP_STORED or not info.filename.endswith(".npy"):
                    refuse(f"{name} is packed in a way that the product never packs")
                raw = archive.read(info)
                stream = io.BytesIO(raw)
                _check_header(name, stream, len(raw))
                arrays[info.filename.removesuffix(".npy")] = np.lib.format.read_array(
                    io.BytesIO(raw), allow_pickle=False
                )
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError) as error:
        if isinstance(error, UnsafeArchiveError):
            raise
        refuse(f"{name} cannot be read")
    return arrays


def _check_header(name: str, stream: BinaryIO, n_bytes: int) -> None:
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        refuse(f"{name} has an array of an unknown format")
    shape, _order, dtype = np.lib.format.read_array_header_1_0(stream)
    n_items = 1
    for length in shape:
        n_items *= length
    if dtype.hasobject or n_items * dtype.itemsize != n_bytes - stream.tell():
        refuse(f"{name} has an array that is not what its header says")


def _dataset_of(value: Json) -> DatasetRecord:
    _only_strings(value, "id", "name", "source", "kind")
    if value["kind"] not in get_args(DatasetKind):
        raise ValueError(value["kind"])
    _only_strings(value["rule"], *(k for k, v in value["rule"].items() if v is not None))
    if not 0 < len(value["name"]) <= 200:
        raise ValueError("name")
    return DatasetRecord(
        id=checked_name("dataset", value["id"]),
        name=value["name"],
        source=value["source"],
        root="",
        rule=LabelRule(**value["rule"]),
        kind=value["kind"],
        created_at=datetime.fromisoformat(value["created_at"]),
        manifest_digest=checked_name("manifest", value["manifest_digest"]),
        n_files=int(value["n_files"]),
    )


def _run_of(value: Json) -> RunRecord:
    _only_strings(value, "id", "dataset_id", "name", "backbone", "manifest_digest")
    _only_strings(value["key"], *(k for k in value["key"] if k != "input_px"))
    if not isinstance(value["summary"], dict):
        raise TypeError("summary")
    params = AnalysisParams.from_json(value["params"])
    if params.cluster_method not in get_args(ClusterMethod):
        raise ValueError(params.cluster_method)
    for field, number in params.to_json().items():
        may_be_none = field == "min_cluster_size" and number is None
        if field != "cluster_method" and not may_be_none and not isinstance(number, int | float):
            raise TypeError(field)
    return RunRecord(
        id=checked_name("run", value["id"]),
        dataset_id=checked_name("dataset", value["dataset_id"]),
        name=value["name"][:255],
        backbone=value["backbone"][:255],
        key=EmbeddingKey(**{**value["key"], "input_px": int(value["key"]["input_px"])}),
        manifest_digest=checked_name("manifest", value["manifest_digest"]),
        params=params,
        created_at=datetime.fromisoformat(value["created_at"]),
        finished_at=datetime.fromisoformat(value["finished_at"]),
        summary=value["summary"],
        base_run_id=None,
    )


def _only_strings(value: Json, *names: str) -> None:
    for name in names:
        if not isinstance(value[name], str):
            raise TypeError(name)
