"""The compiled loops against scipy and numpy."""

import numpy as np
import pytest
from scipy import ndimage

from dataeval_ui.analysis.alignment import STILL, mismatch, sample, smooth

RNG = np.random.default_rng(5)


def pictures(n=3, side=16):
    return RNG.uniform(0, 255, (n, side, side)).astype(np.float32)


def test_a_warp_that_moves_nothing_reads_the_images_themselves():
    images = pictures()
    values, inside = sample(images, np.tile(STILL, (3, 1, 1)))
    np.testing.assert_allclose(values, images, atol=0.256)  # the last ones are read a thousandth of a pixel off
    assert (inside == 1).all()


def test_warped_values_are_those_of_scipys_linear_interpolation():
    images = pictures()
    warps = np.array([[[0.7, 0.1, 0.05], [-0.08, 0.8, -0.02]]] * 3, dtype=np.float32)
    values, inside = sample(images, warps)
    ticks = (np.arange(16) + 0.5) / 8 - 1
    x, y = np.meshgrid(ticks, ticks)
    for warp, image, read in zip(warps, images, values, strict=True):
        columns, rows = ((part[0] * x + part[1] * y + part[2] + 1) * 8 - 0.5 for part in warp)
        np.testing.assert_allclose(read, ndimage.map_coordinates(image, [rows, columns], order=1), atol=0.02)
    assert (inside == 1).all()


def test_a_place_outside_is_told():
    _, inside = sample(pictures(1), np.array([[[1, 0, 1.0], [0, 1, 0]]], dtype=np.float32))
    assert inside[0].sum(axis=0).tolist() == [16.0] * 8 + [0.0] * 8


def test_smoothing_is_scipys_correlation_with_a_repeated_border():
    images = pictures()
    kernel = np.outer([1, 2, 1], [1, 2, 1])[None] / 16
    np.testing.assert_allclose(smooth(images), ndimage.correlate(images, kernel, mode="nearest"), rtol=1e-5)


def test_mismatch_correlates_as_numpy_where_all_is_inside_and_ignores_what_is_not():
    a, b = pictures(2).reshape(2, -1), pictures(2).reshape(2, -1)
    error, correlations = mismatch(a, b, np.ones_like(a))
    for i in range(2):
        assert correlations[i] == pytest.approx(np.corrcoef(a[i], b[i])[0, 1], abs=1e-5)
        matched = (a[i] - a[i].mean()) * b[i].std() / a[i].std()
        np.testing.assert_allclose(error[i], matched - (b[i] - b[i].mean()), atol=0.02)
    half = np.ones_like(a)
    half[:, 128:] = 0
    error, correlations = mismatch(a, b, half)
    assert correlations[0] == pytest.approx(np.corrcoef(a[0, :128], b[0, :128])[0, 1], abs=1e-5)
    assert not error[:, 128:].any()
