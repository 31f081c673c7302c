import io

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from dataeval_ui.data.hashes import dhash, hamming, phash, phash_of_values


def textured(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Smooth blobs with some detail, as photographs have."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(20, 220, (6, 8), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    fine = Image.fromarray(rng.integers(0, 40, (60, 80), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    values = np.asarray(coarse).astype(int) + np.asarray(fine) - 20
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def test_one_cosine_sets_the_one_bit_of_its_frequency() -> None:
    x = np.arange(32)
    row = np.cos(np.pi * (2 * x + 1) * 3 / 64)
    values = np.tile(100 + 50 * row, (32, 1)).astype(np.float32)
    # Only coefficient (0, 3) is not zero: bit 63 - 3.
    assert phash_of_values(values) >> (63 - 3) & 1 == 1
    low = dctn(values, norm="ortho")[:8, :8].ravel()
    assert int(low[1:].argmax()) + 1 == 3


def test_phash_agrees_with_scipys_dct() -> None:
    values = np.random.default_rng(0).normal(100, 40, (32, 32)).astype(np.float32)
    low = dctn(values.astype(np.float64), norm="ortho")[:8, :8].ravel()
    bits = low > np.median(low[1:])
    bits[0] = False
    expected = int("".join("1" if bit else "0" for bit in bits), 2)
    assert phash_of_values(values) == expected


def test_dhash_of_a_ramp_is_all_ones_and_of_its_mirror_all_zeros() -> None:
    ramp = Image.fromarray(np.tile(np.arange(0, 90, 10, dtype=np.uint8), (8, 1)))
    assert dhash(ramp) == 2**64 - 1
    assert dhash(ramp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) == 0


@pytest.mark.parametrize("value", [0, 7, 128, 255])
def test_blank_images_hash_to_zero(value: int) -> None:
    blank = Image.new("L", (50, 40), value)
    assert (phash(blank), dhash(blank)) == (0, 0)


def jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=60)
    return Image.open(buffer)


CHANGES = {
    "half the size": lambda image: image.resize((160, 120), Image.Resampling.LANCZOS),
    "jpeg": jpeg,
    "brighter": lambda image: image.point(lambda value: value + 15),
    "less contrast": lambda image: image.point(lambda value: value * 0.7 + 30),
}


@pytest.mark.parametrize("change", CHANGES)
def test_hashes_survive_what_does_not_change_the_picture(change: str) -> None:
    for seed in range(10):
        image = textured(seed)
        changed = CHANGES[change](image)
        assert hamming(phash(image), phash(changed)) <= 6
        assert hamming(dhash(image), dhash(changed)) <= 8


def test_different_pictures_are_far_apart() -> None:
    hashes = [phash(textured(seed)) for seed in range(12)]
    distances = [hamming(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(distances) > 12


def test_hamming_counts_bits() -> None:
    assert hamming(0b1011, 0b0010) == 2
    assert hamming(2**64 - 1, 0) == 64
