"""The map: up to a million points drawn by the browser's WebGL2, fetched once, and questions asked by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from dataeval_ui.errors import ParameterError
from dataeval_ui.figures.palette import categorical_colors, neutral_color, sequential_colors
from dataeval_ui.types import digest_of
from dataeval_ui.ui.components.bitsets import decode_rows, encode_rows
from dataeval_ui.ui.components.mount import mount

if TYPE_CHECKING:
    from dataeval_ui.types.base import Int64

Mode = Literal["pan", "lasso", "box"]
_WEBGL_MISSING = "dataeval_ui.webgl_missing"
_EVENTS = ("click", "selection", "hidden", "window", "webgl")
WINDOW = re.compile(r"(-?\d{1,15}(\.\d{1,15})?(e-\d{1,3})?(_|$)){3}(?<!_)", re.ASCII)
"""A window on the map: its centre on the plane and its zoom, 1 where all points just fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourSpec:
    """A column of the run, as the map colours by it or tells it beside a thumbnail.

    Attributes
    ----------
    title : str
        What the legend calls it: "Cluster".
    url : str
        Where its codes or values come from: `RunUrls.column(name)`.
    kind : {"categorical", "continuous"}
    categories : sequence of str
        What code i means. A code beyond the last is a missing value, and grey.
    counts : sequence of int
        Images of each category; empty for no counts.
    grey : sequence of int
        Codes drawn grey, such as noise.
    low, high : float
        Ends of a continuous scale. NaN is drawn grey.
    """

    title: str
    url: str
    kind: Literal["categorical", "continuous"]
    categories: Sequence[str] = ()
    counts: Sequence[int] = ()
    grey: Sequence[int] = ()
    low: float = 0.0
    high: float = 1.0

    def to_json(self) -> dict[str, Any]:
        """Return what the browser needs, colours included."""
        themes = {"light": False, "dark": True}
        common = {
            "title": self.title,
            "url": self.url,
            "kind": self.kind,
            "missing": {theme: neutral_color(dark=dark) for theme, dark in themes.items()},
        }
        if self.kind == "continuous":
            scales = {theme: sequential_colors(dark=dark) for theme, dark in themes.items()}
            return common | {"low": float(self.low), "high": float(self.high), "colours": scales}
        return common | {
            "categories": [str(name) for name in self.categories],
            "counts": [int(count) for count in self.counts],
            "colours": {theme: self.category_colors(dark=dark) for theme, dark in themes.items()},
        }

    def category_colors(self, *, dark: bool) -> list[str]:
        """Return `#rrggbb` of each category, for one of the two themes."""
        colors = categorical_colors(len(self.categories), dark=dark)
        for code in self.grey:
            if 0 <= code < len(colors):
                colors[code] = neutral_color(dark=dark)
        return colors


@dataclass(frozen=True, slots=True, kw_only=True)
class Highlight:
    """An image and its nearest neighbours, most similar first, ringed and numbered on the map.

    Attributes
    ----------
    query_row : int or None
        None for an image that is not on the map.
    neighbour_rows : sequence of int
    """

    query_row: int | None = None
    neighbour_rows: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MapEvents:
    """What the user did on the map since the last rerun. None: nothing of the kind.

    The page keeps what it wants to keep and gives it back with the next call; the map shows at once what the user
    does, and what the page says whenever that changes.

    Attributes
    ----------
    click : int or None
        The row that was clicked, or chosen with Enter.
    selection : ndarray of shape (n_rows,), int64, or None
        Rows inside the lasso or box, ascending; empty when the selection was cleared.
    hidden : frozenset of int or None
        Codes that the legend hides now; empty when all are shown again.
    window : str or None
        Where the map was moved or zoomed to, see `WINDOW`; empty for all of it. Told by maps that keep their window.
    webgl_missing : bool
        The browser has no WebGL2: nothing was drawn, the page falls back.
    """

    click: int | None = None
    selection: Int64 | None = None
    hidden: frozenset[int] | None = None
    window: str | None = None
    webgl_missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLook:
    """How the map looks.

    Attributes
    ----------
    point_px : float or None
        Diameter of a point, in CSS pixels, in [1, 40]; None lets the map choose by the number of points.
    opacity : float, default 0.8
        In (0, 1].
    height_px : int, optional
        None fits the window.
    show_images : bool, default False
        Draw thumbnails in place of points where at most 150 are in view.
    """

    point_px: float | None = None
    opacity: float = 0.8
    height_px: int | None = None
    show_images: bool = False

    def __post_init__(self) -> None:
        if self.point_px is not None and not 1 <= self.point_px <= 40:
            raise ParameterError(f"point_px must be in [1, 40], got {self.point_px}.")
        if not 0 < self.opacity <= 1:
            raise ParameterError(f"opacity must be in (0, 1], got {self.opacity}.")


def _rows(value: Int64 | Sequence[int] | None, n_points: int) -> dict[str, str] | None:
    if value is None:
        return None
    bits = encode_rows(value, n_points)  # type: ignore[arg-type]
    return {"bits": bits, "digest": digest_of(bits)}


