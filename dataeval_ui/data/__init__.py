"""Sources of images, the listing of their places, and the safe decoding of one file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataeval_ui.data.crops import FileHead, Rect, crop_id, crop_of, decode_crops, read_head
    from dataeval_ui.data.decode import (
        DECODER_VERSION,
        count_pixels,
        decode_bytes,
        decode_file,
        image_id_of,
        read_bytes,
        read_image_id,
        read_orientation,
        render_image,
    )
    from dataeval_ui.data.hashes import dhash, hamming, phash
    from dataeval_ui.data.manifest import finish_manifest
    from dataeval_ui.data.objects import read_objects, settle_objects, upright_box, upright_mask
    from dataeval_ui.data.paths import safe_member_path
    from dataeval_ui.data.source import list_source
    from dataeval_ui.data.statistics import STATISTICS, Statistic

_HOMES = {
    "DECODER_VERSION": "decode",
    "FileHead": "crops",
    "Rect": "crops",
    "STATISTICS": "statistics",
    "crop_id": "crops",
    "crop_of": "crops",
    "decode_crops": "crops",
    "read_head": "crops",
    "read_objects": "objects",
    "upright_box": "objects",
    "upright_mask": "objects",
    "Statistic": "statistics",
    "count_pixels": "decode",
    "decode_bytes": "decode",
    "decode_file": "decode",
    "dhash": "hashes",
    "finish_manifest": "manifest",
    "hamming": "hashes",
    "image_id_of": "decode",
    "list_source": "source",
    "phash": "hashes",
    "read_bytes": "decode",
    "read_image_id": "decode",
    "read_orientation": "decode",
    "settle_objects": "objects",
    "render_image": "decode",
    "safe_member_path": "paths",
}

__all__ = [
    "DECODER_VERSION",
    "STATISTICS",
    "FileHead",
    "Rect",
    "Statistic",
    "count_pixels",
    "crop_id",
    "crop_of",
    "decode_bytes",
    "decode_crops",
    "decode_file",
    "dhash",
    "finish_manifest",
    "hamming",
    "image_id_of",
    "list_source",
    "phash",
    "read_bytes",
    "read_head",
    "read_image_id",
    "read_objects",
    "read_orientation",
    "render_image",
    "safe_member_path",
    "settle_objects",
    "upright_box",
    "upright_mask",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: numpy is not needed to list a folder or to answer `--help`."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
