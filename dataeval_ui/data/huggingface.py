"""The reader of Hugging Face datasets with a column of images.

Their images are inside tables, so they are written out once, into the workspace's sources, and listed from there.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.data.annotated import AnnotatedImage, list_annotated
from dataeval_ui.data.archive import writing
from dataeval_ui.data.formats import sniff_format
from dataeval_ui.data.huggingface_shards import Shard, features_of, image_column
from dataeval_ui.data.labels import is_folder_rule
from dataeval_ui.data.objects import AnnotatedObject, Frame, class_name, read_box
from dataeval_ui.data.places import Place, make_listing
from dataeval_ui.data.table import flat_column
from dataeval_ui.errors import ParameterError, SourceError, UnknownNameError, UnsafeArchiveError
from dataeval_ui.settings import Settings
from dataeval_ui.types import Json, LabelRule, Listing, Progress, Silent, digest_of

if TYPE_CHECKING:
    import pyarrow as pa

INDEX_NAME = ".rows.parquet"
"""In the folder of written images: a row an image, with its path, its reason and the dataset's other columns."""

LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "category")
OBJECT_COLUMNS = ("objects", "object", "annotations")
_BOX_FIELDS = ("bbox", "bboxes", "box", "boxes")
_CLASS_FIELDS = ("category", "categories", "label", "labels", "class", "class_id")
_OWN = ("_path", "_reason", "_split")
_ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "TIFF": ".tif", "BMP": ".bmp"}
_VERSION = 1


def write_images(
    shards: Sequence[Shard],
    identity: Any,
    sources: Path,
    *,
    settings: Settings,
    progress: Progress | None = None,
) -> Path:
    """Write the images of a dataset below the workspace's sources, once for each identity.

    Parameters
    ----------
    shards : sequence of Shard
    identity : JSON-able
        What tells this dataset from another, and from an earlier state of itself.
    sources : Path
    settings : Settings
        `max_archive_bytes` and `max_archive_files` hold for what is written.
    progress : Progress, optional

    Returns
    -------
    Path
        The folder, with `INDEX_NAME` in it. Files are `<split>/<row>-<name>.<ending>`; nothing of a name in the dataset
        can lead out of it.

    Raises
    ------
    SourceError
        A shard is damaged or has no images.
    UnsafeArchiveError
        More files or bytes than the settings allow.
    StorageError
        The disk is full or cannot be written.
    """
    target = written_folder(identity, sources)
    if target.is_dir():
        return target
    with writing(target):
        sources.mkdir(parents=True, exist_ok=True)
        aside = sources / f".{target.name}.{secrets.token_hex(4)}"
        try:
            aside.mkdir(mode=0o700)
            _Writer(aside, settings, progress or Silent()).write(shards)
            try:
                aside.rename(target)
            except OSError:
                if not target.is_dir():  # else another process was faster, with the same dataset
                    raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return target


def written_folder(identity: Any, sources: Path) -> Path:
    """Folder that `write_images` gives a dataset."""
    return sources / f"hf-{digest_of([_VERSION, identity], n_chars=32)}"


def identity_of(path: Path) -> Any:
    """Tell a dataset on disk by the names, sizes and times of its files."""
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.suffix in (".parquet", ".arrow"))
    stamps = [[str(f.relative_to(path.parent)), f.stat().st_size, f.stat().st_mtime_ns] for f in files]
    return [str(path.resolve()), stamps]


