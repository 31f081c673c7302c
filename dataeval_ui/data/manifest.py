"""The digest that names a manifest."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from dataeval_ui.types import METADATA_PREFIX, Manifest, batches

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_ROWS = 10_000
_DIGEST_COLUMNS = frozenset(
    {"path", "image_id", "label", "split", "status"}
    | {"box_left_px", "box_top_px", "box_width_px", "box_height_px", "is_crowd"}  # of a run of objects alone
)


def finish_manifest(table: pa.Table, objects: pa.Table | None = None) -> Manifest:
    """Name a table of decoded places by what shapes a result.

    Parameters
    ----------
    table : pyarrow.Table
        The columns of `Manifest.table`.
    objects : pyarrow.Table, optional
        Those of `Manifest.objects`.

    Returns
    -------
    Manifest
        Its digest covers path, image_id, label, split, status and the user's own columns, row by row. The order of
        the columns, the width of their numbers and how they are cut into chunks change nothing; a changed time of a
        file changes nothing. Where there are objects, all their columns are in it.

    Notes
    -----
    About a second for a million rows of six columns.
    """
    digest = hashlib.blake2b(digest_size=32)
    for name in sorted(table.column_names):
        if name in _DIGEST_COLUMNS or name.startswith(METADATA_PREFIX):
            values = json.dumps(table[name].to_pylist(), separators=(",", ":"), default=str)
            digest.update(json.dumps([name, len(values)]).encode())
            digest.update(values.encode())
    if objects is not None:
        for name in sorted(objects.column_names):
            digest.update(json.dumps(["objects", name, objects.num_rows]).encode())
            for rows in batches(objects.num_rows, _BLOCK_ROWS):  # masks are long
                values = objects[name].slice(rows.start, rows.stop - rows.start).to_pylist()
                digest.update(json.dumps(values, separators=(",", ":")).encode())
    return Manifest(table=table, digest=digest.hexdigest()[:16], objects=objects)
