"""The tables of a Hugging Face dataset: Parquet files, what `save_to_disk` wrote, or a name on the hub.

Arrow files are read by pyarrow alone; only a name on the hub needs the `datasets` library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.data.labels import SPLIT_NAMES
from dataeval_ui.data.paths import check_allowed, safe_member_path
from dataeval_ui.errors import SourceError, UnsafeArchiveError
from dataeval_ui.settings import Settings
from dataeval_ui.types import Json

if TYPE_CHECKING:
    import pyarrow as pa

MAX_SHARDS = 10_000
_BATCH_ROWS = 64
_MAX_JSON_BYTES = 64 * 2**20
_SHARD = re.compile(r"^(.+?)-\d{4,}(-of-\d+)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One table of a dataset.

    Attributes
    ----------
    split : str or None
    batches : callable
        Opens it and gives its rows, some at a time.
    """

    split: str | None
    batches: Callable[[], Iterator[pa.Table]]


def is_hub_name(source: str) -> bool:
    """Whether a source is the name of a dataset on the hub: `hf://owner/name`, with `#config` behind it."""
    return source.startswith("hf://")


def find_shards(folder: Path, *, allowed_roots: Sequence[str] | None = None) -> list[Shard]:
    """Find the tables of a dataset in its folder; none where it is no such dataset.

    Parameters
    ----------
    folder : Path
        What `save_to_disk` wrote, or a folder of Parquet files, at most two folders deep. A Parquet file is itself one.
    allowed_roots : sequence of str, optional
        Resolved folders of which one must hold every shard; the hub's own cache is made of links.

    Raises
    ------
    AccessDeniedError
        A shard is outside the allowed roots.
    SourceError
        A description of `save_to_disk` that cannot be read, or that names a file outside its folder.
    """
    if folder.is_file():
        return [_parquet_shard(folder, folder.parent)] if _has_images(folder) else []
    if (folder / "dataset_dict.json").is_file():
        splits = _read_json(folder / "dataset_dict.json").get("splits")
        names = [name for name in splits if isinstance(name, str)] if isinstance(splits, list) else []
        found: list[tuple[str | None, Path]] = [(name, _below(folder, name)) for name in names]
    else:
        found = [(None, folder)] if (folder / "state.json").is_file() else []
    shards = []
    for split, part in found:
        for path in _arrow_files(part):
            check_allowed(str(path.resolve()), allowed_roots)
            shards.append(Shard(split=None if split is None else split_of(split), batches=_arrow_batches(path)))
    if found:
        return shards
    for path in sorted([*folder.glob("*.parquet"), *folder.glob("*/*.parquet"), *folder.glob("*/*/*.parquet")]):
        if len(shards) < MAX_SHARDS and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            check_allowed(str(path.resolve()), allowed_roots)
            if _has_images(path):
                shards.append(_parquet_shard(path, folder))
            elif not shards:
                return []  # tables of something else
    return shards


