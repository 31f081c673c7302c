"""Aliases, literals and the digest that names everything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Float32 = npt.NDArray[np.float32]
    Int8 = npt.NDArray[np.int8]
    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]
    UInt64 = npt.NDArray[np.uint64]
    UInt8 = npt.NDArray[np.uint8]
    Bool = npt.NDArray[np.bool_]

Json = dict[str, Any]
PlaceStatus = Literal["listed", "ok", "unreadable"]
SourceFormat = Literal["auto", "folder", "coco", "yolo", "voc", "huggingface"]
ClusterMethod = Literal["hdbscan", "kmeans"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]
Stage = Literal["read", "embed", "prepare", "neighbors", "project", "cluster", "findings"]
FindingKind = Literal[
    "exact_duplicates",
    "near_duplicates",
    "turned_duplicates",
    "leak",
    "outlier",
    "unreadable",
    "annotation",
    "label_error",
    "quality",
    "image",
]

METADATA_PREFIX = "meta."
"""Columns of the user's own keep this prefix in every table, so that they never collide with ours."""


def digest_of(value: Any, *, n_chars: int = 16) -> str:
    """Hash a JSON-able value; equal values give equal digests on every machine and Python.

    Parameters
    ----------
    value : JSON-able
        Mappings are sorted by key.
    n_chars : int, default 16
        Length of the hexadecimal digest, in [8, 64]; 16 is 64 bits.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()[:n_chars]


def batches(n: int, size: int) -> Iterator[slice]:
    """Cut `range(n)` into slices of at most `size`, in order."""
    for start in range(0, n, size):
        yield slice(start, min(n, start + size))
