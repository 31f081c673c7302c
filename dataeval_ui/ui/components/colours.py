"""Colours of the map, the same in the browser's renderer, in Plotly's and in the gallery."""

from __future__ import annotations

CATEGORY_COLOURS = (
    "#3f7fd9", "#e0771c", "#2f9e58", "#d3455b", "#8a62d0", "#1b9aaa", "#c65aa5", "#8f9420", "#a8693f", "#5c6fb3",
    "#d79a1a", "#4c9a8b",
)  # fmt: skip
"""Twelve hues that keep a contrast of 3:1 with a white and with a nearly black page."""

GREY = "#8d939c"
"""Noise, missing values, and everything that is not selected."""

LIGHT_SCALE = ("#e2a72e", "#e8803f", "#cf4860", "#8d3a8f", "#3a2a7c")
DARK_SCALE = ("#4756a8", "#2f86a3", "#3fb68b", "#b4d654", "#fde94f")
"""Continuous scales; the more of a thing, the further from the page. Lightness is monotone, so colour-blind people and
a grey print read them as well."""


def _mix(colour: str, other: str, share: float) -> str:
    channels = zip(bytes.fromhex(colour[1:]), bytes.fromhex(other[1:]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in channels)


def category_colours(n_categories: int) -> tuple[str, ...]:
    """Give each category a colour.

    Parameters
    ----------
    n_categories : int
        At least 0.

    Returns
    -------
    tuple of str
        `#rrggbb`, one a category. The first 12 are plain hues, the next 12 the same hues darker, the next 12 lighter;
        from the 37th on colours repeat.
    """
    darker = tuple(_mix(colour, "#000000", 0.32) for colour in CATEGORY_COLOURS)
    lighter = tuple(_mix(colour, "#ffffff", 0.36) for colour in CATEGORY_COLOURS)
    known = CATEGORY_COLOURS + darker + lighter
    return tuple(known[code % len(known)] for code in range(n_categories))
