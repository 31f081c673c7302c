import numpy as np
import pytest
from PIL import Image

from dataeval_ui.data.raster import WORK_PX, flatten, reduction, upright
from tests.data.images import photo


def values(image: Image.Image) -> np.ndarray:
    return np.asarray(flatten(image, factor=1)[0])


def test_alpha_is_composited_on_white_by_its_share() -> None:
    image = Image.new("RGBA", (4, 4), (100, 0, 200, 51))  # a fifth
    flat, transparent = flatten(image, factor=1)
    assert flat.getpixel((0, 0)) == (224, 204, 244)
    assert transparent == pytest.approx(0.8)
    grey, transparent = flatten(Image.new("LA", (4, 4), (0, 0)), factor=1)
    assert (grey.mode, grey.getpixel((0, 0)), transparent) == ("L", 255, 1.0)


def test_opaque_alpha_changes_nothing() -> None:
    image = photo(20, 10)
    flat, transparent = flatten(image.convert("RGBA"), factor=1)
    np.testing.assert_array_equal(np.asarray(flat), np.asarray(image))
    assert transparent == 0


@pytest.mark.parametrize("transparency", [1, b"\xff\x00", b"\xff\x80\x40"])
def test_a_palette_is_composited_as_its_rgba_is(transparency: int | bytes) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 4, (20, 30), dtype=np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 100, 0, 0, 255, 0, 7, 7, 7])
    image.info["transparency"] = transparency
    expected, expected_fraction = flatten(image.convert("RGBA"), factor=1)
    flat, fraction = flatten(image, factor=1)
    difference = np.abs(np.asarray(flat).astype(int) - np.asarray(expected))
    assert difference.max() <= 1
    assert fraction == pytest.approx(expected_fraction)
    assert fraction > 0.1


@pytest.mark.parametrize(("mode", "key"), [("RGB", (1, 2, 3)), ("L", 3), ("1", 255)])
def test_one_transparent_colour_becomes_white(mode: str, key: object) -> None:
    image = Image.new(mode, (4, 1), 0)
    image.putpixel((1, 0), key)  # type: ignore[arg-type]
    image.info["transparency"] = key
    flat, transparent = flatten(image, factor=1)
    assert np.asarray(flat.convert("L")).tolist() == [[0, 255, 0, 0]]
    assert transparent == 0.25


@pytest.mark.parametrize(
    ("top", "expected"), [(255, 255), (256, 64), (1023, 255), (4095, 255), (4096, 64), (65535, 255)]
)
def test_16_bits_are_scaled_by_the_smallest_depth_that_holds_them(top: int, expected: int) -> None:
    image = Image.fromarray(np.array([[0, top]], dtype=np.uint16))
    assert image.mode.startswith("I;16")
    assert values(image).tolist() == [[0, expected]]


def test_other_integers_and_floats_are_scaled_by_their_own_range() -> None:
    def scaled(numbers: list[float], dtype: type) -> list[int]:
        return values(Image.fromarray(np.array([numbers], dtype=dtype)))[0].tolist()

    assert scaled([-100, 0, 100], np.int32) == [0, 128, 255]
    assert scaled([0, 2**20], np.int32) == [0, 255]
    assert scaled([0.0, 0.5, 1.0], np.float32) == [0, 128, 255]
    assert scaled([0.0, 51.0, 255.0], np.float32) == [0, 51, 255]
    assert scaled([1000.0, 2000.0, 3000.0], np.float32) == [0, 128, 255]
    assert scaled([np.nan, np.inf, -np.inf, 1.0, 0.0], np.float32) == [0, 255, 0, 255, 0]
    assert scaled([np.nan, np.nan], np.float32) == [0, 0]


@pytest.mark.parametrize("mode", ["1", "CMYK", "YCbCr", "HSV", "LAB", "RGBX", "PA", "La", "RGBa", "P"])
def test_every_mode_ends_as_grey_or_colour(mode: str) -> None:
    flat, _ = flatten(Image.new(mode, (6, 4)), factor=1)
    assert flat.mode in ("L", "RGB")
    assert flat.size == (6, 4)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "CMYK"])
@pytest.mark.parametrize("factor", [2, 3, 7])
def test_strips_give_what_the_whole_image_gives(mode: str, factor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = photo(101, 67, mode=mode)
    whole, whole_fraction = flatten(image, factor=1)
    monkeypatch.setattr("dataeval_ui.data.raster._STRIP_PIXELS", 1500)
    strips, fraction = flatten(image, factor=factor)
    np.testing.assert_array_equal(np.asarray(strips), np.asarray(whole.reduce(factor)))
    assert fraction == pytest.approx(whole_fraction)


def test_only_large_images_are_reduced_and_enough_is_left() -> None:
    assert reduction(4000, 2 * WORK_PX - 1, resize_px=256) == 1
    assert reduction(10_000, 100, resize_px=256) == 1
    assert reduction(16_000, 10_561, resize_px=256) == 8
    for side in (3000, 5200, 9999):
        for resize_px in (0, 224, 518):
            assert side // reduction(side, side, resize_px=resize_px) >= max(WORK_PX, 5 * resize_px)


def test_orientations_turn_the_image_upright() -> None:
    image = Image.fromarray(np.array([[1, 2], [3, 4], [5, 6]], dtype=np.uint8))
    turned = {n: np.asarray(upright(image, n)).tolist() for n in range(10)}
    assert turned[1] == turned[0] == turned[9] == [[1, 2], [3, 4], [5, 6]]
    assert turned[3] == [[6, 5], [4, 3], [2, 1]]
    assert turned[6] == [[5, 3, 1], [6, 4, 2]]
    assert turned[8] == [[2, 4, 6], [1, 3, 5]]
