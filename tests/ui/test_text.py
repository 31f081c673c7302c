"""Text of users stays text."""

from __future__ import annotations

import html as standard_html

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dataeval_ui.ui.text import count, duration, html, plain, size, visible

JOINER = "\N{WORD JOINER}"


@given(some.text(max_size=80))
def test_what_markdown_reads_is_the_text_itself(text: str) -> None:
    read = plain(text)
    for character in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~":
        read = read.replace(f"\\{character}" if character != "\\" else "\\\\", character)
    assert read.replace(JOINER, "") == visible(text)


@pytest.mark.parametrize("text", [":material/home:", ":smile:", ":red[a]"])
def test_no_colon_stands_before_a_letter(text: str) -> None:
    assert f":{JOINER}" in plain(text)
    assert ":m" not in plain(text)


def test_arrows_and_addresses_are_kept_apart() -> None:
    assert "--" not in plain("a --> b").replace("\\", "")
    assert "www." not in plain("www.example.org").replace("\\", "")


def test_control_and_direction_characters_are_made_visible() -> None:
    assert visible("a\nb\x00c\u202egpj.exe") == "a\ufffdb\ufffdc\ufffdgpj.exe"


def test_long_text_is_cut_in_its_middle() -> None:
    cut = visible("a" * 50 + "/" + "b" * 50, max_chars=20)
    assert len(cut) == 20
    assert cut.startswith("aaaaaaa…bbb")


@given(some.text(max_size=80))
def test_html_is_the_text_itself_and_never_a_tag(text: str) -> None:
    escaped = html(text)
    assert standard_html.unescape(escaped) == visible(text)
    assert not set(escaped) & set("<>\"'")


def test_numbers_are_said_as_people_say_them() -> None:
    assert (count(1, "image"), count(1204, "image")) == ("1 image", "1,204 images")
    assert (duration(0.2), duration(40), duration(700), duration(11_100)) == ("1 s", "40 s", "12 min", "3 h 5 min")
    assert (size(12), size(1_800), size(18_000_000)) == ("12 B", "1.8 kB", "18 MB")
