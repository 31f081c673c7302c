"""What a decoder process and the run say to each other.

A decoder opens hostile files, so the run never unpickles what a decoder says: an answer is a JSON head of numbers and
strings, followed by the bytes of the thumbnail and of the pixels.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from dataeval_ui.types import DecodedImage, Json

if TYPE_CHECKING:
    from dataeval_ui.types.base import UInt8

_LENGTHS = struct.Struct("<II")
_MAX_HEAD_BYTES = 2**20
_MAX_BODY_BYTES = 2**28


class BrokenFrameError(EOFError):
    """The other side ended, or said something that is no frame."""


def write_frame(stream: IO[bytes], head: Mapping[str, Any], body: bytes | memoryview = b"") -> None:
    """Send one message."""
    text = json.dumps(head).encode()
    stream.write(_LENGTHS.pack(len(text), len(body)))
    stream.write(text)
    stream.write(body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[Json, bytes]:
    """Receive one message.

    Raises
    ------
    BrokenFrameError
        The other side ended, or the message is none.
    """
    n_head, n_body = _LENGTHS.unpack(_read_exactly(stream, _LENGTHS.size))
    if n_head > _MAX_HEAD_BYTES or n_body > _MAX_BODY_BYTES:
        raise BrokenFrameError("a message of impossible length")
    try:
        head = json.loads(_read_exactly(stream, n_head))
    except (ValueError, RecursionError):
        raise BrokenFrameError("a message that is no JSON") from None
    if not isinstance(head, dict):
        raise BrokenFrameError("a message that is no object")
    return head, _read_exactly(stream, n_body)


def pack_image(image: DecodedImage) -> tuple[Json, bytes]:
    """Turn a decoded image into a message."""
    pixels = b"" if image.pixels is None else image.pixels.tobytes()
    head = {
        "image_id": image.image_id,
        "reason": image.reason,
        "width_px": image.width_px,
        "height_px": image.height_px,
        "format": image.format,
        "mode": image.mode,
        "statistics": {name: float(value) for name, value in image.statistics.items()},
        "phash": str(image.phash),  # 64 bits are more than JSON's numbers hold
        "dhash": str(image.dhash),
        "n_thumbnail": len(image.thumbnail),
    }
    return head, image.thumbnail + pixels


def unpack_image(head: Json, body: bytes, *, input_px: int | None) -> DecodedImage:
    """Turn a message back into a decoded image, checking every field.

    Raises
    ------
    BrokenFrameError
        A field is missing or of another type or length.
    """
    import numpy as np

    try:
        n_thumbnail = int(head["n_thumbnail"])
        thumbnail, raw = body[:n_thumbnail], memoryview(body)[n_thumbnail:]
        pixels: UInt8 | None = None
        if raw and input_px is not None:
            pixels = np.frombuffer(raw, dtype=np.uint8).reshape(input_px, input_px, 3)
        return DecodedImage(
            image_id=None if head["image_id"] is None else str(head["image_id"]),
            reason=None if head["reason"] is None else str(head["reason"]),
            width_px=int(head["width_px"]),
            height_px=int(head["height_px"]),
            format=str(head["format"]),
            mode=str(head["mode"]),
            thumbnail=thumbnail,
            statistics={str(name): float(value) for name, value in head["statistics"].items()},
            phash=int(head["phash"]),
            dhash=int(head["dhash"]),
            pixels=pixels,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BrokenFrameError(f"a message without a usable image: {error}") from None


def _read_exactly(stream: IO[bytes], n_bytes: int) -> bytes:
    data = stream.read(n_bytes)
    if len(data) != n_bytes:
        raise BrokenFrameError("the other side ended")
    return data