class _Writer:
    def __init__(self, folder: Path, settings: Settings, progress: Progress) -> None:
        self.folder, self.settings, self.progress = folder, settings, progress
        self.n_files = self.n_bytes = 0
        self.rows: list[pa.Table] = []
        self.metadata: Mapping[bytes, bytes] | None = None
        self.paths: list[str] = []
        self.reasons: list[str | None] = []
        self.splits: list[str | None] = []

    def write(self, shards: Sequence[Shard]) -> None:
        """Write every image, and then the index."""
        import pyarrow as pa
        from pyarrow import parquet

        for shard in shards:
            try:
                for batch in shard.batches():
                    self.progress.check_cancelled()
                    self._take(batch, shard.split)
            except (pa.ArrowException, UnicodeDecodeError) as error:
                detail = (str(error).splitlines() or ["damaged"])[0][:200].rstrip(".")
                raise SourceError(f"A table of the dataset cannot be read ({detail}): fetch it anew.") from None
        if not self.paths:
            raise SourceError("The dataset has no rows with images: choose another.")
        try:
            index = pa.concat_tables(self.rows, promote_options="permissive")
        except pa.ArrowException:
            raise SourceError("The tables of the dataset have columns of different types: choose one split.") from None
        parquet.write_table(index.replace_schema_metadata(self.metadata), self.folder / INDEX_NAME)

    def _take(self, batch: pa.Table, split: str | None) -> None:
        import pyarrow as pa

        name = image_column(batch.schema)
        self.metadata = self.metadata or batch.schema.metadata
        if name is None:
            raise SourceError(f"The dataset has no column of images; it has {', '.join(batch.column_names[:20])}.")
        column = batch[name]
        first = len(self.paths)
        for value in column.to_pylist():
            given = value if isinstance(value, dict) else {"bytes": value, "path": None}
            data, path = given.get("bytes"), given.get("path")
            number = len(self.paths)
            below = f"{_plain_name(split or 'data')}/{number:08d}"
            if isinstance(path, str) and (stem := _plain_name(Path(path.replace("\\", "/")).stem)) != "_":
                below += f"-{stem}"
            self.splits.append(split)
            if not isinstance(data, bytes):
                # A path would be one of the machine that made the dataset, or any file of this one.
                self.paths.append(below)
                self.reasons.append("The dataset has no bytes for this image, only a path: save it with the images.")
                continue
            below += _ENDINGS.get(sniff_format(data) or "", ".bin")
            self._count(len(data))
            file = self.folder / below
            file.parent.mkdir(mode=0o700, exist_ok=True)
            file.write_bytes(data)
            self.paths.append(below)
            self.reasons.append(None)
        own: tuple[list[Any], ...] = (self.paths, self.reasons, self.splits)
        rows = pa.table([pa.array(values[first:], pa.string()) for values in own], names=list(_OWN))
        for field in batch.schema:
            if not _holds_bytes(field.type) and field.name not in _OWN:
                rows = rows.append_column(field, batch[field.name])
        self.rows.append(rows)

    def _count(self, n_bytes: int) -> None:
        self.n_files += 1
        self.n_bytes += n_bytes
        for n, most, name in (
            (self.n_files, self.settings.max_archive_files, "max_archive_files"),
            (self.n_bytes, self.settings.max_archive_bytes, "max_archive_bytes"),
        ):
            if n > most:
                raise UnsafeArchiveError(f"The dataset holds more than {most:,} of what {name} allows: raise {name}.")


