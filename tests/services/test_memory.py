"""The largest memory of this process."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from dataeval_ui.services.memory import peak_bytes, reset_peak

MIB = 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets an earlier peak")
def test_the_peak_is_that_since_it_was_reset() -> None:
    reset_peak()
    before = peak_bytes()
    filled = np.ones(200 * MIB, np.uint8)
    during = peak_bytes()
    del filled
    after = peak_bytes()
    reset_peak()
    again = peak_bytes()
    assert before is not None
    assert during is not None
    assert after is not None
    assert again is not None
    assert during - before > 150 * MIB
    assert after - before > 150 * MIB
    assert again < during - 100 * MIB
