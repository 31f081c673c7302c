from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from dataeval_ui.embed.decode_frames import BrokenFrameError, pack_image, read_frame, unpack_image, write_frame
from dataeval_ui.types import DecodedImage

IMAGE = DecodedImage(
    image_id="0" * 32,
    width_px=7,
    height_px=5,
    format="PNG",
    mode="RGB",
    thumbnail=b"\xff\xd8thumbnail",
    statistics={"brightness": 0.25},
    phash=2**64 - 1,
    dhash=0,
    pixels=np.arange(48, dtype=np.uint8).reshape(4, 4, 3),
)


def test_an_image_comes_out_as_it_went_in() -> None:
    stream = io.BytesIO()
    write_frame(stream, *pack_image(IMAGE))
    stream.seek(0)
    image = unpack_image(*read_frame(stream), input_px=4)
    assert image.phash == IMAGE.phash
    assert image.statistics == IMAGE.statistics
    assert image.thumbnail == IMAGE.thumbnail
    assert image.pixels is not None
    np.testing.assert_array_equal(image.pixels, IMAGE.pixels)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        struct.pack("<II", 5, 0) + b"{}",
        struct.pack("<II", 2**31, 0),
        struct.pack("<II", 2, 2**31) + b"{}",
        struct.pack("<II", 2, 0) + b"[]",
        struct.pack("<II", 2, 0) + b"\xff\xff",
        struct.pack("<II", 100_000, 0) + b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_refused_without_being_read_far(raw: bytes) -> None:
    with pytest.raises(BrokenFrameError):
        read_frame(io.BytesIO(raw))


@pytest.mark.parametrize(
    "change",
    [
        {"n_thumbnail": 3},
        {"n_thumbnail": "x"},
        {"phash": None},
        {"statistics": [1]},
        {"width_px": {}},
        {"width_px": float("inf")},
        {"reason": ...},
    ],
)
def test_an_image_with_a_field_of_another_kind_is_refused(change: dict[str, object]) -> None:
    head, body = pack_image(IMAGE)
    if change.get("reason") is ...:
        del head["reason"]
    else:
        head.update(change)
    with pytest.raises(BrokenFrameError):
        unpack_image(head, body, input_px=4)
