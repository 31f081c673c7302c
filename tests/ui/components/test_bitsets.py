import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataeval_ui.errors import ParameterError
from dataeval_ui.ui.components.bitsets import decode_rows, encode_rows


def test_rows_0_and_9_of_10_are_bits_0_and_9():
    assert base64.b64decode(encode_rows(np.array([9, 0]), 10)) == bytes([0b00000001, 0b00000010])


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_what_is_written_is_read_again(case):
    n, rows = case
    np.testing.assert_array_equal(decode_rows(encode_rows(np.array(sorted(rows), dtype=np.int64), n), n), sorted(rows))


@pytest.mark.parametrize(
    "bits",
    [None, 7, [1], {"a": 1}, "", "AA", "****", "AAAAAAAA", "ÄÄ==", base64.b64encode(b"\x00\x04").decode()],
    ids=["none", "number", "list", "object", "empty", "short", "no-base64", "long", "no-ascii", "bit-beyond-the-last"],
)
def test_anything_but_ten_bits_is_refused_in_a_sentence(bits):
    with pytest.raises(ParameterError, match="does not fit 10 points; reload the page"):
        decode_rows(bits, 10)


@pytest.mark.parametrize("row", [-1, 10])
def test_a_row_outside_the_map_is_refused(row):
    with pytest.raises(ParameterError, match=r"Rows must be in \[0, 10\)"):
        encode_rows(np.array([3, row]), 10)


def test_no_rows_are_an_empty_set():
    assert decode_rows(encode_rows(np.array([], dtype=np.int64), 17), 17).size == 0
