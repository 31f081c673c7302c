"""Parts of images: boxes, cells, and the search for them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataeval_ui.analysis.part_search import (
    PartQuery,
    box_weights,
    check_box,
    compress_cells,
    fit_compressor,
    hottest_box,
    match_heat,
    part_query,
    score_parts,
)
from dataeval_ui.errors import ParameterError


def codes_of(n: int, side: int = 4, n_components: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-127, 128, (n, side * side, n_components), dtype=np.int8)


def brute_force(codes: np.ndarray, query: PartQuery) -> list[float]:
    """The definition, a cell at a time."""
    found = []
    for image in codes.astype(np.float64):
        fit = 0.0
        for vector, weight in zip(query.vectors, query.weights, strict=True):
            cosines = [cell @ vector / np.linalg.norm(cell) / np.linalg.norm(vector) for cell in image]
            fit += weight * max(cosines)
        found.append(fit)
    return found


def test_a_box_over_one_cell_and_half_of_the_next_weighs_them_two_to_one() -> None:
    weights = box_weights((0.0, 0.0, 0.75, 0.5), 2)
    np.testing.assert_allclose(weights, [2 / 3, 1 / 3, 0, 0], atol=1e-6)


def test_a_sliver_of_a_cell_does_not_count() -> None:
    np.testing.assert_allclose(box_weights((0.0, 0.0, 0.52, 0.5), 2), [1, 0, 0, 0])


@pytest.mark.parametrize("box", [(0, 0, 0, 1), (1, 0, 1, 1), (0, 0, float("nan"), 1), (0, 0, 1), (-2, 0, 1, 1)])
def test_a_box_without_anything_of_the_image_is_refused_in_a_sentence(box: tuple[float, ...]) -> None:
    with pytest.raises(ParameterError, match=r"box .*\.$"):
        check_box(box)


def test_a_box_that_leaves_the_image_is_cut() -> None:
    assert check_box((-0.5, 0.5, 1.0, 2.0)) == (0.0, 0.5, 0.5, 0.5)


def test_scores_are_those_of_the_definition() -> None:
    codes = codes_of(7)
    plus, minus = part_query(codes[2], (0.2, 0.2, 0.6, 0.4)), part_query(codes[5], (0.5, 0.5, 0.5, 0.5))
    np.testing.assert_allclose(score_parts(codes, [plus]), brute_force(codes, plus), atol=1e-5)
    np.testing.assert_allclose(
        score_parts(codes, [plus], [minus]),
        np.subtract(brute_force(codes, plus), np.clip(brute_force(codes, minus), 0, None)),
        atol=1e-5,
    )


def test_an_image_scores_one_for_its_own_part_and_is_hottest_there() -> None:
    codes = codes_of(5)
    query = part_query(codes[3], (0.5, 0.0, 0.25, 0.25))
    scores = score_parts(codes, [query])
    assert scores.argmax() == 3
    assert scores[3] == pytest.approx(1, abs=1e-5)
    (heat,) = match_heat(codes[3:4], [query])
    assert heat.argmax() == 2
    assert hottest_box(heat) == (0.5, 0.0, 0.25, 0.25)


def test_a_minus_example_lowers_the_images_that_have_it() -> None:
    codes = codes_of(6)
    codes[1, 7] = codes[0, 3]
    codes[2, 1] = codes[0, 3]
    codes[2, 2] = codes[4, 0]
    wanted, unwanted = part_query(codes[0], (0.75, 0, 0.25, 0.25)), part_query(codes[4], (0, 0, 0.25, 0.25))
    assert set(np.argsort(-score_parts(codes, [wanted]))[:3]) == {0, 1, 2}
    refined = score_parts(codes, [wanted], [unwanted])
    assert refined[2] < refined[1] - 0.2


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 5))
def test_the_order_of_images_and_of_cells_permutes_the_scores_alone(order: list[int], row: int) -> None:
    codes = codes_of(6)
    query = part_query(codes[row], (0.1, 0.1, 0.7, 0.7))
    cells = np.random.default_rng(row).permutation(16)
    scores = score_parts(codes, [query])
    np.testing.assert_allclose(score_parts(codes[order][:, cells], [query]), scores[order], atol=1e-6)


def test_a_large_box_is_thinned_out() -> None:
    (codes,) = codes_of(1, side=16)
    query = part_query(codes, (0, 0, 1, 1))
    assert len(query.weights) == 48
    assert query.weights.sum() == pytest.approx(1)


def test_a_search_without_a_plus_example_is_refused() -> None:
    with pytest.raises(ParameterError, match="at least one part"):
        score_parts(codes_of(2), [])


def test_compressed_cells_keep_the_cosines_of_cells_that_lie_on_the_axes() -> None:
    rng = np.random.default_rng(1)
    cells = (rng.normal(size=(400, 10)) @ rng.normal(size=(10, 40))).astype(np.float32)
    compressor = fit_compressor(cells, n_components=16)
    codes = compress_cells(cells[:50], compressor).astype(np.float64)
    unit = cells[:50] / np.linalg.norm(cells[:50], axis=1, keepdims=True) - compressor.mean
    expected = unit @ unit.T / np.linalg.norm(unit, axis=1) / np.linalg.norm(unit, axis=1)[:, None]
    lengths = np.linalg.norm(codes, axis=1)
    np.testing.assert_allclose(codes @ codes.T / lengths / lengths[:, None], expected, atol=0.01)


def test_the_axes_are_those_of_an_eigendecomposition() -> None:
    cells = np.random.default_rng(2).normal(size=(300, 12)).astype(np.float32)
    compressor = fit_compressor(cells, n_components=3)
    unit = cells / np.linalg.norm(cells, axis=1, keepdims=True)
    _, vectors = np.linalg.eigh(np.cov(unit.T))
    along = np.abs((compressor.components * vectors[:, ::-1][:, :3].T).sum(axis=1))
    np.testing.assert_allclose(along, 1, atol=1e-4)
