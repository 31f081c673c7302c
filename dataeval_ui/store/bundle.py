"""A finished run as one file: opened elsewhere, it computes nothing.

A bundle is a zip of `bundle.json` (the records), three Parquet tables (manifest, image rows, embeddings), a fourth of
masks where a run of objects has them, the run's results under `run/`, and on request the images under `files/`. Only
data, never code. Its rows are believed: an image of the same content is not embedded again, so import bundles from
people whose results you would believe.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from dataeval_ui.errors import ParameterError, StorageError, UnknownNameError
from dataeval_ui.store import bundle_checks as checks
from dataeval_ui.store.catalog import Catalog
from dataeval_ui.store.durable import aside_name, storing, write_durably
from dataeval_ui.store.manifests import load_manifest, save_manifest
from dataeval_ui.store.parts import IMAGE_COLUMNS, EmbeddingParts, ImageParts, Parts, to_matrix
from dataeval_ui.store.records import DatasetRecord, RunRecord
from dataeval_ui.store.results import is_finished
from dataeval_ui.store.workspace import Workspace
from dataeval_ui.types import Manifest, batches

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_ROWS = 4096
MAX_BYTES = 64 * 2**30
_EPOCH = (1980, 1, 1, 0, 0, 0)
_IMAGE_COLUMNS = (*IMAGE_COLUMNS, "thumbnail")
_EMBEDDING_COLUMNS = ("image_id", "embedding")


def export_bundle(
    workspace: Workspace, catalog: Catalog, run_id: str, out: Path, *, include_images: bool = False
) -> None:
    """Write a finished run as one file; the same run gives the same bytes.

    Parameters
    ----------
    workspace : Workspace
    catalog : Catalog
    run_id : str
    out : Path
        Replaced where it exists.
    include_images : bool, default False
        Also take the image files themselves.

    Raises
    ------
    ParameterError
        The run is not finished.
    StorageError
        Something of the run is missing, or `out` cannot be written.
    """
    run = catalog.get_run(run_id)
    if not is_finished(workspace, run_id):
        raise ParameterError(f"Run {run_id} is not finished. Run it to its end before it is exported.")
    dataset = catalog.get_dataset(run.dataset_id)
    manifest = load_manifest(workspace, run.manifest_digest)
    ids = checks.check_manifest(manifest.table)
    shared = replace(
        dataset,
        source=Path(dataset.source).name,  # where it lies on this machine is nobody's business
        root="",
        manifest_digest=run.manifest_digest,
        n_files=len(manifest.table),
    )
    card = {"format": checks.FORMAT, "version": checks.VERSION, "dataset": asdict(shared), "run": asdict(run)}

    def write(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w") as archive:
            text = json.dumps(card, default=_iso, sort_keys=True, indent=1)
            archive.writestr(_member("bundle.json"), text)
            _add_table(archive, "manifest.parquet", iter([manifest.table]), out)
            if run.params.objects and manifest.objects is not None:
                _add_table(archive, checks.MASKS, iter([manifest.objects]), out)
            images, embeddings = ImageParts(workspace).parts, EmbeddingParts(workspace, run.key).parts
            _add_table(archive, "images.parquet", _blocks(images, ids, _IMAGE_COLUMNS), out)
            _add_table(archive, "embeddings.parquet", _blocks(embeddings, ids, _EMBEDDING_COLUMNS), out)
            for path in sorted(workspace.run_dir(run_id).iterdir()):
                if path.suffix in (".npz", ".json") and not path.name.startswith("."):
                    _add_file(archive, f"run/{path.name}", path)
            if include_images:
                for path in _files_of(Path(dataset.root), manifest):
                    _add_file(archive, f"files/{path.relative_to(Path(dataset.root)).as_posix()}", path)

    write_durably(out, write)


def import_bundle(
    workspace: Workspace,
    catalog: Catalog,
    bundle: Path,
    *,
    root: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> RunRecord:
    """Take a bundle into a workspace. Taken once more, it changes nothing but a root that is gone.

    Parameters
    ----------
    workspace : Workspace
    catalog : Catalog
    bundle : Path
    root : str or None
        Folder where the images lie on this machine; None unpacks those of the bundle into the workspace, or leaves
        the dataset without its images where it has none: thumbnails are shown all the same.
    max_bytes : int
        Bytes of the bundle once unpacked.

    Returns
    -------
    RunRecord

    Raises
    ------
    UnsafeArchiveError
        A bundle that is damaged, or is not what an export writes. Nothing of it is taken then.
    StorageError
        The disk is full or cannot be written.
    """
    if not bundle.is_file():
        raise StorageError(f"There is no bundle {bundle}.")
    aside = aside_name(workspace.sources_dir / "bundle")
    try:
        with storing(aside), zipfile.ZipFile(bundle) as archive:
            checks.check_members(archive, max_bytes=max_bytes)
            dataset, run = checks.records_of(checks.read_member_json(archive, "bundle.json"))
            aside.mkdir(mode=0o700)
            for name in (*checks.TABLES, *({checks.MASKS} & set(archive.namelist()))):
                _extract(archive, name, aside / name)
            manifest, ids = _checked_tables(aside, run)
            _check_results(archive, len(ids))
            if is_finished(workspace, run.id):
                with contextlib.suppress(UnknownNameError):
                    known = catalog.get_run(run.id)
                    _mend_root(catalog, known.dataset_id, root)
                    return known
            if root is not None:
                root = str(Path(root).resolve())  # a link that takes its place later is told by that
            else:
                root = _unpack_images(archive, workspace.sources_dir / dataset.id)
            _take_rows(workspace, run, aside)
            _take_results(archive, workspace, run, manifest)
            return _take_records(catalog, replace(dataset, root=root), run)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, RuntimeError):
        checks.refuse("it is damaged or no zip")
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _checked_tables(aside: Path, run: RunRecord) -> tuple[Manifest, list[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    def is_vector(kind: Any) -> bool:
        return bool(pa.types.is_fixed_size_list(kind) and kind.value_type == pa.float32() and kind.list_size > 0)

    def is_statistics(kind: Any) -> bool:
        return bool(pa.types.is_struct(kind) and all(field.type == pa.float32() for field in kind))

    kinds = dict.fromkeys(("image_id", "format", "mode"), pa.string()) | dict.fromkeys(("phash", "dhash"), pa.uint64())
    kinds |= {"width_px": pa.int32(), "height_px": pa.int32(), "thumbnail": pa.binary()}
    image_columns: dict[str, Any] = {name: kind.equals for name, kind in kinds.items()}
    image_columns["statistics"] = is_statistics
    embedding_columns = {"image_id": pa.string().equals, "embedding": is_vector}
    try:
        with pq.ParquetFile(aside / "manifest.parquet") as table:
            manifest = Manifest(table=table.read(use_threads=False), digest=run.manifest_digest)
        ids = checks.check_manifest(manifest.table)
        if (aside / checks.MASKS).is_file():
            with pq.ParquetFile(aside / checks.MASKS) as table:
                masks = table.read(use_threads=False)
            checks.check_masks(masks, manifest.table)
            manifest = replace(manifest, objects=masks)
        for name, columns in (("images.parquet", image_columns), ("embeddings.parquet", embedding_columns)):
            with pq.ParquetFile(aside / name) as table:
                checks.check_rows(name, columns, len(ids), table)
                if set(table.read(columns=["image_id"], use_threads=False).column(0).to_pylist()) != set(ids):
                    checks.refuse(f"{name} has other images than its manifest")
                value = "thumbnail" if name == "images.parquet" else "embedding"
                for group in range(table.num_row_groups):
                    checks.check_values(name, table.read_row_group(group, columns=[value], use_threads=False))
    except (pa.ArrowException, OSError):
        checks.refuse("one of its tables is damaged")
    return manifest, ids


def _check_results(archive: zipfile.ZipFile, n_images: int) -> None:
    for name in archive.namelist():
        if name.endswith(".npz"):
            checks.check_result(name, archive.read(name), n_images)
        elif name.endswith(".json") and name.startswith("run/"):
            checks.read_member_json(archive, name)


def _take_rows(workspace: Workspace, run: RunRecord, aside: Path) -> None:
    images, embeddings = ImageParts(workspace).parts, EmbeddingParts(workspace, run.key)
    for table in _unknown_rows(aside / "images.parquet", images):
        images.append(table.select(_IMAGE_COLUMNS))
    for table in _unknown_rows(aside / "embeddings.parquet", embeddings.parts):
        ids = table.column("image_id").to_pylist()
        embeddings.append_embeddings(ids, to_matrix(table.column("embedding")))


def _unknown_rows(path: Path, parts: Parts) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    known = pa.array(sorted(parts.ids()), type=pa.string())
    with pq.ParquetFile(path) as table:
        for group in range(table.num_row_groups):
            rows = table.read_row_group(group, use_threads=False)
            rows = rows.filter(pc.invert(pc.is_in(rows.column("image_id"), value_set=known)))
            if rows.num_rows:
                yield rows


def _take_results(archive: zipfile.ZipFile, workspace: Workspace, run: RunRecord, manifest: Manifest) -> None:
    if not (workspace.manifests_dir / f"{manifest.digest}.parquet").is_file():
        save_manifest(workspace, manifest)
    folder = workspace.run_dir(run.id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = [name for name in archive.namelist() if name.startswith("run/")]
    for name in sorted(names, key=lambda name: name == "run/run.json"):  # last, since it says that all is there
        write_durably(folder / name.removeprefix("run/"), partial(_copy_member, archive, name))


def _take_records(catalog: Catalog, dataset: DatasetRecord, run: RunRecord) -> RunRecord:
    try:
        catalog.get_dataset(dataset.id)
    except UnknownNameError:
        taken = {known.name for known in catalog.list_datasets()}
        name, n = dataset.name, 1
        while name in taken:
            n += 1
            name = f"{dataset.name} ({n})"
        values = {f: getattr(dataset, f) for f in DatasetRecord.__slots__}
        try:
            catalog.add_dataset(**{**values, "name": name})
        except ParameterError:  # another process took the same bundle meanwhile, or the name
            catalog.get_dataset(dataset.id)
    with contextlib.suppress(UnknownNameError):
        return catalog.get_run(run.id)
    values = {f: getattr(run, f) for f in RunRecord.__slots__}
    try:
        return catalog.add_run(**{**values, "dataset_id": dataset.id})
    except ParameterError:  # another process took the same bundle meanwhile
        return catalog.get_run(run.id)


def _mend_root(catalog: Catalog, dataset_id: str, root: str | None) -> None:
    """Point a dataset whose folder is gone to the one given now, as after a move or a new installation."""
    if root is not None and Path(root).is_dir() and not Path(catalog.get_dataset(dataset_id).root).is_dir():
        catalog.update_dataset(dataset_id, root=root)


def _unpack_images(archive: zipfile.ZipFile, folder: Path) -> str:
    for name in archive.namelist():
        if name.startswith("files/"):
            path = folder / name.removeprefix("files/")
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.resolve().is_relative_to(folder.resolve()):
                checks.refuse("an image leaves its folder")
            _extract(archive, name, path)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(folder)


def _files_of(root: Path, manifest: Manifest) -> Iterator[Path]:
    resolved = root.resolve()
    column = "file" if "file" in manifest.table.column_names else "path"  # of a run of objects
    for path in dict.fromkeys(manifest.table.column(column).to_pylist()):
        place = root / path
        if place.is_file() and place.resolve().is_relative_to(resolved):
            yield place


def _blocks(parts: Parts, ids: Sequence[str], columns: Sequence[str]) -> Iterator[pa.Table]:
    if not ids:
        yield parts.read([], columns)
    for block in batches(len(ids), BLOCK_ROWS):
        yield parts.read(ids[block], columns)


def _add_table(archive: zipfile.ZipFile, name: str, tables: Iterator[pa.Table], out: Path) -> None:
    import pyarrow.parquet as pq

    aside = aside_name(out.with_name(f"{out.name}.{name}"))
    try:
        first = next(tables).replace_schema_metadata(None)
        with pq.ParquetWriter(aside, first.schema, compression="none", use_dictionary=False) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table.replace_schema_metadata(None).cast(first.schema))
        _add_file(archive, name, aside)
    finally:
        aside.unlink(missing_ok=True)


def _add_file(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    with path.open("rb") as source, archive.open(_member(name), "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _extract(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    # never more than the size that was checked: zipfile stops there, and a wrong checksum raises BadZipFile
    with archive.open(name) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def _copy_member(archive: zipfile.ZipFile, name: str, stream: BinaryIO) -> None:
    with archive.open(name) as source:
        shutil.copyfileobj(source, stream, 1 << 20)


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON")
