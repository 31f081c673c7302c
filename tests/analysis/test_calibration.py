"""What thirty answers say of a threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from dataeval_ui.analysis.calibration import asking_order, calibrate, draw_strata, wilson_share
from dataeval_ui.errors import ParameterError

SCORES = np.arange(20, dtype=np.float32)


def test_half_is_asked_beyond_the_threshold_and_half_next_to_it() -> None:
    strata = draw_strata(SCORES, 14, n_asked=8)
    assert (strata.n_flagged, strata.n_near) == (6, 8)
    assert len(strata.flagged) == len(strata.near) == 4
    assert set(strata.flagged) <= set(range(14, 20))
    assert set(strata.near) <= set(range(6, 14))
    assert sorted(asking_order(strata)) == sorted([*strata.flagged, *strata.near])


def test_where_one_side_has_few_the_other_gives_more_and_unknown_scores_are_never_asked_about() -> None:
    scores = SCORES.copy()
    scores[3] = np.nan
    strata = draw_strata(scores, 18, n_asked=12)
    assert (len(strata.flagged), len(strata.near)) == (2, 10)
    everything = draw_strata(scores, -1, n_asked=100)
    assert (len(everything.flagged), len(everything.near)) == (19, 0)
    assert 3 not in everything.flagged


def test_all_answered_the_numbers_are_those_of_a_count_by_hand() -> None:
    # Right from 11 on, but the threshold is 14: all six flagged are right, and 11, 12, 13 are missed.
    strata = draw_strata(SCORES, 14, n_asked=20)
    found = calibrate(SCORES, 14, strata, {row: row >= 11 for row in asking_order(strata)})
    assert (found.precision.n_yes, found.precision.n) == (6, 6)
    assert (found.missed.n_yes, found.missed.n) == (3, 14)
    assert found.suggested == 10.5


def test_a_threshold_that_is_right_is_left_where_it_is() -> None:
    strata = draw_strata(SCORES, 14, n_asked=20)
    found = calibrate(SCORES, 14, strata, {row: row >= 14 for row in asking_order(strata)})
    assert found.suggested == 14
    assert (found.precision.value, found.missed.value) == (1, 0)


def test_few_answers_suggest_nothing_and_answers_outside_the_samples_count_for_nothing() -> None:
    strata = draw_strata(SCORES, 14, n_asked=8)
    asked = asking_order(strata)
    found = calibrate(SCORES, 14, strata, {row: True for row in range(20) if row not in asked})
    assert (found.precision.n, found.missed.n, found.suggested) == (0, 0, None)
    assert calibrate(SCORES, 14, strata, dict.fromkeys(asked, True)).suggested is None  # eight are too few


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_interval_is_that_of_scipy(n_yes: int, n: int) -> None:
    if not 0 <= n_yes <= n or n == 0:
        assert (wilson_share(0, 0).low, wilson_share(0, 0).high) == (0, 1)
        return
    share, reference = wilson_share(n_yes, n), binomtest(n_yes, n).proportion_ci(method="wilson")
    np.testing.assert_allclose([share.low, share.high], [reference.low, reference.high], atol=1e-12)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95))
def test_most_questions_stay_when_the_threshold_moves_a_little(seed: int, threshold: float) -> None:
    scores = np.random.default_rng(seed).random(400).astype(np.float32)
    before, after = (set(asking_order(draw_strata(scores, t))) for t in (threshold, threshold + 0.005))
    assert len(before & after) >= 15


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_a_stretched_score_changes_no_estimate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.random(200).astype(np.float32)
    answers = {row: bool(rng.random() < scores[row]) for row in range(200)}
    found = []
    for factor in (1, 8):  # a power of two keeps the order of floats
        strata = draw_strata(scores * factor, 0.75 * factor)
        found.append(calibrate(scores * factor, 0.75 * factor, strata, answers))
    assert (found[0].precision, found[0].missed) == (found[1].precision, found[1].missed)
    assert found[0].suggested is not None
    assert found[1].suggested is not None
    np.testing.assert_allclose(found[1].suggested, 8 * found[0].suggested, rtol=1e-6)


def test_the_interval_holds_the_true_precision_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for trial in range(400):
        scores = rng.random(600).astype(np.float32)
        truth = rng.random(600) < scores
        strata = draw_strata(scores, 0.7, random_state=trial)
        found = calibrate(scores, 0.7, strata, {row: bool(truth[row]) for row in asking_order(strata)})
        held += found.precision.low <= truth[scores >= 0.7].mean() <= found.precision.high
    assert held >= 0.93 * 400


def test_impossible_requests_are_refused_in_a_sentence() -> None:
    with pytest.raises(ParameterError, match="n_asked must be at least 2"):
        draw_strata(SCORES, 3, n_asked=1)
    with pytest.raises(ParameterError, match=r"n_yes must be in \[0, 2\]"):
        wilson_share(3, 2)
