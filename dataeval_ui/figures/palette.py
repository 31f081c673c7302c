"""The colours of every map and chart.

Found by search: 4 well-known colours that colour-blind people can tell apart, then the colours farthest from all chosen
ones as seen by people with full, deutan and protan sight, among those that stand out from the page.
"""

from __future__ import annotations

import functools

CATEGORICAL_LIGHT = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#0000ff",
    "#663311",
    "#3322aa",
    "#770066",
    "#ff55ff",
    "#ee1155",
    "#8844ff",
    "#772244",
)
CATEGORICAL_DARK = (
    "#56b4e9",
    "#e69f00",
    "#2fbf8f",
    "#e78ac3",
    "#7755ff",
    "#eeff99",
    "#dd3333",
    "#ffff00",
    "#ccffdd",
    "#6677dd",
    "#ddaa66",
    "#00eeff",
)
SEQUENTIAL_LIGHT = ("#d8e219", "#7ad151", "#35b779", "#1f9e89", "#26828e", "#31688e", "#3e4989", "#482878", "#440154")
SEQUENTIAL_DARK = ("#5b4a8a", "#4a63a0", "#3f7fa6", "#2f9aa0", "#2fb48e", "#52cb73", "#93dc4b", "#d3e436", "#fde725")
_NEUTRAL = ("#b4b8c0", "#5b6170")
_LAPS = ((0.0, 0), (0.45, 255), (0.4, 0))
"""Of each lap through the colours: how much of white or black is mixed in."""


def categorical_colors(n_colors: int, *, dark: bool = False) -> list[str]:
    """Return colours for groups, the largest group first.

    The first 12 differ for colour-blind eyes too. The next 12 are the same mixed with white, the next 12 mixed with
    black, and from 36 on they repeat from the start: so many groups cannot be told apart by colour anyway.

    Returns
    -------
    list of str
        `#rrggbb`.
    """
    return list(_categorical(n_colors, dark))


@functools.lru_cache(maxsize=64)
def _categorical(n_colors: int, dark: bool) -> tuple[str, ...]:
    base = CATEGORICAL_DARK if dark else CATEGORICAL_LIGHT
    return tuple(_mixed(base[i % len(base)], *_LAPS[i // len(base) % len(_LAPS)]) for i in range(n_colors))


def neutral_color(*, dark: bool = False) -> str:
    """Return the grey of noise, of missing values and of images that have nothing to say."""
    return _NEUTRAL[dark]


def sequential_colors(*, dark: bool = False) -> tuple[str, ...]:
    """Return 9 colours from small to large; large stands out from the page."""
    return SEQUENTIAL_DARK if dark else SEQUENTIAL_LIGHT


def rgb_of(color: str) -> tuple[int, int, int]:
    """Split `#rrggbb` into three numbers in [0, 255]."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _mixed(color: str, share: float, other: int) -> str:
    return "#" + "".join(f"{round(channel + share * (other - channel)):02x}" for channel in rgb_of(color))
