"""From decoded pixels to the numbers that a network takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from dataeval_ui.types import Preprocessing, digest_of

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, UInt8


def digest_preprocessing(preprocessing: Preprocessing) -> str:
    """Digest of everything between a file's bytes and the network's input; part of the embedding key.

    It holds the version of the decoder, so that embeddings of pixels that were decoded differently never mix.
    """
    from dataeval_ui.data import DECODER_VERSION

    return digest_of({"preprocessing": asdict(preprocessing), "decoder": DECODER_VERSION})


def scale_and_offset(preprocessing: Preprocessing) -> tuple[Float32, Float32]:
    """Fold `(pixels / 255 - mean) / std` into `pixels * scale + offset`.

    Returns
    -------
    scale, offset : ndarray of shape (3,), float32
        One of each for red, green and blue.
    """
    import numpy as np

    mean = np.asarray(preprocessing.mean, dtype=np.float64)
    std = np.asarray(preprocessing.std, dtype=np.float64)
    return (1.0 / (255.0 * std)).astype(np.float32), (-mean / std).astype(np.float32)


def normalise(pixels: UInt8, preprocessing: Preprocessing) -> Float32:
    """Turn decoded pixels into the network's input.

    Networks run here have this step folded into them; this is what it must agree with.

    Parameters
    ----------
    pixels : ndarray of shape (n, input_px, input_px, 3), uint8
        RGB in [0, 255].
    preprocessing : Preprocessing

    Returns
    -------
    ndarray of shape (n, 3, input_px, input_px), float32
    """
    import numpy as np

    mean = np.asarray(preprocessing.mean, dtype=np.float32)
    std = np.asarray(preprocessing.std, dtype=np.float32)
    scaled = (pixels.astype(np.float32) / np.float32(255.0) - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
