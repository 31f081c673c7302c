"""The language of gates: what it says, and that nothing but a sentence comes of what it does not understand."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataeval_ui.errors import InputError
from dataeval_ui.findings.expression import MAX_CHARS, holds

METRICS = {"leaked_images": 3.0, "n_images": 100.0, "zero": 0.0}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("leaked_images > 0", True),
        ("leaked_images / n_images > 0.03", False),
        ("leaked_images / n_images >= 3e-2", True),
        ("zero == 0 and leaked_images != 3", False),
        ("zero == 1 or leaked_images == 3", True),
        ("not zero > 0", True),
        ("not not zero > 0", False),
        ("zero > 0 and zero > 0 or zero == 0", True),  # `and` binds closer
        ("zero > 0 and (zero > 0 or zero == 0)", False),
        ("2 + 3 * 4 == 14", True),
        ("(2 + 3) * 4 == 20", True),
        ("10 - 2 - 3 == 5", True),
        ("8 / 4 / 2 == 1", True),
        ("-leaked_images < -.5", True),
        ("- - 2 == 2", True),
    ],
)
def test_a_condition_means_what_it_says(text: str, answer: bool) -> None:
    assert holds(text, METRICS).holds is answer


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("leaked_image > 0", "Did you mean 'leaked_images'? Known: leaked_images, n_images, zero."),
        ("zero == 0 or nope == 1", "There is no metric named 'nope'"),
        ("1 / zero > 0", "divides by zero"),
        ("1e308 * 10 > 0", "too large"),
        ("1e999 > 0", "too large"),
        ("leaked_images", "compare it"),
        ("leaked_images = 3", "Write == to compare"),
        ("", "ends too early"),
        ("(1 > 0", "not closed"),
        ("1 > 0)", "no place for ')'"),
        ("0 < zero < 1", "do not chain"),
        ("1 and 2", "joins comparisons"),
        ("(1 > 0) + 1 > 0", "takes numbers"),
        ("__import__ > 0", "There is no metric named '__import__'"),
        ("__import__('os')", "has no meaning here"),
        ("leaked_images.real > 0", "has no meaning here"),
        ("(" * 60 + "1" + ")" * 60 + " > 0", "within one another"),
        ("1" * (MAX_CHARS + 1), "at most 1,000 characters"),
    ],
)
def test_what_is_no_condition_gets_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        holds(text, METRICS)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_answer_tells_the_metrics_that_it_used() -> None:
    assert dict(holds("zero > 1 and leaked_images > 0", METRICS).values) == {"zero": 0.0, "leaked_images": 3.0}


_pieces = st.sampled_from(
    [*METRICS, "nope", "and", "or", "not", *"()+-*/<>=!.", "<=", "==", "1", "0", "2.5e3", " ", "é"]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_pieces, max_size=40).map(" ".join) | st.text(max_size=80))
def test_no_text_ever_raises_anything_but_our_own_error(text: str) -> None:
    with contextlib.suppress(InputError):
        assert holds(text, METRICS).holds in (True, False)


_numbers = st.integers(0, 50).map(str)
_sums = st.recursive(
    _numbers, lambda part: st.builds("({} {} {})".format, part, st.sampled_from("+-*/"), part), max_leaves=12
)


@settings(max_examples=200, deadline=None)
@given(_sums, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), _sums)
def test_arithmetic_agrees_with_pythons_own(left: str, sign: str, right: str) -> None:
    text = f"{left} {sign} {right}"
    try:
        expected = eval(text)  # the strategy writes numbers and signs alone
    except ZeroDivisionError:
        with pytest.raises(InputError, match="divides by zero"):
            holds(text, {})
        return
    assert holds(text, {}).holds is expected
