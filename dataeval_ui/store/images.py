"""What is known of each image, in the order that a caller wants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dataeval_ui.store.parts import IMAGE_COLUMNS, ImageParts
from dataeval_ui.store.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa


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
