"""Addresses: what is written is read, and what strangers write harms nothing."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from dataeval_ui.errors import InputError
from dataeval_ui.ui.state import (
    MAX_ADDRESS_CHARS,
    NEIGHBOUR_COUNTS,
    ExploreState,
    decode_selection,
    encode_selection,
    explore_params,
    kept_digest,
    parse_explore,
    parse_range,
)

names = some.text("abcé*[.%&= /", min_size=1, max_size=8)
bounds = some.tuples(some.floats(-1e6, 1e6), some.floats(-1e6, 1e6)).map(lambda pair: (min(pair), max(pair)))
states = some.builds(
    ExploreState,
    colour=names,
    query_row=some.none() | some.integers(0, 10**9 - 1),
    k=some.sampled_from(NEIGHBOUR_COUNTS),
    scope=some.sampled_from(["all", "shown", "same_label", "other_split"]),
    panel=some.sampled_from([None, "overview", "image", "selection"]),
    categories=some.dictionaries(
        names, some.lists(some.text("ab,&=é", max_size=5), min_size=1, max_size=3).map(tuple), max_size=3
    ),
    ranges=some.dictionaries(names, bounds, max_size=3),
    hidden=some.frozensets(some.integers(0, 500), max_size=6),
    selection=some.none() | some.text("abcXYZ09-_", min_size=1, max_size=30),
    window=some.sampled_from([None, "1_2_3", "-0.5125_2e-7_1234.5", "12.75_-3_1"]),
)


def as_address(params: dict[str, str | list[str]]) -> dict[str, list[str]]:
    return {name: [value] if isinstance(value, str) else value for name, value in params.items()}


@given(states)
def test_an_address_gives_the_state_back_that_wrote_it(state: ExploreState) -> None:
    assert parse_explore(as_address(explore_params(state))) == state


def test_the_default_state_needs_no_parameter() -> None:
    assert explore_params(ExploreState()) == {}


@given(
    some.dictionaries(
        some.sampled_from(
            ["colour", "image", "k", "scope", "panel", "hide", "selected", "in.label", "range.score", "at"]
        ),
        some.lists(some.text(max_size=20), min_size=1, max_size=3),
    )
)
def test_no_address_raises(params: dict[str, list[str]]) -> None:
    state = parse_explore(params)
    assert state.query_row is None or state.query_row >= 0
    assert state.k in NEIGHBOUR_COUNTS
    assert {f.name for f in fields(state)} == {f.name for f in fields(ExploreState)}


@pytest.mark.parametrize("text", ["", "1", "..", "a..b", "2..1", "nan..1", "0..inf", "1..2..3", "1e999..2"])
def test_what_is_no_range_is_none(text: str) -> None:
    assert parse_range(text) is None


@pytest.mark.parametrize(
    "text", ["1_2", "1_2_3_4", "1_2_x", "1_2_3\n", "nan_1_1", "1_2_1e400000", "٣_1_1", "_1_2_3", "<b>"]
)
def test_what_is_no_window_is_none(text: str) -> None:
    assert parse_explore({"at": [text]}).window is None


@given(some.integers(1, 3_000), some.integers(0, 2**32 - 1))
def test_a_selection_comes_back_as_it_was(n_images: int, seed: int) -> None:
    rows = np.flatnonzero(np.random.default_rng(seed).random(n_images) < 0.3)
    text, packed = encode_selection(rows, n_images)
    assert len(text) <= MAX_ADDRESS_CHARS
    kept = packed if kept_digest(text) else None
    np.testing.assert_array_equal(decode_selection(text, n_images, kept), rows)


def test_a_long_selection_is_named_by_a_digest() -> None:
    rows = np.flatnonzero(np.random.default_rng(0).random(100_000) < 0.5)
    text, packed = encode_selection(rows, 100_000)
    assert kept_digest(text) is not None
    np.testing.assert_array_equal(decode_selection(text, 100_000, packed), rows)
    with pytest.raises(InputError, match="no longer kept"):
        decode_selection(text, 100_000)


def test_a_bomb_in_an_address_is_refused_without_unpacking_it() -> None:
    import base64
    import zlib

    bomb = base64.urlsafe_b64encode(zlib.compress(bytes(50_000_000), 9)).decode()
    with pytest.raises(InputError, match="does not fit"):
        decode_selection(bomb, 1_000)


def test_a_selection_of_another_run_is_refused() -> None:
    text, _ = encode_selection(np.array([5, 999]), 1_000)
    with pytest.raises(InputError, match="does not fit"):
        decode_selection(text, 100)
    text, _ = encode_selection(np.array([15]), 16)
    with pytest.raises(InputError, match="does not fit"):
        decode_selection(text, 12)
