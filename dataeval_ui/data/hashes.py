"""Perceptual hashes: 64 bits that change little when an image is resized, recompressed or brightened."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

_DCT_PX = 32
_KEPT = 8
_FLAT = 0.5  # grey levels: what rounding leaves of a blank image is no pattern


def phash(grey: Image.Image) -> int:
    """Hash the low frequencies of an image.

    Bit `63 - (8 * row + column)` tells whether that coefficient of the 32 x 32 DCT (type II, orthonormal) is above the
    median of the lowest 8 x 8 without the constant. The constant's own bit is 0, so brightness does not count.

    Parameters
    ----------
    grey : PIL.Image.Image
        Mode "L", of any size.

    Returns
    -------
    int
        In [0, 2**63). 0 for a blank image: all of one value have this same hash, and so nothing else is told by it.

    References
    ----------
    Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010.
    """
    values = np.asarray(_shrunk(grey, _DCT_PX, _DCT_PX), dtype=np.float32)
    return phash_of_values(values)


def phash_of_values(values: np.ndarray[Any, np.dtype[np.float32]]) -> int:
    """Hash grey values of shape (32, 32) that were already resized; see `phash`."""
    rows = _low_dct()
    low = (rows @ values @ rows.T).ravel()
    if np.abs(low[1:]).max() < _FLAT:
        return 0
    bits = low > np.median(low[1:])
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def dhash(grey: Image.Image) -> int:
    """Hash the sign of the horizontal gradient on 8 rows of 9 values.

    Parameters
    ----------
    grey : PIL.Image.Image
        Mode "L", of any size.

    Returns
    -------
    int
        In [0, 2**64). A bit is 1 where the value to the right is larger; 0 for a blank image.
    """
    values = np.asarray(_shrunk(grey, 9, 8), dtype=np.int16)
    return int.from_bytes(np.packbits(values[:, 1:] > values[:, :-1]).tobytes(), "big")


def hamming(a: int, b: int) -> int:
    """Count the bits in which two hashes differ, in [0, 64]."""
    return (a ^ b).bit_count()


def _shrunk(grey: Image.Image, width: int, height: int) -> Image.Image:
    from PIL import Image

    # Whole factors first, as long as two pixels and more are left for each: cheaper, and as good for a hash.
    return grey.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)


@cache
def _low_dct() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Make the first 8 rows of the orthonormal DCT-II matrix of 32 points."""
    frequency, place = np.arange(_KEPT)[:, None], np.arange(_DCT_PX)[None, :]
    rows = np.cos(np.pi * (2 * place + 1) * frequency / (2 * _DCT_PX)) * np.sqrt(2 / _DCT_PX)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, dtype=np.float32)
