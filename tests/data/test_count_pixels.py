from __future__ import annotations

import io

from PIL import Image

from dataeval_ui.data import count_pixels
from dataeval_ui.settings import Settings


def test_the_size_is_read_from_the_head_alone() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20)).save(buffer, "PNG")
    head = buffer.getvalue()[:-20]
    assert count_pixels(head, settings=Settings()) == 600
    assert count_pixels(b"no image", settings=Settings()) == 0
    assert count_pixels(head, settings=Settings(max_pixels=599)) == 0
