"""What a page shows, as typed values that live in the address: reload, back and a sent link give the same page.

The address is the state. Widgets take their values from it before they are drawn, and write what the user does to it
in a callback; a browser's own back button therefore undoes. Nothing read from an address is trusted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import streamlit as st

from dataeval_ui.services import selections
from dataeval_ui.ui.components.scatter import WINDOW

Panel = Literal["overview", "image", "selection"]
Scope = Literal["all", "shown", "same_label", "other_label", "same_split", "other_split"]
Range = selections.Range
MAX_ADDRESS_CHARS = selections.MAX_ADDRESS_CHARS
encode_selection, decode_selection = selections.encode_selection, selections.decode_selection
parse_range, format_range, kept_digest = selections.parse_range, selections.format_range, selections.kept_digest

MAX_TEXT_CHARS = 500
"""Words in an address that are longer are cut."""

NEIGHBOUR_COUNTS = (6, 12, 24, 48, 96)
_IN, _RANGE = "in.", "range."
_LAST_RUN = "dataeval_ui.last_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploreState:
    """State of the Explore page.

    Attributes
    ----------
    colour : str
        Name of a column.
    query_row : int or None
        The image that is looked at.
    k : int
        Number of similar images, one of `NEIGHBOUR_COUNTS`.
    scope : str
        Which images may be found similar.
    panel : str or None
        What the side panel shows; None lets the page choose.
    categories : mapping of str to tuple of str
        Column to the categories that are shown.
    ranges : mapping of str to (float, float)
        Column to the lowest and highest value that is shown.
    hidden : frozenset of int
        Codes of the colour's categories that the legend hides.
    selection : str or None
        See `encode_selection`.
    text : str or None
        Words that are searched for while no image is looked at; see `dataeval_ui.services.words.parse_words`.
    window : str or None
        Where the map was moved and zoomed to; see `dataeval_ui.ui.components.scatter.WINDOW`.
    """

    colour: str = "cluster"
    query_row: int | None = None
    k: int = 24
    scope: Scope = "all"
    panel: Panel | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ranges: Mapping[str, Range] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()
    selection: str | None = None
    text: str | None = None
    window: str | None = None

    @property
    def n_filters(self) -> int:
        """Number of columns that filter."""
        return len(self.categories) + len(self.ranges)


def parse_explore(params: Mapping[str, list[str]]) -> ExploreState:
    """Read an address; what it cannot mean is left at its default.

    Parameters
    ----------
    params : mapping of str to list of str
        Never empty lists.
    """
    colour = _last(params, "colour") or "cluster"
    scope = _last(params, "scope")
    panel = _last(params, "panel")
    k = _int(_last(params, "k"))
    categories = {name.removeprefix(_IN): tuple(v) for name, v in params.items() if name.startswith(_IN)}
    ranges = {
        name.removeprefix(_RANGE): bounds
        for name, values in params.items()
        if name.startswith(_RANGE) and (bounds := parse_range(values[-1])) is not None
    }
    hidden = (_int(code) for code in (_last(params, "hide") or "").split("."))
    window = _last(params, "at") or ""
    return ExploreState(
        colour=colour,
        query_row=_int(_last(params, "image")),
        k=k if k in NEIGHBOUR_COUNTS else 24,
        scope=scope if scope in get_args(Scope) else "all",  # type: ignore[arg-type]
        panel=panel if panel in get_args(Panel) else None,  # type: ignore[arg-type]
        categories=categories,
        ranges=ranges,
        hidden=frozenset(code for code in hidden if code is not None),
        selection=_last(params, "selected"),
        text=(_last(params, "text") or "").strip()[:MAX_TEXT_CHARS] or None,
        window=window if WINDOW.fullmatch(window) else None,
    )


def explore_params(state: ExploreState) -> dict[str, str | list[str]]:
    """Write an address; defaults are left out. `parse_explore` reads it back to the same state."""
    default = ExploreState()
    params: dict[str, str | list[str]] = {}
    if state.colour != default.colour:
        params["colour"] = state.colour
    if state.query_row is not None:
        params["image"] = str(state.query_row)
    if state.k != default.k:
        params["k"] = str(state.k)
    if state.scope != default.scope:
        params["scope"] = state.scope
    if state.panel is not None:
        params["panel"] = state.panel
    params |= {_IN + name: list(chosen) for name, chosen in state.categories.items() if chosen}
    params |= {_RANGE + name: format_range(bounds) for name, bounds in state.ranges.items()}
    if state.hidden:
        params["hide"] = ".".join(str(code) for code in sorted(state.hidden))
    if state.selection is not None:
        params["selected"] = state.selection
    if state.text is not None:
        params["text"] = state.text
    if state.window is not None:
        params["at"] = state.window
    return params


def _last(params: Mapping[str, list[str]], name: str) -> str | None:
    values = params.get(name)
    return values[-1] if values else None


def _int(text: str | None) -> int | None:
    """Read a row, code or count: ASCII digits, below 10^9."""
    return int(text) if text and len(text) <= 9 and text.isascii() and text.isdecimal() else None


def address() -> dict[str, list[str]]:
    """Return the address's parameters."""
    return {name: values for name in st.query_params if (values := st.query_params.get_all(name))}


def set_address(params: Mapping[str, str | Iterable[str]]) -> None:
    """Replace the address's parameters, as one step of the browser's history; the same ones again are no step."""
    wanted = {name: [value] if isinstance(value, str) else list(value) for name, value in params.items()}
    if wanted != address():
        st.query_params.from_dict(wanted)


def update_address(**changes: str | list[str] | None) -> None:
    """Change single parameters; None removes one."""
    params: dict[str, str | list[str]] = dict(address())
    for name, value in changes.items():
        if value is None:
            params.pop(name, None)
        else:
            params[name] = value
    set_address(params)


def explore_state() -> ExploreState:
    """Return the state of the Explore page."""
    return parse_explore(address())


def set_explore(state: ExploreState) -> None:
    """Make this the state of the Explore page; the run stays."""
    params = explore_params(state)
    run_id: str | None = _last(address(), "run") or st.session_state.get(_LAST_RUN)
    if run_id is not None:
        params["run"] = run_id
    if state.window is not None:  # last, as the map has written it into the browser's address already
        params["at"] = params.pop("at")
    set_address(params)


def change_explore(**changes: object) -> None:
    """Change some fields of the Explore page's state."""
    set_explore(replace(explore_state(), **changes))  # type: ignore[arg-type]


def int_param(name: str) -> int | None:
    """Return a whole number of the address, at least 0; None where there is none."""
    return _int(_last(address(), name))


def str_param(name: str) -> str | None:
    """Return a parameter of the address."""
    return _last(address(), name)


def float_param(name: str) -> float | None:
    """Return a finite number of the address."""
    try:
        value = float(_last(address(), name) or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def current_run_id(known: Iterable[str]) -> str | None:
    """Return the run of the address, or else the one last looked at, or else the first of the known ones.

    An unknown run in the address is returned as it is: the page says so.
    """
    if (named := _last(address(), "run")) is not None:
        return named
    ids = list(known)
    remembered: str | None = st.session_state.get(_LAST_RUN)
    if remembered in ids:
        return remembered
    return ids[0] if ids else None


def remember_run(run_id: str) -> None:
    """Let the other pages open the same run."""
    st.session_state[_LAST_RUN] = run_id
