"""Sets of rows as base64 bitsets: 17 kB for 100,000 rows, whatever is selected."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.errors import ParameterError

if TYPE_CHECKING:
    from dataeval_ui.types.base import Int64


def encode_rows(rows: Int64, n_points: int) -> str:
    """Write rows as a base64 bitset, least significant bit first.

    Parameters
    ----------
    rows : ndarray of shape (n_rows,), int
        Each in [0, n_points); order and repeats do not matter.
    n_points : int

    Raises
    ------
    ParameterError
        A row outside the map.
    """
    rows = np.asarray(rows, dtype=np.int64)
    if rows.size and (rows.min() < 0 or rows.max() >= n_points):
        raise ParameterError(f"Rows must be in [0, {n_points}), got [{rows.min()}, {rows.max()}].")
    mask = np.zeros(n_points, dtype=np.uint8)
    mask[rows] = 1
    return base64.b64encode(np.packbits(mask, bitorder="little").tobytes()).decode("ascii")


def decode_rows(bits: object, n_points: int) -> Int64:
    """Read a bitset that a browser sent.

    Returns
    -------
    ndarray of shape (n_rows,), int64
        Ascending.

    Raises
    ------
    ParameterError
        Anything but a bitset of exactly `n_points` bits, with no bit set beyond them.
    """
    wrong = ParameterError(f"The browser sent a selection that does not fit {n_points} points; reload the page.")
    if not isinstance(bits, str):
        raise wrong
    try:
        packed = base64.b64decode(bits, validate=True)
    except (binascii.Error, ValueError):
        raise wrong from None
    if len(packed) != (n_points + 7) // 8:
        raise wrong
    rows = np.flatnonzero(np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little"))
    if rows.size and rows[-1] >= n_points:
        raise wrong
    return rows.astype(np.int64)
