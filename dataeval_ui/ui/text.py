"""Text of users (labels, names, paths) made safe for elements that would read it as Markdown or HTML."""

from __future__ import annotations

import html as _html
import re
import unicodedata

_JOINER = "\N{WORD JOINER}"
_PUNCTUATION = re.compile(r"([!-/:-@\[-`{-~])")
_TYPOGRAPHY = re.compile(r"(?<=[-<>~=])(?=[-<>=])")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def visible(text: str, *, max_chars: int = 300) -> str:
    """Return text on one line, with control and direction characters shown as such, cut in its middle if it is long.

    Parameters
    ----------
    text : str
    max_chars : int, default 300
        At least 3.
    """
    if len(text) <= max_chars and text.isprintable():  # nearly all texts, at a hundredth of the cost
        return text
    shown = "".join(_REPLACEMENT if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") else c for c in text)
    if len(shown) <= max_chars:
        return shown
    head = (max_chars - 1) * 2 // 5
    return f"{shown[:head]}…{shown[len(shown) - (max_chars - 1 - head) :]}"


def plain(text: str, *, max_chars: int = 300) -> str:
    """Return text for a Markdown element, so that it is shown letter by letter.

    Notes
    -----
    A backslash alone is not enough: Streamlit replaces `:smile:`, `:material/home:` and `-->` after the Markdown was
    read, and links bare addresses. An invisible word joiner keeps those apart.
    """
    shown = _TYPOGRAPHY.sub(_JOINER, visible(text, max_chars=max_chars))
    shown = _PUNCTUATION.sub(r"\\\1", shown)
    shown = shown.replace("\\:", f"\\:{_JOINER}").replace("\\@", f"\\@{_JOINER}")
    return re.sub(r"(?i)(www)(?=\\\.)", rf"\1{_JOINER}", shown)


def html(text: str, *, max_chars: int = 300) -> str:
    """Return text for an HTML element or a quoted attribute."""
    return _html.escape(visible(text, max_chars=max_chars), quote=True)


def count(n: int, one: str, many: str | None = None) -> str:
    """Return "1 image", "1,204 images"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """Return a time span as people say it: "40 s", "12 min", "3 h 5 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def size(n_bytes: int) -> str:
    """Return a number of bytes in units of 1,000: "18 MB"."""
    value = float(n_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