def is_saved_dataset(folder: Path) -> bool:
    """Whether a folder holds what `save_to_disk` wrote, or Parquet files with images in them."""
    if (folder / "dataset_dict.json").is_file():
        return True
    if (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file():
        return True
    first = next(iter(sorted([*folder.glob("*.parquet"), *folder.glob("data/*.parquet")])), None)
    return first is not None and _has_images(first)


def split_of(name: str) -> str:
    """Name a split as folders' splits are named; one that is none of them keeps its own."""
    return SPLIT_NAMES.get(name.lower(), name)


def hub_shards(source: str, *, settings: Settings) -> list[Shard]:
    """Fetch a dataset of the hub by its name, through the `datasets` library.

    Raises
    ------
    SourceError
        The library is not installed, the settings say offline, or the hub has no such dataset or cannot be reached.
    """
    name, _, config = source.removeprefix("hf://").partition("#")
    if settings.offline:
        raise SourceError(f"{name} is not in the workspace, and the settings say offline: fetch it once while online.")
    try:
        import datasets
    except ImportError:
        raise SourceError(
            'A dataset of the hub needs the library that reads it: pip install "dataeval-ui[hf]", or give a folder.'
        ) from None
    try:
        loaded = datasets.load_dataset(name, config or None)
    except Exception as error:  # noqa: BLE001 - a dozen libraries speak here, each with errors of its own
        detail = (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")
        raise SourceError(
            f"The dataset {name} cannot be fetched from the hub ({detail}): check name and net."
        ) from None
    parts = dict(loaded) if isinstance(loaded, dict) else {None: loaded}
    return [
        Shard(split=None if split is None else split_of(str(split)), batches=_loaded_batches(part))
        for split, part in parts.items()
    ]


def _loaded_batches(part: Any) -> Callable[[], Iterator[pa.Table]]:
    def batches() -> Iterator[pa.Table]:
        yield from part.with_format("arrow").iter(batch_size=_BATCH_ROWS)

    return batches


def features_of(schema: pa.Schema) -> Json:
    """Read the `datasets` library's own description of the columns; empty where there is none."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def image_column(schema: pa.Schema) -> str | None:
    """Find the column of images: the first that the features call one, else the first of bytes and path."""
    import pyarrow as pa

    features = features_of(schema)
    for name in schema.names:
        feature = features.get(name)
        if isinstance(feature, dict) and feature.get("_type") == "Image":
            return str(name)
    for field in schema:
        if pa.types.is_struct(field.type) and {"bytes", "path"} == {f.name for f in field.type}:
            feature = features.get(field.name)
            if feature is None or (isinstance(feature, dict) and feature.get("_type") not in ("Audio", "Video")):
                return str(field.name)
    return None


def _has_images(path: Path) -> bool:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return image_column(parquet.read_schema(path)) is not None
    except (pa.ArrowException, OSError):
        return False


def _parquet_shard(path: Path, folder: Path) -> Shard:
    from pyarrow import parquet

    def batches() -> Iterator[pa.Table]:
        import pyarrow as pa

        try:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                    yield pa.Table.from_batches([batch]).replace_schema_metadata(file.schema_arrow.metadata)
        except OSError as error:
            raise SourceError(f"{path.name} cannot be read ({error}): fetch it anew.") from None

    match = _SHARD.match(path.stem)
    names = [match.group(1) if match else path.stem, *reversed(path.relative_to(folder).parent.parts)]
    known = next((SPLIT_NAMES[name.lower()] for name in names if name.lower() in SPLIT_NAMES), None)
    return Shard(split=known or (match.group(1) if match else None), batches=batches)


def _arrow_files(folder: Path) -> list[Path]:
    files = _read_json(folder / "state.json").get("_data_files")
    names = [entry.get("filename") for entry in files if isinstance(entry, dict)] if isinstance(files, list) else []
    return [_below(folder, name) for name in names[:MAX_SHARDS] if isinstance(name, str)]


def _arrow_batches(path: Path) -> Callable[[], Iterator[pa.Table]]:
    def batches() -> Iterator[pa.Table]:
        import pyarrow as pa

        try:
            with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as reader:
                for batch in reader:
                    for start in range(0, batch.num_rows, _BATCH_ROWS):
                        yield pa.Table.from_batches([batch.slice(start, _BATCH_ROWS)])
        except OSError as error:
            raise SourceError(f"{path.name} cannot be read ({error}): save the dataset anew.") from None

    return batches


def _below(folder: Path, name: str) -> Path:
    try:
        return folder / safe_member_path(name)
    except UnsafeArchiveError as error:
        raise SourceError(f"The dataset's description names a file outside its folder. {error}") from None


def _read_json(path: Path) -> Json:
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise SourceError(f"{path.name} is too large to be the description of a dataset.")
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path} cannot be opened ({error.strerror}): save the dataset anew.") from None
    except (ValueError, RecursionError):
        raise SourceError(f"{path} is no JSON: save the dataset anew.") from None
    if not isinstance(value, dict):
        raise SourceError(f"{path} is not the description of a dataset: save it anew.")
    return value
