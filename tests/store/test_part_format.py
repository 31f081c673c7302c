"""The seal of a Parquet file: no changed bit of its footer gives other values."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataeval_ui.store.part_format import is_sealed_right, seal, to_parquet
from dataeval_ui.store.part_list import Parts

TABLE = pa.table({"image_id": ["a", "b", "c"], "width": [1, 2, 3], "height": [4, 5, 6]})


def sealed_right(data: bytes) -> bool:
    return is_sealed_right(io.BytesIO(data), len(data))


def test_a_sealed_file_is_read_by_any_reader() -> None:
    assert pq.read_table(io.BytesIO(to_parquet(TABLE))).equals(TABLE)


def test_every_changed_bit_of_the_footer_is_noticed() -> None:
    data = to_parquet(TABLE)
    assert sealed_right(data)
    n_footer = int.from_bytes(data[-8:-4], "little") + 8
    for place in range(len(data) - n_footer, len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        if sealed_right(bytes(changed)):  # another length points elsewhere; then no reader takes it for Parquet
            assert place >= len(data) - 8
            with pytest.raises((pa.ArrowException, OSError)):
                pq.read_table(io.BytesIO(bytes(changed)))


def test_a_file_without_a_seal_is_taken_as_it_is() -> None:
    stream = io.BytesIO()
    pq.write_table(TABLE, stream)
    assert sealed_right(stream.getvalue())
    assert sealed_right(seal(stream.getvalue()))


@pytest.mark.parametrize("n_bytes", [0, 3, 8, 40])
def test_a_torn_file_is_no_error_here(n_bytes: int) -> None:
    assert sealed_right(to_parquet(TABLE)[:n_bytes]) in (True, False)


def test_no_changed_bit_of_a_part_gives_other_rows(tmp_path) -> None:
    parts = Parts.local(tmp_path, None)
    path = tmp_path / parts.append(TABLE)
    whole = path.read_bytes()
    for place in np.random.default_rng(0).permutation(len(whole))[:400]:
        changed = bytearray(whole)
        changed[place] ^= 1 << int(place) % 8
        path.write_bytes(changed)
        fresh = Parts.local(tmp_path, None)
        if len(fresh.ids()) == 3:
            try:
                assert fresh.read(["a", "b", "c"], TABLE.column_names).equals(TABLE)
            except OSError:
                continue
