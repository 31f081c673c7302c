from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dataeval_ui.data import decode_bytes
from dataeval_ui.data.crops import crop_id, crop_of, decode_crops, read_head
from tests.data.images import SETTINGS, SMALL, encoded, photo

PLAIN = replace(SMALL, input_px=32, resize_px=32)


def decoded(image: Image.Image, *crops: tuple[int, int, int, int], format: str = "PNG", **options: object):
    return list(decode_crops(encoded(image, format, **options), crops, preprocessing=PLAIN, settings=SETTINGS))


@pytest.mark.parametrize(
    ("box", "margin", "crop"),
    [
        ((10, 10, 10, 10), 0.0, (10, 10, 10, 10)),
        ((10, 10, 10, 10), 0.1, (9, 9, 12, 12)),
        ((20, 10, 4, 20), 0.0, (12, 10, 20, 20)),  # a tall object gets a square
        ((0, 0, 10, 10), 0.5, (0, 0, 20, 20)),  # moved inside
        ((95, 45, 5, 5), 0.5, (90, 40, 10, 10)),
        ((0, 0, 100, 50), 0.1, (0, 0, 100, 50)),  # the image is what there is
        ((0, 10, 60, 1), 0.0, (0, 0, 60, 50)),
        ((3.2, 3.2, 0.4, 0.1), 0.0, (3, 3, 1, 1)),
    ],
)
def test_a_crop_is_a_square_around_the_box_moved_inside_the_image(box, margin, crop) -> None:
    assert crop_of(box, size=(100, 50), margin=margin) == crop


@given(
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
    st.tuples(*[st.floats(0, 0.99)] * 2, *[st.floats(0.01, 1)] * 2),
    st.floats(0, 1),
)
def test_a_crop_lies_inside_the_image_and_holds_the_box(size, fractions, margin) -> None:
    x, y = fractions[0] * size[0], fractions[1] * size[1]
    box = (x, y, fractions[2] * (size[0] - x), fractions[3] * (size[1] - y))
    left, top, width, height = crop_of(box, size=size, margin=margin)
    assert 0 <= left <= left + width <= size[0]
    assert 0 <= top <= top + height <= size[1]
    assert min(width, height) >= 1
    for start, length, low, span in ((box[0], box[2], left, width), (box[1], box[3], top, height)):
        assert low <= start + 0.5 + 1e-6  # whole pixels
        assert low + span >= start + length - 0.5 - 1e-6


def test_a_crop_is_what_a_file_of_the_same_pixels_would_be() -> None:
    image = photo(96, 64)
    [crop] = decoded(image, (10, 20, 40, 30))
    alone = decode_bytes(encoded(image.crop((10, 20, 50, 50))), preprocessing=PLAIN, settings=SETTINGS)
    assert np.array_equal(crop.pixels, alone.pixels)
    assert replace(crop, pixels=None) == replace(alone, pixels=None, image_id="")
    assert (crop.width_px, crop.height_px) == (40, 30)


def test_crops_are_of_the_upright_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = photo(96, 64)
    [crop] = decoded(image, (0, 0, 20, 10), exif=exif)
    [expected] = decoded(image.transpose(Image.Transpose.ROTATE_270), (0, 0, 20, 10))
    assert np.array_equal(crop.pixels, expected.pixels)
    head, _ = read_head(encoded(image, exif=exif), "a", settings=SETTINGS)
    assert head is not None
    assert (head.width_px, head.height_px, head.orientation, head.format) == (64, 96, 6, "PNG")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_that_of_the_crop(mode: str) -> None:
    image = Image.new("RGBA", (40, 20), (200, 10, 10, 255))
    image.paste((0, 0, 0, 0), (0, 0, 10, 20))
    crops = decoded(image.convert(mode) if mode != "P" else image.quantize(8), (0, 0, 20, 20), (20, 0, 20, 20))
    assert [crop.statistics["alpha_fraction"] for crop in crops] == [pytest.approx(0.5), 0.0]


def test_a_large_crop_is_reduced_first_and_a_small_one_is_not() -> None:
    small, large = decoded(photo(3000, 3000), (5, 5, 40, 40), (0, 0, 3000, 3000))
    assert (small.width_px, large.width_px) == (40, 3000)
    whole = decode_bytes(encoded(photo(3000, 3000)), preprocessing=PLAIN, settings=SETTINGS)
    assert np.abs(large.pixels.astype(int) - whole.pixels.astype(int)).max() <= 2


def test_a_file_that_is_no_image_refuses_every_crop() -> None:
    for data in (b"", b"no image", encoded(photo())[:200]):
        images = list(decode_crops(data, [(0, 0, 5, 5)] * 3, preprocessing=PLAIN, settings=SETTINGS))
        assert len(images) == 3
        assert all(image.reason and image.pixels is None for image in images)
    assert read_head(b"no image", "a", settings=SETTINGS)[0] is None


def test_the_id_changes_with_the_file_and_with_the_crop() -> None:
    named = [("a", (0, 0, 1, 1)), ("b", (0, 0, 1, 1)), ("a", (0, 0, 1, 2)), ("a", (0, 1, 1, 1))]
    ids = [crop_id(file_id, crop) for file_id, crop in named]
    assert len(set(ids)) == 4
    assert all(len(one) == 32 and set(one) <= set("0123456789abcdef") for one in ids)
