"""The bytes of one Parquet part: the same rows give the same bytes, and a changed byte is noticed on reading."""

from __future__ import annotations

from hashlib import blake2b
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
    return seal(memoryview(sink.getvalue()).tobytes())


def _compression(kind: Any) -> str:
    import pyarrow as pa

    # JPEG bytes and embeddings do not get smaller
    return "none" if pa.types.is_binary(kind) or pa.types.is_fixed_size_list(kind) else "zstd"


_SEAL = b"dataeval-ui footer"
_SEAL_BYTES = len(_SEAL) + 16
_TAIL_BYTES = 8  # length of the footer, and "PAR1"
_MAX_FOOTER_BYTES = 2**30


def seal(data: bytes) -> bytes:
    """Put a digest of the footer in front of it, where readers of Parquet never look.

    Pages have checksums and the footer has none: a changed bit there can give one column the values of another.
    """
    start = len(data) - _TAIL_BYTES - int.from_bytes(data[-8:-4], "little")
    return data[:start] + _SEAL + blake2b(data[start:], digest_size=16).digest() + data[start:]


def is_sealed_right(stream: Any, n_bytes: int) -> bool:
    """Whether the footer of an open file is the one that was written; True for a file without a seal.

    Parameters
    ----------
    stream : binary file
    n_bytes : int
        Its length.
    """
    if n_bytes < _TAIL_BYTES:
        return False
    stream.seek(n_bytes - _TAIL_BYTES)
    n_footer = int.from_bytes(stream.read(4), "little") + _TAIL_BYTES
    start = n_bytes - n_footer - _SEAL_BYTES
    if n_footer > _MAX_FOOTER_BYTES or start < 0:
        return n_footer <= n_bytes
    stream.seek(start)
    found = stream.read(_SEAL_BYTES + n_footer)
    if not found.startswith(_SEAL):
        return True
    footer = found[_SEAL_BYTES:]
    return bool(blake2b(footer, digest_size=16).digest() == found[len(_SEAL) : _SEAL_BYTES])


def check_seal(source: Any) -> None:
    """Raise OSError for an open file whose footer is not the one that was written, and rewind it."""
    if not is_sealed_right(source, source.size()):
        raise OSError("the footer is not the one that was written")
    source.seek(0)


def first_of_each(id_column: str, table: pa.Table) -> pa.Table:
    """Keep the first row of every id."""
    import pyarrow.compute as pc

    ids = table.column(id_column).combine_chunks()
    return table.take(pc.index_in(pc.unique(ids), value_set=ids))
