"""The eight flips and quarter turns of small square pictures, and their perceptual hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dataeval_ui.types.turned import TURNS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dataeval_ui.types.base import Bool, Float32, Int32, Int64, UInt64

T = TypeVar("T", bound=np.generic)

N_TURNS = len(TURNS)
_HASH_PX = 32
_KEPT = 8
_FLAT = 0.5
_MATRICES = np.array(TURNS)
_ROWS_AT_ONCE = 1024


def turn_images(images: NDArray[T], turn: int) -> NDArray[T]:
    """Turn square images of shape (n, side, side, ...) so that the result at p is the image at M p, M of `TURNS`."""
    (a, b), (c, d) = TURNS[turn]
    swaps = a == 0
    turned = images.swapaxes(1, 2) if swaps else images
    across, down = (c, b) if swaps else (a, d)
    return turned[:, :: 1 if down > 0 else -1, :: 1 if across > 0 else -1]


def swaps_sides(turns: Int32 | Int64) -> Bool:
    """Whether each turn makes width of height."""
    swaps: Bool = _MATRICES[turns, 0, 0] == 0
    return swaps


def compose_turns(first: Int64, then: Int64) -> Int64:
    """Return the turn from a to c, where `first` is that from a to b and `then` that from b to c."""
    return _numbers(_MATRICES[then] @ _MATRICES[first])


def invert_turns(turns: Int64) -> Int64:
    """Return the turn from b to a of each that is from a to b."""
    return _numbers(_MATRICES[turns].swapaxes(-1, -2))


def _numbers(matrices: Int64) -> Int64:
    numbers: Int64 = (matrices[..., None, :, :] == _MATRICES).all(axis=(-1, -2)).argmax(axis=-1)
    return numbers


def pixel_orders(side: int) -> Int64:
    """Return, for each turn, the order in which it reads the pixels of a picture; of shape (8, side * side)."""
    pixels = np.arange(side * side).reshape(1, side, side)
    return np.stack([turn_images(pixels, turn).ravel() for turn in range(N_TURNS)])


def turned_hashes(luma: Float32) -> UInt64:
    """Hash grey images in all eight orientations.

    Parameters
    ----------
    luma : ndarray of shape (n, 32, 32), float32

    Returns
    -------
    ndarray of shape (8, n), uint64
        Of each image as each turn reads it; 0 for a blank one.

    Notes
    -----
    As `dataeval_ui.data.hashes.phash`. One transform serves all: a mirrored picture has the signs of the odd
    frequencies changed, a transposed one has rows and columns exchanged.
    """
    n = luma.shape[0]
    frequency, place = np.arange(_KEPT)[:, None], np.arange(_HASH_PX)[None, :]
    rows = (np.cos(np.pi * (2 * place + 1) * frequency / (2 * _HASH_PX)) * np.sqrt(2 / _HASH_PX)).astype(np.float32)
    rows[0] /= np.sqrt(2)
    low = rows @ luma @ rows.T
    sign = np.where(np.arange(_KEPT) % 2, -1, 1).astype(np.float32)
    hashes = np.empty((N_TURNS, n), dtype=np.uint64)
    flat = np.abs(low.reshape(n, -1)[:, 1:]).max(axis=1, initial=0) < _FLAT
    for turn, ((a, b), (c, d)) in enumerate(TURNS):
        swaps = a == 0
        turned = low.swapaxes(1, 2) if swaps else low
        across, down = (c, b) if swaps else (a, d)
        turned = turned * (sign if across < 0 else 1) * (sign if down < 0 else np.ones_like(sign))[:, None]
        values = turned.reshape(n, -1)
        bits = values > np.median(values[:, 1:], axis=1, keepdims=True)
        bits[:, 0] = False
        hashes[turn] = np.packbits(bits, axis=1).view(">u8")[:, 0]
    hashes[:, flat] = 0
    return hashes
