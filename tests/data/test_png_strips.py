import numpy as np
import pytest
from PIL import Image

from dataeval_ui.data import decode_bytes, png_strips
from dataeval_ui.data.formats import UnreadableImageError, open_header
from dataeval_ui.data.raster import flatten
from dataeval_ui.types import DecodedImage
from tests.data.images import SETTINGS, SMALL, encoded, photo


def both(data: bytes, factor: int) -> tuple[tuple[Image.Image, float] | None, tuple[Image.Image, float]]:
    def header() -> Image.Image:
        return open_header(data, max_pixels=10**9)

    return png_strips.flatten_png(data, header(), factor=factor), flatten(header(), factor=factor)  # type: ignore[arg-type]


def noisy(mode: str) -> Image.Image:
    """Smooth and noisy rows in turn, so that the encoder uses all its filters."""
    image = np.asarray(photo(203, 155, mode=mode)).copy()
    image[::3] = np.random.default_rng(0).integers(0, 256, image[::3].shape, dtype=np.uint8)
    return Image.fromarray(image)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "P with tRNS", "RGB with tRNS"])
@pytest.mark.parametrize("factor", [2, 5])
@pytest.mark.parametrize("strip_pixels", [1, 3000, 2**20])
def test_strips_give_the_pixels_of_the_whole(
    mode: str, factor: int, strip_pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(png_strips, "_STRIP_PIXELS", strip_pixels)
    if mode.startswith("P"):
        data = encoded(noisy("RGB").quantize(200), **({"transparency": 3} if "tRNS" in mode else {}))
    else:
        image = noisy(mode[:3] if "tRNS" in mode else mode)
        data = encoded(image, **({"transparency": image.getpixel((0, 1))} if "tRNS" in mode else {}))
    strips, whole = both(data, factor)
    assert strips is not None
    np.testing.assert_array_equal(np.asarray(strips[0]), np.asarray(whole[0]))
    assert strips[1] == pytest.approx(whole[1])


def test_what_is_unusual_is_left_to_pillow() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray(np.zeros((30, 30), dtype=np.uint16))
    for data in (encoded(photo(30, 30), exif=exif), encoded(deep), encoded(photo(30, 30).convert("1"))):
        assert both(data, 2)[0] is None


def test_rows_that_end_early_are_a_reason() -> None:
    data = encoded(noisy("RGB"))
    with pytest.raises(UnreadableImageError, match="cut short"):
        png_strips.flatten_png(data[: len(data) // 2], open_header(data, max_pixels=10**9), factor=2)


def test_a_large_png_goes_through_strips_and_is_the_same_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataeval_ui.data.decode.reduction", lambda *args, **kwargs: 3)
    calls = []
    original = png_strips.flatten_png
    monkeypatch.setattr("dataeval_ui.data.decode.flatten_png", lambda *a, **k: (calls.append(1), original(*a, **k))[1])

    def decoded(least: int) -> DecodedImage:
        monkeypatch.setattr("dataeval_ui.data.decode.MIN_PIXELS", least)
        return decode_bytes(encoded(photo(400, 300, mode="RGBA")), preprocessing=SMALL, settings=SETTINGS)

    whole, strips = decoded(10**9), decoded(0)
    assert len(calls) == 1
    assert strips.reason is None
    np.testing.assert_array_equal(whole.pixels, strips.pixels)
    assert (whole.phash, whole.thumbnail) == (strips.phash, strips.thumbnail)
    assert whole.statistics == pytest.approx(strips.statistics)
