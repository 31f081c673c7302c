"""Kappa against scikit-learn and by hand."""

import pytest
from sklearn.metrics import cohen_kappa_score

from dataeval_ui.analysis.agreement import cohens_kappa, fleiss_kappa


def test_cohens_kappa_is_that_of_scikit_learn_and_fleiss_that_of_his_paper() -> None:
    left, right = list("kkkrruukrk"), list("kkrrrukkrk")
    assert cohens_kappa(list(zip(left, right, strict=True))) == pytest.approx(cohen_kappa_score(left, right))
    assert cohens_kappa([("k", "k")]) is None
    # by hand: P = (1 + 1/3 + 1) / 3 = 7/9, p = (5/9, 4/9), Pe = 41/81, kappa = (63 - 41) / (81 - 41)
    assert fleiss_kappa([list("kkk"), list("kkr"), list("rrr")]) == pytest.approx(22 / 40)
