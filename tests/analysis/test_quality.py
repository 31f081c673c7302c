"""Thresholds that follow the dataset, and the images beyond them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataeval_ui.analysis.quality import CHECKS, check_quality, derived_metrics, rows_beyond, suggest_threshold
from dataeval_ui.analysis.robust import fences, medcouple
from dataeval_ui.errors import ParameterError


def metrics_of(n: int, **changed: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    usual = {
        "contrast": rng.normal(0.25, 0.02, n),
        "sharpness": np.exp(rng.normal(6.5, 0.2, n)),
        "brightness": rng.normal(0.5, 0.05, n),
        "entropy_bits": rng.normal(7, 0.2, n),
        "side_px": np.exp(rng.normal(6, 0.1, n)),
        "relative_aspect": 1 + rng.uniform(0, 0.2, n),
        "odd_channels": np.zeros(n),
    }
    return {name: np.asarray(values, dtype=np.float32) for name, values in {**usual, **changed}.items()}


def test_the_medcouple_of_a_small_sample_is_that_by_hand() -> None:
    # Median 2 of 1, 2, 7: kernels of (1,2), (1,7), (2,2), (2,7) are -1, (5-1)/6, 0, 1.
    assert medcouple(np.array([1.0, 2.0, 7.0])) == pytest.approx((0 + 2 / 3) / 2)
    assert medcouple(np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-100, 100, width=32), min_size=5, max_size=60))
def test_mirrored_values_have_mirrored_fences(values: list[float]) -> None:
    sample = np.array(values)
    low, high = fences(sample, method="modified_z")
    mirrored = fences(-sample, method="modified_z")
    np.testing.assert_allclose((-high, -low), mirrored)
    assert medcouple(-sample) == pytest.approx(-medcouple(sample), abs=1e-9)


def test_a_sample_without_a_scale_has_no_fences() -> None:
    assert fences(np.array([1.0, 2.0])) == (-np.inf, np.inf)
    assert fences(np.full(50, 3.0)) == (-np.inf, np.inf)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ParameterError, match="adjusted_boxplot"):
        fences(np.arange(9.0), method="sigma")  # type: ignore[arg-type]


def test_one_blurred_image_among_sharp_ones_is_flagged_alone() -> None:
    metrics = metrics_of(100)
    metrics["sharpness"][7] = 20
    issues = {issue.check.name: issue for issue in check_quality(metrics)}
    assert issues["blurry"].rows.tolist() == [7]
    assert issues["dark"].n_flagged == 0


def test_a_dragged_threshold_is_used_and_the_suggestion_kept() -> None:
    metrics = metrics_of(100)
    [issue] = [i for i in check_quality(metrics, thresholds={"dark": 0.5}) if i.check.name == "dark"]
    assert issue.threshold == 0.5
    assert issue.suggested_threshold < 0.5
    assert set(issue.rows) == set(np.flatnonzero(metrics["brightness"] < 0.5))
    assert (np.diff(metrics["brightness"][issue.rows]) >= 0).all()


def test_a_threshold_of_an_unknown_check_is_refused() -> None:
    with pytest.raises(ParameterError, match="smelly"):
        check_quality(metrics_of(10), thresholds={"smelly": 1.0})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_suggestion_stays_between_its_bounds(check: object) -> None:
    for scale in (1e-4, 1.0, 1e5):
        values = (np.random.default_rng(1).uniform(0.5, 1, 50) * scale).astype(np.float32)
        low, high = sorted((check.always, check.never))  # type: ignore[attr-defined]
        assert low <= suggest_threshold(values, check) <= high  # type: ignore[arg-type]


def test_an_image_that_is_dark_for_its_class_alone_is_told_apart() -> None:
    brightness = np.r_[np.linspace(0.2, 0.3, 40), np.linspace(0.7, 0.8, 39), 0.25]
    labels = ["night"] * 40 + ["day"] * 40
    [dark] = [i for i in check_quality(metrics_of(80, brightness=brightness), labels=labels) if i.check.name == "dark"]
    assert dark.class_flags[79]
    assert not dark.class_flags[:40].any()


def test_a_grey_image_among_coloured_ones_has_odd_channels() -> None:
    n = 40
    saturation = np.full(n, 0.4, np.float32)
    saturation[3] = 0
    found = derived_metrics(
        width_px=np.full(n, 200, np.float32),
        height_px=np.r_[np.full(n - 1, 100), 25].astype(np.float32),
        saturation=saturation,
        alpha_fraction=np.zeros(n, np.float32),
    )
    assert np.flatnonzero(found["odd_channels"] > 0.95).tolist() == [3]
    assert found["relative_aspect"][-1] == pytest.approx(4)
    assert found["side_px"][0] == pytest.approx(np.sqrt(20_000))


def test_unknown_values_are_never_beyond_a_threshold() -> None:
    assert rows_beyond(np.array([np.nan, 1, 3], np.float32), 2, "high").tolist() == [2]
    assert rows_beyond(np.array([np.nan, 1, 3], np.float32), 2, "low").tolist() == [1]
