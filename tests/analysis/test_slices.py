"""Over- and under-represented slices: by hand, against scipy, by chance, and planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dataeval_ui.analysis.slices import _benjamini_hochberg, find_slices
from dataeval_ui.errors import ParameterError


def test_a_planted_slice_is_found_with_its_counts_and_its_lift() -> None:
    cluster = np.repeat(np.arange(4), 50).astype(np.int32)
    split = np.tile([0, 0, 0, 0, 1], 40).astype(np.int32)
    split[:50] = np.tile([0, 1, 1, 1, 1], 10)
    cell = find_slices({"cluster": cluster}, {"split": split})[0]
    assert (cell.group_code, cell.about_code, cell.n_images, cell.n_both) == (0, 1, 50, 40)
    assert cell.share == 0.8
    assert cell.base_share == 70 / 200
    assert cell.lift == pytest.approx(0.8 / 0.35)
    table = [[40, 10], [30, 120]]
    one_sided = stats.fisher_exact(table, alternative="greater").pvalue
    assert cell.p_value == pytest.approx(2 * one_sided * 4)  # the surest of four tests


def test_what_is_missing_from_a_split_is_found_too() -> None:
    group = np.repeat([0, 1, 2], 100).astype(np.int32)
    split = np.tile([0, 1, 2], 100).astype(np.int32)
    split[:100] = np.tile([0, 1], 50)
    found = {(c.group_code, c.about_code): c for c in find_slices({"g": group}, {"split": split})}
    assert found[0, 2].lift == 0
    assert found[0, 2].n_both == 0


def test_of_columns_without_any_relation_few_are_found() -> None:
    n_false = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        groups = {"cluster": rng.integers(0, 10, 600).astype(np.int32)}
        properties = {name: rng.integers(0, 3, 600).astype(np.int32) for name in ("a", "b")}
        n_false += bool(find_slices(groups, properties, min_lift=1))
    assert n_false <= 6  # 40 draws at a level of 5 percent: 7 or more have a chance of 0.3 percent


def test_the_correction_is_that_of_scipy() -> None:
    p = np.random.default_rng(0).uniform(size=50) ** 3
    np.testing.assert_allclose(_benjamini_hochberg(p), stats.false_discovery_control(p))


def test_small_groups_unknown_values_and_columns_of_one_value_say_nothing() -> None:
    codes = np.zeros(100, np.int32)
    codes[:5] = 1
    missing = np.full(100, -1, np.int32)
    found = find_slices({"g": codes}, {"same": codes, "missing": missing, "one": np.zeros(100, np.int32)})
    assert {(cell.group_code, cell.about) for cell in found} <= {(0, "same")}
    assert find_slices({}, {}) == ()
    with pytest.raises(ParameterError, match="one code an image"):
        find_slices({"g": codes}, {"h": codes[:5]})
    with pytest.raises(ParameterError, match="level"):
        find_slices({"g": codes}, {"h": codes}, level=0)


def test_many_groups_and_values_are_bounded() -> None:
    codes = np.arange(4_000, dtype=np.int32) // 4
    values = np.arange(4_000, dtype=np.int32) % 1_000
    assert isinstance(find_slices({"g": codes}, {"h": values}), tuple)
