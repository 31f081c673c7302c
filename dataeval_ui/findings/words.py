"""Names and counts as words of a sentence. File names and labels are hostile: they are shortened and made printable."""

from __future__ import annotations

from collections.abc import Sequence

_MAX_NAME = 80
_MAX_LISTED = 3


def shown_name(name: str) -> str:
    """Write a name so that it fits a sentence: at most 80 characters, none of them a control character."""
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)
    return printable if len(printable) <= _MAX_NAME else f"{printable[:48]}…{printable[-31:]}"


def listed(names: Sequence[str]) -> str:
    """Write names as a list: "a, b and c", "a, b, c and 4 more"."""
    shown = [shown_name(name) for name in names[:_MAX_LISTED]]
    if len(names) > _MAX_LISTED:
        return f"{', '.join(shown)} and {len(names) - _MAX_LISTED:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def counted(n: int, noun: str) -> str:
    """Write a count with its noun: "1 image", "2,000 images"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
