"""Manifests by digest."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dataeval_ui.errors import StorageError
from dataeval_ui.store.durable import storing, write_durably
from dataeval_ui.store.part_format import is_sealed_right, seal
from dataeval_ui.store.workspace import Workspace, checked_name
from dataeval_ui.types import Manifest

if TYPE_CHECKING:
    import pyarrow as pa

_DIGEST = b"dataeval_ui.digest"
_OBJECTS = b"dataeval_ui.objects"


def save_manifest(workspace: Workspace, manifest: Manifest) -> None:
    """Store a manifest under its digest; one that is there is replaced, since times of files are not in the digest.

    Raises
    ------
    StorageError
        The disk is full or cannot be written.
    """
    metadata = {_DIGEST: manifest.digest.encode()}
    if manifest.objects is not None:  # before the manifest that tells of them
        _write(_path(workspace, manifest.digest, "-objects"), manifest.objects.replace_schema_metadata(metadata))
        metadata[_OBJECTS] = b"true"
    _write(_path(workspace, manifest.digest), manifest.table.replace_schema_metadata(metadata))


def load_manifest(workspace: Workspace, digest: str) -> Manifest:
    """Load the manifest of a digest.

    Raises
    ------
    StorageError
        It is missing or damaged.
    """
    table = _read(_path(workspace, digest), digest)
    objects = None
    if _OBJECTS in table.schema.metadata:
        objects = _read(_path(workspace, digest, "-objects"), digest).replace_schema_metadata(None)
    return Manifest(table=table.replace_schema_metadata(None), digest=digest, objects=objects)


def _path(workspace: Workspace, digest: str, part: str = "") -> Path:
    return workspace.manifests_dir / f"{checked_name('manifest', digest)}{part}.parquet"


def _write(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)

    def write(stream: BinaryIO) -> None:
        stream.write(seal(sink.getvalue()))

    write_durably(path, write)


def _read(path: Path, digest: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise StorageError(f"The manifest {digest} is not in the workspace. Run the dataset again.")
    try:
        with storing(path), path.open("rb") as stream:
            if not is_sealed_right(stream, path.stat().st_size):
                raise pa.ArrowInvalid("The footer is not the one that was written.")
            with pq.ParquetFile(stream, page_checksum_verification=True) as parquet:
                table = parquet.read(use_threads=False)
    except (pa.ArrowException, UnicodeDecodeError, StorageError) as error:
        raise StorageError(f"The manifest {path} is damaged or cannot be read. Run the dataset again.") from error
    if (table.schema.metadata or {}).get(_DIGEST) != digest.encode():
        raise StorageError(f"The manifest {path} is not the one of that digest. Run the dataset again.")
    return table
