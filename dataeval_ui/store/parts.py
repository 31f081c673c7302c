"""The two tables of the truth: what is known of each image, and its embedding under one key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.errors import StorageError
from dataeval_ui.store.durable import read_json, write_json_durably
from dataeval_ui.store.part_list import DamagedPartError, Parts
from dataeval_ui.store.workspace import Workspace
from dataeval_ui.types import DecodedImage, EmbeddingKey

if TYPE_CHECKING:
    import pyarrow as pa

    from dataeval_ui.types.base import Float32

__all__ = ["IMAGE_COLUMNS", "DamagedPartError", "EmbeddingParts", "ImageParts", "Parts", "to_matrix"]

IMAGE_COLUMNS = ("image_id", "width_px", "height_px", "format", "mode", "phash", "dhash", "statistics")
"""Columns of the image parts but for `thumbnail` (binary, a JPEG). `statistics` is a struct of float32."""


class ImageParts:
    """The image parts of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.parts = Parts.local(workspace.images_dir / "parts", None)

    def append_images(self, images: Sequence[DecodedImage]) -> str:
        """Commit usable images as one part.

        Parameters
        ----------
        images : sequence of DecodedImage
            Each with an `image_id` and without a `reason`; all with the same statistics. An empty one commits nothing.

        Returns
        -------
        str
            Name of the part, or "" for none.

        Raises
        ------
        ValueError
            An image that could not be read.
        StorageError
            The disk is full or cannot be written.
        """
        import pyarrow as pa

        if bad := [image.reason for image in images if image.image_id is None or image.reason is not None]:
            raise ValueError(f"{len(bad)} images to be stored could not be read, such as: {bad[0]}")
        names = sorted({name for image in images for name in image.statistics})
        schema = pa.schema(
            [
                ("image_id", pa.string()),
                ("width_px", pa.int32()),
                ("height_px", pa.int32()),
                ("format", pa.string()),
                ("mode", pa.string()),
                ("phash", pa.uint64()),
                ("dhash", pa.uint64()),
                # Parquet knows no struct without a field
                ("statistics", pa.struct([(name, pa.float32()) for name in names or ["none"]])),
                ("thumbnail", pa.binary()),
            ]
        )
        columns = {name: [getattr(image, name) for image in images] for name in schema.names}
        columns["statistics"] = [dict(image.statistics) for image in images]
        return self.parts.append(pa.table(columns, schema=schema))

    def ids(self) -> set[str]:
        """Ids of all committed images."""
        return self.parts.ids()

    def read(self, image_ids: Sequence[str] | None, columns: Sequence[str] = IMAGE_COLUMNS) -> pa.Table:
        """Read rows in the order of `image_ids`; see `Parts.read`."""
        return self.parts.read(image_ids, columns)


class EmbeddingParts:
    """The embeddings of a workspace under one key.

    Parameters
    ----------
    workspace : Workspace
    key : EmbeddingKey
    """

    def __init__(self, workspace: Workspace, key: EmbeddingKey) -> None:
        self.key = key
        self._folder = workspace.embeddings_dir(key)
        self.parts = Parts.local(self._folder / "parts", None)

    @property
    def n_dims(self) -> int | None:
        """Length of an embedding, or None before the first was committed."""
        path = self._folder / "key.json"
        return int(read_json(path)["n_dims"]) if path.exists() else None

    def append_embeddings(self, image_ids: Sequence[str], embeddings: Float32) -> str:
        """Commit a batch as one part.

        Parameters
        ----------
        image_ids : sequence of str
        embeddings : ndarray of shape (n_images, n_dims), float32
            Finite. An empty batch commits nothing.

        Returns
        -------
        str
            Name of the part, or "" for none.

        Raises
        ------
        ValueError
            Shapes that do not fit, or a value that is not finite.
        StorageError
            The disk is full or cannot be written, or earlier embeddings of this key have another length.
        """
        if embeddings.ndim != 2 or len(embeddings) != len(image_ids):
            raise ValueError(f"{len(image_ids)} images came with embeddings of shape {embeddings.shape}.")
        if len(embeddings) == 0:
            return ""
        if not np.isfinite(embeddings).all():
            n_bad = int((~np.isfinite(embeddings).all(axis=1)).sum())
            raise ValueError(f"{n_bad} embeddings hold a value that is not finite; they are not stored.")
        n_dims = self.n_dims
        if n_dims is None:
            n_dims = embeddings.shape[1]
            write_json_durably(self._folder / "key.json", {**asdict(self.key), "n_dims": n_dims})
        if n_dims != embeddings.shape[1]:
            raise StorageError(
                f"{self._folder} holds embeddings of {n_dims} dimensions, got {embeddings.shape[1]}. "
                "The key must name what changed."
            )
        return self.parts.append(_embedding_table(image_ids, embeddings))

    def ids(self) -> set[str]:
        """Ids of all images whose embedding is committed."""
        return self.parts.ids()

    def read(self, image_ids: Sequence[str] | None) -> pa.Table:
        """Read rows in the order of `image_ids`; see `Parts.read`. For a whole run, `open_view` maps them instead."""
        return self.parts.read(image_ids, ["image_id", "embedding"])


def _embedding_table(image_ids: Sequence[str], embeddings: Float32) -> pa.Table:
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(embeddings, dtype=np.float32).reshape(-1))
    return pa.table(
        {
            "image_id": pa.array(image_ids, type=pa.string()),
            "embedding": pa.FixedSizeListArray.from_arrays(flat, embeddings.shape[1]),
        }
    )


def to_matrix(column: pa.ChunkedArray) -> Float32:
    """Turn an `embedding` column into an ndarray of shape (n_images, n_dims), float32."""
    joined = column.combine_chunks()
    # `flatten` heeds the offset of a sliced array, `values` does not
    matrix: Float32 = joined.flatten().to_numpy(zero_copy_only=False).reshape(len(joined), column.type.list_size)
    return matrix