def read_events(sent: dict[str, Any], *, n_points: int, n_categories: int) -> MapEvents:
    """Check what a browser sent and turn it into rows.

    Raises
    ------
    ParameterError
        Something that this map cannot have sent.
    """
    click, hidden = sent.get("click"), sent.get("hidden")
    if click is not None and (not isinstance(click, int) or isinstance(click, bool) or not 0 <= click < n_points):
        raise ParameterError(f"The browser sent a click on a point that is not among the {n_points}; reload the page.")
    if hidden is not None:
        if not isinstance(hidden, list) or not all(type(code) is int and 0 <= code <= n_categories for code in hidden):
            raise ParameterError("The browser sent categories that the legend does not have; reload the page.")
        hidden = frozenset(hidden)
    window = sent.get("window")
    if window is not None and not (isinstance(window, str) and (not window or WINDOW.fullmatch(window))):
        raise ParameterError("The browser sent a window that this map cannot have; reload the page.")
    selection = sent.get("selection")
    return MapEvents(
        click=click,
        selection=None if selection is None else decode_rows(selection, n_points),
        hidden=hidden,
        window=window,
        webgl_missing=sent.get("webgl") is False,
    )


def pending_events(key: str, *, n_points: int, n_categories: int) -> MapEvents:
    """Read what the user did on a map before it is drawn in this rerun.

    A page that answers to a click on the map itself, with rings around neighbours, reads the click first and draws
    once; one that reads it from `scatter_map` must run again to draw the answer.

    Parameters
    ----------
    key : str
        That of `scatter_map`.
    n_points, n_categories : int
        As the map was drawn last.

    Raises
    ------
    ParameterError
        Something that this map cannot have sent.
    """
    sent = st.session_state.get(key)
    return read_events(dict(sent), n_points=n_points, n_categories=n_categories) if sent else MapEvents()


def scatter_map(
    *,
    key: str,
    points_url: str,
    version: str,
    n_points: int,
    colour: ColourSpec,
    thumbnails_url: str,
    neighbours_url: str | None = None,
    hover: Sequence[ColourSpec] = (),
    selected: Int64 | Sequence[int] | None = None,
    shown: Int64 | Sequence[int] | None = None,
    hidden: Sequence[int] | frozenset[int] = (),
    highlight: Highlight | None = None,
    window: str | None = None,
    keeps_window: bool = False,
    mode: Mode = "pan",
    look: MapLook | None = None,
    label: str = "Map of the dataset",
) -> MapEvents:
    """Draw the map and tell what the user did on it.

    Parameters
    ----------
    key : str
        Zoom and mode in the browser live as long as a map with this key is drawn.
    points_url : str
        `RunUrls.points`: uint32 n, float32 x[n], float32 y[n], little-endian.
    version : str
        Changes when the points do; the run's id.
    n_points : int
    colour : ColourSpec
    thumbnails_url : str
        With `{row}`; `RunUrls.thumbnails`.
    neighbours_url : str, optional
        With `{row}`; `RunUrls.neighbours`. The map draws lines to them from the point under the pointer, while its
        button for lines is pressed.
    hover : sequence of ColourSpec
        Further columns told beside the thumbnail under the pointer.
    selected : rows, optional
        The selection as the page knows it. None or empty: nothing is selected.
    shown : rows, optional
        The only rows to draw, by the page's filters. None draws all.
    hidden : codes of `colour.categories`
        Categories that the legend hides; `len(categories)` stands for missing values.
    highlight : Highlight, optional
    window : str, optional
        Where to look, as an event told it; None shows all points.
    keeps_window : bool, default False
        Tell of a window that the user moved, and write it into the page's address as the parameter `at`.
    mode : {"pan", "lasso", "box"}
        What dragging does at first; the map's own buttons change it.
    look : MapLook, optional
    label : str
        What a screen reader calls the map.

    Returns
    -------
    MapEvents

    Notes
    -----
    A rerun sends a few hundred bytes, and n/6 bytes for each of `selected` and `shown`; never the points.
    """
    if st.session_state.get(_WEBGL_MISSING):
        return MapEvents(webgl_missing=True)
    look = look or MapLook()
    selected = None if selected is None or len(selected) == 0 else selected
    data = {
        "points": points_url,
        "version": version,
        "n": n_points,
        "colour": colour.to_json(),
        "hover": [column.to_json() for column in hover],
        "thumbnails": thumbnails_url,
        "nearest": neighbours_url,
        "selected": _rows(selected, n_points),
        "shown": _rows(shown, n_points),
        "hidden": sorted(int(code) for code in hidden),
        "query": None if highlight is None else highlight.query_row,
        "neighbours": [] if highlight is None else [int(row) for row in highlight.neighbour_rows],
        "window": window,
        "keepsWindow": keeps_window,
        "mode": mode,
        "pointPx": look.point_px,
        "opacity": look.opacity,
        "heightPx": look.height_px,
        "showImages": look.show_images,
        "label": label,
    }
    events = read_events(
        mount("map", key=key, data=data, events=_EVENTS), n_points=n_points, n_categories=len(colour.categories)
    )
    if events.webgl_missing:
        st.session_state[_WEBGL_MISSING] = True
    return events
