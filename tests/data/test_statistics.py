import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from dataeval_ui.data import STATISTICS, decode_bytes
from tests.data.images import SETTINGS, encoded, photo


def measured(image: Image.Image) -> dict[str, float]:
    decoded = decode_bytes(encoded(image), preprocessing=None, settings=SETTINGS)
    assert decoded.reason is None
    return dict(decoded.statistics)


def test_half_black_and_half_white_can_be_checked_by_hand() -> None:
    image = Image.new("L", (64, 32), 0)
    image.paste(255, (32, 0, 64, 32))
    found = measured(image)
    assert found["brightness"] == pytest.approx(0.5)
    assert found["contrast"] == pytest.approx(0.5)
    assert found["entropy_bits"] == pytest.approx(1.0)
    assert found["dark_fraction"] == found["bright_fraction"] == pytest.approx(0.5)
    assert found["saturation"] == found["alpha_fraction"] == 0
    assert found["aspect"] == 2
    # Of 62 inner columns two have a Laplacian of 255 and -255: variance 255^2 * 2 / 62.
    assert found["sharpness"] == pytest.approx(255**2 * 2 / 62, rel=1e-4)


def test_colour_and_transparency_are_measured() -> None:
    assert measured(Image.new("RGB", (9, 9), (200, 100, 100)))["saturation"] == pytest.approx(0.5, abs=0.01)
    image = Image.new("RGBA", (10, 10), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 10, 4))
    assert measured(image)["alpha_fraction"] == pytest.approx(0.4)


def test_blur_lowers_sharpness_and_noise_raises_entropy() -> None:
    image = photo(400, 300, mode="L")
    noisy = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400), dtype=np.uint8))
    assert measured(noisy)["sharpness"] > 4 * measured(noisy.filter(ImageFilter.GaussianBlur(2)))["sharpness"]
    assert measured(noisy)["entropy_bits"] > measured(image.point(lambda v: v // 64 * 64))["entropy_bits"] + 2


def test_the_size_of_an_image_changes_little() -> None:
    large = photo(1024, 768)
    small = large.resize((512, 384), Image.Resampling.LANCZOS)
    a, b = measured(large), measured(small)
    for name in ("brightness", "contrast", "entropy_bits", "saturation", "sharpness", "aspect"):
        assert a[name] == pytest.approx(b[name], rel=0.1), name


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (2, 2), (33, 17)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_every_statistic_is_finite_and_in_its_range(size: tuple[int, int], mode: str) -> None:
    found = measured(photo(*size, mode=mode))
    assert list(found) == [statistic.name for statistic in STATISTICS]
    for statistic in STATISTICS:
        value = found[statistic.name]
        assert math.isfinite(value)
        assert statistic.low is None or value >= statistic.low
        assert statistic.high is None or value <= statistic.high + 1e-9
