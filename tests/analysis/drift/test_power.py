"""What is said to be found in four of five comparisons is found about so often."""

from __future__ import annotations

import numpy as np
import pytest

from dataeval_ui.analysis.drift.features import largest_rank_shift
from dataeval_ui.analysis.drift.power import detectable
from dataeval_ui.analysis.drift.samples import memberships, permutation_p


def test_the_smallest_shift_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(0)
    members = memberships(80, 50, n_permutations=199, random_state=0)
    found = 0
    for _ in range(150):
        pooled = rng.normal(size=(130, 4)).astype(np.float32)
        told = detectable(80, 50, auroc=np.linspace(0.4, 0.6, 200), mwu=largest_rank_shift(pooled, members)[0])
        pooled[80:, 0] += told.shift_sd
        found += permutation_p(largest_rank_shift(pooled, members)[0]) <= 0.05
    assert 0.7 <= found / 150 <= 0.9


def test_more_images_show_smaller_drift_and_the_sentence_says_the_numbers() -> None:
    null = np.linspace(0.4, 0.6, 100)
    small, large = (detectable(n, n, auroc=null, mwu=np.linspace(0, 3, 100)) for n in (50, 5000))
    assert 0.59 < large.auroc < small.auroc <= 1
    assert large.shift_sd < small.shift_sd / 5
    assert f"{small.auroc:.2f}" in small.sentence


def test_sets_too_small_to_find_anything_say_an_auroc_of_1() -> None:
    assert detectable(5, 5, auroc=np.ones(20), mwu=np.ones(20)).auroc == pytest.approx(1)