def _plain_name(name: str) -> str:
    """Make a file's name of letters, digits, `_` and `-`, of at most 60."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:60] or "_"


def _holds_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_nested(kind):
        return any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def list_written(folder: Path, *, rule: LabelRule) -> Listing:
    """List a dataset whose images `write_images` wrote.

    Parameters
    ----------
    folder : Path
    rule : LabelRule
        Under the default "folder", the label is the most frequent class of the objects where there are any, else the
        column `label`, `labels`, `fine_label`, `class` or `category`, else the first column of class labels; the split
        is that of the dataset.

    Returns
    -------
    Listing
        With `objects` where a column `objects` holds boxes as COCO writes them: left, top, width, height in pixels.

    Raises
    ------
    UnknownNameError
        The rule names a column that the dataset lacks.
    ParameterError
        The rule counts folders.
    """
    import pyarrow as pa
    from pyarrow import parquet

    index = parquet.read_table(folder / INDEX_NAME)
    features = features_of(index.schema)
    names = [name for name in index.column_names if name not in _OWN]
    objects_column = next((name for name in OBJECT_COLUMNS if name in names and _boxes_of(index[name].type)), None)
    label_column = _label_column(names, features, rule.label_from, has_objects=objects_column is not None)
    split_column = _column(names, rule.split_from)
    labels = _texts(index[label_column], features.get(label_column)) if label_column else [None] * index.num_rows
    splits = _texts(index[split_column], features.get(split_column)) if split_column else index["_split"].to_pylist()
    if rule.split_from == "none":
        splits = [None] * index.num_rows
    places = []
    for path, reason, label, split in zip(
        index["_path"].to_pylist(), index["_reason"].to_pylist(), labels, splits, strict=True
    ):
        place = Place(path=path, label=label, split=split, reason=reason)
        if reason is None:
            try:
                status = (folder / path).stat()
            except OSError as error:
                place.reason = f"The file cannot be opened: {error.strerror}."
            else:
                place.n_bytes, place.mtime_ns = status.st_size, status.st_mtime_ns
        places.append(place)
    metadata = {}
    for name in names:
        if name not in (label_column, split_column, objects_column):
            decoded = _class_names(features.get(name))
            texts = pa.chunked_array([pa.array(_texts(index[name], features.get(name)), pa.string())])
            metadata[name] = texts if decoded else flat_column(index[name])
    root = str(folder.resolve())
    if objects_column is None:
        return make_listing(root, places, metadata)
    frames = _frames(index)
    values = index[objects_column].to_pylist()
    classes = _class_names(features.get(objects_column))
    images = {
        place.path: AnnotatedImage(objects=_objects_of(value, frame, classes))
        for place, value, frame in zip(places, values, frames, strict=True)
    }
    keep = LabelRule(label_from="folder" if label_column is None and rule.label_from == "folder" else "none")
    return list_annotated(root, places, images, rule=keep, metadata=metadata)


def _label_column(names: Sequence[str], features: Json, rule: str, *, has_objects: bool) -> str | None:
    if rule != "folder":
        return _column(names, rule)
    if has_objects:
        return None
    named = next((name for name in LABEL_COLUMNS if name in names), None)
    return named or next((name for name in names if (features.get(name) or {}).get("_type") == "ClassLabel"), None)


def _column(names: Sequence[str], rule: str) -> str | None:
    if rule in ("folder", "none"):
        return None
    if rule in names:
        return rule
    if is_folder_rule(rule):
        raise ParameterError(f"{rule!r} counts folders, and a Hugging Face dataset has none: name a column.")
    raise UnknownNameError("column", rule, [*names, "folder", "none"])


def _texts(column: pa.ChunkedArray, feature: Any) -> list[str | None]:
    """Read a column as text: classes by their names, lists as JSON."""
    classes = _class_names(feature)
    texts: list[str | None] = []
    for value in column.to_pylist():
        if classes and isinstance(value, int):
            texts.append(classes[value] if 0 <= value < len(classes) else None)  # -1 stands for none
        elif value is None or value == "":
            texts.append(None)
        else:
            texts.append(class_name(value if not isinstance(value, (list, dict)) else json.dumps(value, default=str)))
    return texts


def _class_names(feature: Any, depth: int = 0) -> list[str]:
    """Find the names of a class label, also one inside lists and structs."""
    if isinstance(feature, list) and depth < 8:
        return next((found for one in feature if (found := _class_names(one, depth + 1))), [])
    if not isinstance(feature, dict) or depth >= 8:
        return []
    if feature.get("_type") == "ClassLabel":
        names = feature.get("names")
        return [class_name(name) for name in names] if isinstance(names, list) else []
    return next((found for one in feature.values() if (found := _class_names(one, depth + 1))), [])


def _boxes_of(kind: pa.DataType) -> bool:
    """Whether a column holds lists of boxes: a struct of lists, or a list of structs."""
    import pyarrow as pa

    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_struct(kind) and any(field.name in _BOX_FIELDS for field in kind))


def _frames(index: pa.Table) -> list[Frame | None]:
    if not {"width", "height"} <= set(index.column_names):
        return [None] * index.num_rows
    sides = zip(index["width"].to_pylist(), index["height"].to_pylist(), strict=True)
    return [(float(w), float(h)) if type(w) is int and type(h) is int and w > 0 and h > 0 else None for w, h in sides]


def _objects_of(value: Any, frame: Frame | None, classes: Sequence[str]) -> list[AnnotatedObject]:
    return [_object_of(box, number, frame, classes) for box, number in _pairs(value)]


def _pairs(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield box and class of each object, of a struct of lists or of a list of structs."""
    if isinstance(value, dict):
        boxes = next((value[name] for name in _BOX_FIELDS if name in value), None) or []
        numbers = next((value[name] for name in _CLASS_FIELDS if name in value), None) or []
        yield from ((box, numbers[i] if i < len(numbers) else None) for i, box in enumerate(boxes))
    for one in value if isinstance(value, list) else []:
        if isinstance(one, dict):
            yield (
                next((one[name] for name in _BOX_FIELDS if name in one), None),
                next((one[name] for name in _CLASS_FIELDS if name in one), None),
            )


def _object_of(box: Any, number: Any, frame: Frame | None, classes: Sequence[str]) -> AnnotatedObject:
    read, reason = read_box(box, frame)
    label = None
    if isinstance(number, int) and classes:
        label = classes[number] if 0 <= number < len(classes) else None
    elif number is not None:
        label = class_name(number)
    if label is None:
        reason = reason or f"There is no class of the number {ascii(number)[:40]}."
    return AnnotatedObject(label=label, box=read, frame=frame, reason=reason)
