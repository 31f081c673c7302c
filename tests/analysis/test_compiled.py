"""The compiled loops against scipy, Pillow and numpy."""

import ast
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image
from scipy import ndimage

from dataeval_ui import analysis
from dataeval_ui.analysis.alignment import STILL, align, sample, smooth
from dataeval_ui.analysis.compiled import reduce_square, resize_to_square
from dataeval_ui.analysis.compiled_hashes import cosines
from dataeval_ui.analysis.compiled_pairs import choose_starts, compare_structure
from dataeval_ui.analysis.pixels import colors_alike

RNG = np.random.default_rng(5)
TURNED = np.array([[0.7, 0.1, 0.05], [-0.08, 0.8, -0.02]], dtype=np.float32)
FIRST, SECOND = np.array([0]), np.array([1])


def pictures(n=3, side=16):
    return RNG.uniform(0, 255, (n, side, side)).astype(np.float32)


def smooth_pictures(n=2, side=32):
    return np.stack([ndimage.gaussian_filter(image, 3) * 4 - 380 for image in pictures(n, side)])


def test_a_warp_that_moves_nothing_reads_the_images_themselves():
    images = pictures()
    values, inside = sample(images, STILL)
    np.testing.assert_allclose(values, images, atol=0.256)  # the last ones are read a thousandth of a pixel off
    assert (inside == 1).all()


def test_warped_values_are_those_of_scipys_linear_interpolation():
    images = pictures()
    values, inside = sample(images, TURNED)
    ticks = (np.arange(16) + 0.5) / 8 - 1
    x, y = np.meshgrid(ticks, ticks)
    columns, rows = ((part[0] * x + part[1] * y + part[2] + 1) * 8 - 0.5 for part in TURNED)
    for image, read in zip(images, values, strict=True):
        np.testing.assert_allclose(read, ndimage.map_coordinates(image, [rows, columns], order=1), atol=0.02)
    assert (inside == 1).all()


def test_a_place_outside_is_told():
    _, inside = sample(pictures(1), np.array([[1, 0, 1.0], [0, 1, 0]], dtype=np.float32))
    assert inside.sum(axis=0).tolist() == [16.0] * 8 + [0.0] * 8


def test_smoothing_is_scipys_correlation_with_a_repeated_border():
    images = pictures()
    kernel = np.outer([1, 2, 1], [1, 2, 1])[None] / 16
    np.testing.assert_allclose(smooth(images), ndimage.correlate(images, kernel, mode="nearest"), rtol=1e-5)


@pytest.mark.parametrize("shape", [(64, 64), (128, 96), (127, 65), (40, 64), (1, 3), (700, 64)])
def test_resizing_is_pillows(shape):
    pixels = RNG.integers(0, 256, (*shape, 3), dtype=np.uint8)
    out = np.empty((64, 64, 3), np.uint8)
    resize_to_square(pixels, out)
    expected = Image.fromarray(pixels).resize((64, 64), Image.Resampling.BILINEAR)
    assert np.abs(out.astype(int) - np.asarray(expected).astype(int)).max() <= 1


def test_a_square_is_reduced_to_grey_values_and_to_rounded_means_of_colours():
    square = np.zeros((64, 64, 3), np.uint8)
    square[:4, :4] = 7
    square[0, 0] = 16  # 15 * 7 + 16 = 121, of 16
    square[8, 8] = 10, 20, 30  # 2.99 + 11.74 + 3.42
    luma, coarse = np.empty((64, 64), np.uint8), np.empty((16, 16, 3), np.uint8)
    reduce_square(square, luma, coarse)
    assert coarse[0, 0].tolist() == [8, 8, 8]
    assert coarse[2, 2].tolist() == [1, 1, 2]  # 10, 20 and 30, of 16
    assert (coarse.sum(), luma.sum()) == (24 + 4, 15 * 7 + 16 + 18)
    assert luma[8, 8] == 18


def test_the_start_is_the_one_at_which_numpy_correlates_best():
    images = smooth_pictures(4)
    starts = np.stack([STILL, TURNED, STILL + np.float32([[0, 0, 1.2], [0, 0, 0]])])
    images[2], images[3] = sample(images[:1], TURNED)[0][0], 100
    left, right = np.array([0, 2, 1, 0]), np.array([0, 0, 3, 1])
    which, scores = np.empty(4, np.int64), np.empty(4, np.float32)
    choose_starts(images, left, right, starts, which, scores)
    assert which[:2].tolist() == [0, 1]
    np.testing.assert_allclose(scores[:2], 1, atol=1e-4)
    assert scores[2] == pytest.approx(0, abs=1e-6)  # a blank one is like nothing
    expected = []
    for start in starts:
        moved, inside = sample(images[1:2], start)
        expected.append(np.corrcoef(images[0][inside > 0], moved[0][inside > 0])[0, 1])
    assert scores[3] == pytest.approx(max(expected), abs=1e-4)
    assert which[3] == np.argmax(expected)


def test_images_that_are_not_moved_correlate_as_numpy_says():
    images = pictures()
    warps, correlations = align(images, np.array([0, 0]), np.array([1, 0]), np.stack([STILL, STILL]), n_rounds=0)
    assert correlations[0] == pytest.approx(np.corrcoef(images[0].ravel(), images[1].ravel())[0, 1], abs=1e-3)
    assert correlations[1] == pytest.approx(1, abs=1e-4)
    np.testing.assert_array_equal(warps, [STILL, STILL])


