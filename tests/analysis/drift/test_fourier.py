"""The approximate MMD against the exact one, its level, and its bounds."""

from __future__ import annotations

import numpy as np
import pytest

from dataeval_ui.analysis.drift.fourier import fourier_mmd
from dataeval_ui.analysis.drift.kernels import kernel_statistics, median_bandwidth
from dataeval_ui.analysis.drift.samples import memberships, permutation_p
from dataeval_ui.errors import ParameterError


def normal(n: int, *, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(n, 6)) + shift).astype(np.float32)


def test_it_is_about_the_exact_mmd() -> None:
    x, y = normal(300, seed=1), normal(200, shift=0.5, seed=2)
    pooled = np.concatenate([x, y])
    sigma = median_bandwidth(pooled)
    exact = kernel_statistics(pooled, memberships(300, 200, n_permutations=0, random_state=0), bandwidth=sigma)[0][0]
    found = fourier_mmd(x, y, bandwidth=sigma, n_permutations=99)
    assert found[0] == pytest.approx(exact, rel=0.15)
    assert permutation_p(found) == 0.01
    more = fourier_mmd(x, y, bandwidth=sigma, n_permutations=0, n_frequencies=20_000)
    assert more[0] == pytest.approx(exact, rel=0.04)


def test_blocks_change_nothing_and_equal_images_are_not_apart() -> None:
    x, y = normal(5000, seed=1), normal(300, shift=0.2, seed=2)
    whole = fourier_mmd(x, y, bandwidth=2.0, n_permutations=3)
    parts = fourier_mmd(x[::-1].copy(), y[::-1].copy(), bandwidth=2.0, n_permutations=0)
    assert whole[0] == pytest.approx(parts[0], abs=1e-6)
    ones = np.ones((9, 6), np.float32)
    assert permutation_p(fourier_mmd(ones, ones[:4], bandwidth=1.0, n_permutations=19)) == 1
    assert abs(fourier_mmd(ones, ones[:4], bandwidth=1.0, n_permutations=0)[0]) < 1e-5


def test_its_level_holds() -> None:
    wrong = sum(
        permutation_p(
            fourier_mmd(
                normal(40, seed=2 * at), normal(30, seed=2 * at + 1), bandwidth=2.0, n_permutations=39,
                n_frequencies=64, random_state=at,
            )
        ) <= 0.05
        for at in range(120)
    )  # fmt: skip
    assert wrong <= 13


def test_one_image_gets_a_sentence() -> None:
    with pytest.raises(ParameterError, match="at least 2 images"):
        fourier_mmd(normal(1), normal(9), bandwidth=1.0)
