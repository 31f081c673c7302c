"""Damaged files of every format: the decoder answers with an image or a reason, and never raises."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from dataeval_ui.data import decode_bytes
from tests.data.images import SETTINGS, SMALL, encoded, photo

EXIF = Image.Exif()
EXIF[0x0112] = 6
SEEDS = [
    encoded(photo(40, 30), "JPEG", exif=EXIF),
    encoded(photo(40, 30), "JPEG", progressive=True),
    encoded(photo(40, 30, mode="CMYK"), "JPEG"),
    encoded(photo(40, 30, mode="RGBA"), "PNG"),
    encoded(photo(40, 30).quantize(16), "PNG", transparency=2),
    encoded(Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40)), "PNG"),
    encoded(photo(40, 30), "WEBP"),
    encoded(photo(40, 30, mode="RGBA"), "WEBP", lossless=True),
    encoded(photo(40, 30), "GIF", save_all=True, append_images=[photo(40, 30, seed=1)]),
    encoded(photo(40, 30), "TIFF", compression="tiff_lzw"),
    encoded(Image.fromarray(np.ones((30, 40), dtype=np.float32)), "TIFF"),
    encoded(photo(40, 30), "TIFF", compression="jpeg"),
    encoded(photo(40, 30), "BMP"),
]

mutations = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.floats(0, 1, exclude_max=True), st.integers(0, 255)),
        st.tuples(st.just("cut"), st.floats(0, 1, exclude_max=True), st.just(0)),
        st.tuples(st.just("drop"), st.floats(0, 0.2), st.integers(1, 9)),
        st.tuples(st.just("head"), st.floats(0, 0.1), st.integers(0, 255)),
        st.tuples(st.just("double"), st.floats(0, 1, exclude_max=True), st.integers(1, 40)),
    ),
    min_size=1,
    max_size=6,
)


def mutate(data: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    out = bytearray(data)
    for kind, where, value in changes:
        at = int(where * len(out))
        if kind in ("set", "head") and out:
            out[min(at, len(out) - 1)] = value
        elif kind == "cut":
            del out[at:]
        elif kind == "drop":
            del out[at : at + value]
        elif kind == "double":
            out[at:at] = out[at : at + value]
    return bytes(out)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of damaged metadata
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SEEDS), mutations)
def test_mutated_files_give_an_image_or_a_reason(seed: bytes, changes: list[tuple[str, float, int]]) -> None:
    image = decode_bytes(mutate(seed, changes), preprocessing=SMALL, settings=SETTINGS)
    assert image.image_id is not None
    if image.reason is None:
        assert image.pixels is not None
        assert image.pixels.shape == (32, 32, 3)
        assert image.thumbnail.startswith(b"\xff\xd8")
        assert all(np.isfinite(value) for value in image.statistics.values())
    else:
        assert image.pixels is None
        assert image.reason.endswith(".")
        assert "\n" not in image.reason
        assert "decompression bomb" not in image.reason.lower()
