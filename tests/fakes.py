"""Fakes that several rooms' tests share."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from dataeval_ui.types import DecodedImage, EmbeddingKey, Manifest, digest_of

# --- store ------------------------------------------------------------------------------------------------------------

KEY = EmbeddingKey(
    backbone="tiny", checkpoint="0" * 16, layer="pool", pooling="mean", input_px=8, preprocessing="1" * 16
)


def image_id(number: int) -> str:
    """Id of the image with a number."""
    return hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()


def decoded_image(number: int) -> DecodedImage:
    """What decoding the image with a number would give."""
    return DecodedImage(
        image_id=image_id(number),
        width_px=10 + number,
        height_px=20 + number,
        format="JPEG",
        mode="RGB",
        thumbnail=b"\xff\xd8" + str(number).encode() + b"\xff\xd9",
        statistics={"brightness": number / 2, "contrast": 1.0},
        phash=2**64 - 1 - number,
        dhash=number,
    )


def embedding_of(number: int, n_dims: int = 4) -> np.ndarray:
    """Embedding of the image with a number, different for each."""
    return (np.arange(n_dims) + number * n_dims + 1).astype(np.float32)


def manifest_of(numbers: list[int]) -> Manifest:
    """A manifest with a place for each number, and one file that is no image."""
    n = len(numbers)
    table = pa.table(
        {
            "path": pa.array([*(f"class{i % 2}/{i}.jpg" for i in range(n)), "zz.txt"], pa.string()),
            "label": pa.array([*(f"class{i % 2}" for i in range(n)), None], pa.string()),
            "status": pa.array([*["ok"] * n, "unreadable"], pa.string()),
            "image_id": pa.array([*(image_id(number) for number in numbers), None], pa.string()),
        }
    )
    return Manifest(table=table, digest=digest_of(table.to_pylist()))
