"""Manifests by digest."""

from __future__ import annotations

from typing import BinaryIO

from dataeval_ui.errors import StorageError
from dataeval_ui.store.durable import storing, write_durably
from dataeval_ui.store.workspace import Workspace, checked_name
from dataeval_ui.types import Manifest

_DIGEST = b"dataeval_ui.digest"


def save_manifest(workspace: Workspace, manifest: Manifest) -> None:
    """Store a manifest under its digest; one that is there is replaced, since times of files are not in the digest.

    Raises
    ------
    StorageError
        The disk is full or cannot be written.
    """
    import pyarrow.parquet as pq

    path = workspace.manifests_dir / f"{checked_name('manifest', manifest.digest)}.parquet"
    table = manifest.table.replace_schema_metadata({_DIGEST: manifest.digest.encode()})

    def write(stream: BinaryIO) -> None:
        pq.write_table(table, stream, compression="zstd", write_page_checksum=True)

    write_durably(path, write)


def load_manifest(workspace: Workspace, digest: str) -> Manifest:
    """Load the manifest of a digest.

    Raises
    ------
    StorageError
        It is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = workspace.manifests_dir / f"{checked_name('manifest', digest)}.parquet"
    if not path.is_file():
        raise StorageError(f"The manifest {digest} is not in the workspace. Run the dataset again.")
    try:
        with storing(path), pq.ParquetFile(path, page_checksum_verification=True) as parquet:
            table = parquet.read(use_threads=False)
    except (pa.ArrowInvalid, StorageError) as error:
        raise StorageError(f"The manifest {path} is damaged or cannot be read. Run the dataset again.") from error
    if (table.schema.metadata or {}).get(_DIGEST) != digest.encode():
        raise StorageError(f"The manifest {path} is not the one of that digest. Run the dataset again.")
    return Manifest(table=table.replace_schema_metadata(None), digest=digest)
