"""The bytes of one Parquet part: the same rows give the same bytes, and a changed byte is noticed on reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP_ROWS = 4096


def to_parquet(table: pa.Table) -> bytes:
    """Serialise a table, with a checksum a page and without anything that depends on when or where."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata(None),
        sink,
        row_group_size=ROW_GROUP_ROWS,
        compression={name: _compression(table.schema.field(name).type) for name in table.schema.names},
        use_dictionary=False,
        write_statistics=False,
        write_page_checksum=True,
    )
    return memoryview(sink.getvalue()).tobytes()


def _compression(kind: Any) -> str:
    import pyarrow as pa

    # JPEG bytes and embeddings do not get smaller
    return "none" if pa.types.is_binary(kind) or pa.types.is_fixed_size_list(kind) else "zstd"
