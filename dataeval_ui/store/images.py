"""What is known of each image whatever the backbone: size, thumbnail, statistics, perceptual hashes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dataeval_ui.store.parts import Parts
from dataeval_ui.store.workspace import Workspace
from dataeval_ui.types import DecodedImage

if TYPE_CHECKING:
    import pyarrow as pa

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


def read_image_columns(
    workspace: Workspace, image_ids: Sequence[str], columns: Sequence[str] = IMAGE_COLUMNS
) -> pa.Table:
    """Read what is known of images, a row each, in the order given.

    Parameters
    ----------
    workspace : Workspace
    image_ids : sequence of str
    columns : sequence of str, default all but the thumbnail
        Of a statistic alone `statistics.<name>` is not a column: take it by
        `pyarrow.compute.struct_field(table["statistics"], name)`.

    Raises
    ------
    StorageError
        An image that the store does not hold.
    """
    return ImageParts(workspace).read(image_ids, columns)
