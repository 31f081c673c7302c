"""Filters: which images the map, the gallery and the search show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.columns import Column
from dataeval_ui.ui import state
from dataeval_ui.ui.panels.colouring import value_bounds
from dataeval_ui.ui.state import ExploreState
from dataeval_ui.ui.text import plain, visible

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from dataeval_ui.services.run import Run

_CHOSEN = "filter_columns"
_MANY = 2_000


def shown_mask(run: Run, view: ExploreState) -> npt.NDArray[np.bool_] | None:
    """Return which images pass the filters, None where nothing filters.

    Raises
    ------
    UnknownNameError
        A filter of the address names a column that the run lacks.
    InputError
        A range on categories, or categories on numbers.
    """
    import numpy as np

    from dataeval_ui.errors import InputError
    from dataeval_ui.services.search import rows_matching

    if not view.n_filters:
        return None
    mask = rows_matching(run, dict(view.categories))
    for name, (low, high) in view.ranges.items():
        column = run.column(name)
        if column.values is None:
            raise InputError(f"{column.title} has categories; it cannot be filtered by a range.")
        with np.errstate(invalid="ignore"):  # NaN is in no range
            mask &= (column.values >= low) & (column.values <= high)
    return mask


def render_filters(run: Run, view: ExploreState) -> None:
    """Draw the popover in which columns are chosen to filter by."""
    label = f"Filters ({view.n_filters})" if view.n_filters else "Filters"
    with st.popover(label, icon=":material/filter_alt:", key="filters"):
        known = {name: column for name, column in run.columns.items() if _can_filter(column)}
        filtering = [name for name in (*view.categories, *view.ranges) if name in known]
        extra = [name for name in st.session_state.get(_CHOSEN, []) if name in known and name not in filtering]
        names = [*filtering, *extra]
        if not names and "label" in known:
            names = ["label"]
        st.session_state[_CHOSEN] = names
        st.multiselect(
            "Columns to filter by",
            list(known),
            format_func=lambda name: visible(known[name].title, max_chars=60),
            key=_CHOSEN,
            on_change=_drop_unchosen,
            select_all=False,
            placeholder="Choose columns",
        )
        for name in names:
            _render_filter(known[name], view)
        st.button(
            "Clear filters",
            icon=":material/filter_alt_off:",
            key="clear_filters",
            disabled=not view.n_filters,
            on_click=clear_filters,
        )


def _can_filter(column: Column) -> bool:
    return column.codes is None or len(column.categories) <= _MANY


def clear_filters() -> None:
    """Show all images."""
    state.change_explore(categories={}, ranges={})
    st.session_state[_CHOSEN] = []


def _drop_unchosen() -> None:
    chosen = st.session_state[_CHOSEN]
    view = state.explore_state()
    state.change_explore(
        categories={name: value for name, value in view.categories.items() if name in chosen},
        ranges={name: value for name, value in view.ranges.items() if name in chosen},
    )


def _render_filter(column: Column, view: ExploreState) -> None:
    key = f"filter_{column.name}"
    title = plain(column.title, max_chars=60)
    if column.codes is not None:
        st.session_state[key] = [name for name in view.categories.get(column.name, ()) if name in column.categories]
        st.multiselect(
            title,
            column.categories,
            key=key,
            format_func=lambda name: visible(name, max_chars=80),
            on_change=_filter_categories,
            args=(column.name, key),
            placeholder="All are shown",
        )
        return
    low, high = value_bounds(column)
    chosen = view.ranges.get(column.name, (low, high))
    st.session_state[key] = (min(max(chosen[0], low), high), min(max(chosen[1], low), high))
    st.slider(
        title,
        low,
        high,
        step=(high - low) / 200,
        format="%.3g",
        key=key,
        on_change=_filter_range,
        args=(column.name, key, (low, high)),
    )


def _filter_categories(name: str, key: str) -> None:
    categories = dict(state.explore_state().categories)
    categories.pop(name, None)
    if chosen := tuple(st.session_state[key]):
        categories[name] = chosen
    state.change_explore(categories=categories)


def _filter_range(name: str, key: str, bounds: state.Range) -> None:
    ranges = dict(state.explore_state().ranges)
    ranges.pop(name, None)
    low, high = (float(bound) for bound in st.session_state[key])
    if (low, high) != bounds:
        ranges[name] = (low, high)
    state.change_explore(ranges=ranges)