def test_only_what_both_show_is_correlated():
    images = np.repeat(pictures(1), 2, axis=0)
    images[1, :, :8] = images[0, :, 8:]  # the right half lies where the left was
    images[1, :, 8:] = 0
    half = np.array([[[1, 0, 1.0], [0, 1, 0]]], dtype=np.float32)
    _, correlations = align(images, SECOND, FIRST, half, n_rounds=0)
    assert correlations[0] == pytest.approx(1, abs=1e-3)


def test_alignment_finds_an_affine_warp_back():
    image = smooth_pictures(1, side=64)[0]
    true = np.array([[0.95, 0.03, 0.04], [-0.02, 0.97, -0.03]], dtype=np.float32)
    moved, _ = sample(image[None], true)
    warps, correlations = align(np.stack([moved[0], image]), FIRST, SECOND, STILL[None], n_rounds=12)
    np.testing.assert_allclose(warps[0], true, atol=0.01)
    assert correlations[0] > 0.999


def test_a_warp_that_leaves_its_bounds_or_gets_worse_is_put_back():
    images = smooth_pictures()
    far = np.array([[[1, 0, 0.215], [0, 1, 0.215]]], dtype=np.float32)
    warps, correlations = align(images, FIRST, SECOND, far, n_rounds=6)
    assert (np.abs(warps[0, :, 2]) <= 0.22).all()
    assert (np.abs(warps[0, [0, 1], [0, 1]] - 1) <= 0.22).all()
    assert correlations[0] >= align(images, FIRST, SECOND, far, n_rounds=0)[1][0]


def structure_by_numpy(a, b, inside):
    """As `compare_structure`, window by window."""
    n_inside = inside.sum()
    a = (a - (a * inside).sum() / n_inside) * inside
    b = (b - (b * inside).sum() / n_inside) * inside
    b = b * np.sqrt(((a**2).sum() + 1) / ((b**2).sum() + 1))
    planes = np.pad(np.stack([inside, a, b, a * a, b * b, a * b]), [(0, 0), (3, 3), (3, 3)])
    share, *rest = sliding_window_view(planes, (7, 7), axis=(1, 2))[:, ::2, ::2].mean(axis=(3, 4))
    mean_a, mean_b, square_a, square_b, product = (plane / np.maximum(share, 1e-3) for plane in rest)
    var_a, var_b = np.maximum(square_a - mean_a**2, 0), np.maximum(square_b - mean_b**2, 0)
    weight = np.sqrt(np.maximum(var_a, var_b)) * (share > 0.5)
    contrast = (2 * (product - mean_a * mean_b) + 20) / (var_a + var_b + 20)
    return np.clip((weight * contrast).sum() / weight.sum(), 0, 1)


@pytest.mark.parametrize("warp", [STILL, TURNED, STILL + np.float32([[0.2, 0, 0], [0, 0.2, 0.2]])])
def test_structure_is_that_of_numpy_window_by_window(warp):
    images = smooth_pictures()
    images[1] = 0.6 * images[0] + 0.4 * images[1]
    scores = np.empty(1, np.float32)
    compare_structure(images, FIRST, SECOND, warp[None], scores)
    moved, inside = sample(images[1:], warp)
    assert 0 < scores[0] < 1
    assert scores[0] == pytest.approx(structure_by_numpy(images[0], moved[0], inside), abs=1e-4)


def colors_by_numpy(a, b, inside):
    """As `compare_colors` where both are coloured."""
    a, b = a[1:] * inside, b[1:] * inside
    b = b * np.clip((a * b).sum() / (b * b).sum(), 0.4, 2.5)
    strength_a, strength_b = (np.sqrt((v * v).sum(axis=0)).sum() for v in (a, b))
    return 1 - np.sqrt(((a - b) ** 2).sum(axis=0)).sum() / (strength_a + strength_b)


def planes_of(rgb):
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    return np.stack([luma, rgb[..., 2] - luma, rgb[..., 0] - luma])


def test_colours_agree_as_numpy_says_and_grey_ones_by_their_darkness():
    colored = RNG.uniform(0, 255, (16, 16, 3))
    other = np.clip(colored + RNG.normal(0, 40, colored.shape), 0, 255)
    grey = np.repeat((colored @ np.array([0.299, 0.587, 0.114]))[..., None], 3, axis=-1)
    planes = np.stack([planes_of(rgb) for rgb in (colored, other, grey, 255 - grey)], axis=1).astype(np.float32)
    scores = colors_alike(planes, np.array([0, 0, 0, 2]), np.array([1, 2, 3, 3]), np.stack([STILL] * 4))
    moved, inside = sample(planes[:, 1], STILL)
    assert scores[0] == pytest.approx(colors_by_numpy(planes[:, 0], moved, inside), abs=1e-3)
    assert scores[1] == pytest.approx(1, abs=0.01)
    assert scores[2] < 0.8
    assert scores[3] == 1  # two grey ones have no colours to compare


@pytest.mark.parametrize(
    "file", sorted(Path(analysis.__file__).parent.glob("compiled*.py")), ids=lambda file: file.stem
)
def test_what_a_compiled_function_calls_is_in_its_own_file(file):
    """numba's cache is renewed when the file of a function changes, whatever becomes of those in other files."""
    imported = [
        f"{node.module}.{name.name}"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("dataeval_ui.analysis")
        for name in node.names
    ]
    assert imported == ([] if file.stem == "compiled" else ["dataeval_ui.analysis.compiled.compiled"])


def test_the_cosine_of_rows_is_numpys_and_0_for_a_row_of_zeros():
    left, right = RNG.normal(size=(2, 20, 33)).astype(np.float32)
    left[3] = 0
    found = np.empty(20, np.float32)
    cosines(left, right, found)
    a, b = left.astype(float), right.astype(float)
    expected = (a * b).sum(axis=1) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-30)
    np.testing.assert_allclose(found, expected, atol=1e-7)
