"""Selections and ranges as the address of a page and a saved view hold them."""

from __future__ import annotations

import base64
import binascii
import math
import zlib
from typing import TYPE_CHECKING

from dataeval_ui.errors import InputError

if TYPE_CHECKING:
    from dataeval_ui.types.base import Int64

Range = tuple[float, float]

MAX_ADDRESS_CHARS = 1_500
"""A longer selection is kept by the server and the address names it: browsers and proxies cut long addresses."""

KEPT_PREFIX = "kept."
"""A parameter of a saved view that begins so holds a selection that the address itself is too short for."""

_KEPT = "kept-"


def parse_range(text: str) -> Range | None:
    """Read "0.5..1", None where that is no range."""
    low, separator, high = text.partition("..")
    try:
        bounds = float(low), float(high)
    except ValueError:
        return None
    return bounds if separator and all(map(math.isfinite, bounds)) and bounds[0] <= bounds[1] else None


def format_range(bounds: Range) -> str:
    """Write a range so that `parse_range` gives the same numbers."""
    return f"{bounds[0]!r}..{bounds[1]!r}"


def encode_selection(rows: Int64, n_images: int) -> tuple[str, bytes]:
    """Pack rows for an address.

    Returns
    -------
    text : str
        A compressed bitset, or "kept-<digest>" where that is longer than `MAX_ADDRESS_CHARS`.
    packed : bytes
        What the digest names.
    """
    import hashlib

    import numpy as np

    mask = np.zeros(n_images, dtype=np.bool_)
    mask[rows] = True
    packed = zlib.compress(np.packbits(mask, bitorder="little").tobytes(), 9)
    text = base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")
    if len(text) > MAX_ADDRESS_CHARS:
        text = _KEPT + hashlib.blake2b(packed, digest_size=12).hexdigest()
    return text, packed


def decode_selection(text: str, n_images: int, kept: bytes | None = None) -> Int64:
    """Read what `encode_selection` wrote.

    Parameters
    ----------
    text : str
    n_images : int
    kept : bytes, optional
        What the server kept under the digest that `text` names.

    Raises
    ------
    InputError
        It does not fit the run, or is no longer kept.
    """
    import numpy as np

    if text.startswith(_KEPT) and kept is None:
        raise InputError("The selection of this address is no longer kept by the server. Draw it again.")
    wrong = InputError("The selection of this address does not fit this run. Draw it again.")
    n_bytes = (n_images + 7) // 8
    try:
        packed = kept if kept is not None else base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        bits = zlib.decompressobj().decompress(packed, n_bytes + 1)
    except (binascii.Error, zlib.error, ValueError):
        raise wrong from None
    if len(bits) != n_bytes:
        raise wrong
    rows = np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little"))
    if rows.size and rows[-1] >= n_images:
        raise wrong
    return rows.astype(np.int64)


def kept_digest(text: str | None) -> str | None:
    """Return the digest that a selection in an address names, None for one that the address holds itself."""
    return text.removeprefix(_KEPT) if text is not None and text.startswith(_KEPT) else None
