"""Which two sets the Drift page compares, and what to do where there are not two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.drift_images import splits_of
from dataeval_ui.services.runs import list_runs
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.panels.drift_filters import render_filter_counts, render_filters
from dataeval_ui.ui.panels.run_choice import run_title
from dataeval_ui.ui.text import plain, visible

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

SPLITS = ""
FILTERS = "filters"
"""In place of a run's id: two splits of the page's run, and two filters of it."""

_WITH, _REFERENCE, _TEST = "drift_with", "drift_reference", "drift_test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sets:
    """Reference and test; splits or filters only where both are of one run."""

    reference: Run
    test: Run
    splits: tuple[str, str] | None
    filters: tuple[str | None, str | None] | None = None


def render_choice(run: Run) -> Sets | None:
    """Draw the choice and its button; return the sets once they were asked for, None before.

    The page's run is the reference. Where there is nothing to compare it with, say what to do.
    """
    splits = splits_of(run)
    others = {
        other.id: run_title(other)
        for other in list_runs(cached.services())
        if other.id != run.id and other.key == run.record.key
    }
    if len(splits) < 2 and not others:
        _render_nothing(run)
    options = [*([SPLITS] if len(splits) > 1 else []), *others, FILTERS]
    titles = {SPLITS: "Two splits of this run", FILTERS: "Two filters of this run"}
    named = state.str_param("with")
    if named is not None and named not in options:
        st.warning(f"This run cannot be compared with {plain(repr(named), max_chars=80)}; choose from the list.")
    chosen = named if named in options else options[0]
    pair: tuple[str, str] | None = None
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="drift_choice"):
        st.session_state[_WITH] = chosen
        st.selectbox(
            "Compare",
            options,
            format_func=lambda option: titles.get(option) or f"With {others[option]}",
            key=_WITH,
            on_change=_choose_run,
            help="The run of this page is the reference. Listed are the runs of the same embeddings.",
            width=320,
        )
        if chosen == SPLITS:
            pair = _render_splits(splits)
        elif chosen == FILTERS:
            pair = render_filters(run)
        st.button(
            "Test for drift",
            icon=":material/compare_arrows:",
            type="primary",
            key="drift_start",
            disabled=pair is not None and (pair[0] == pair[1] or not all(pair)),
            on_click=state.update_address,
            kwargs={
                "with": chosen or None,
                "reference": pair[0] if pair else None,
                "test": pair[1] if pair else None,
                "tested": "1",
            },
        )
    ready = state.str_param("tested") == "1" and not (named is not None and named not in options)
    if chosen == FILTERS:
        assert pair is not None
        counted = render_filter_counts(run, pair)
        return Sets(reference=run, test=run, splits=None, filters=pair) if ready and counted else None
    if pair is not None and pair[0] == pair[1]:
        st.info("Reference and test are the same split; choose two.")
        return None
    if not ready:
        reference, test = pair if pair else (run.record.name, others[chosen])
        st.caption(
            f"Is {plain(test)} different from {plain(reference)}? Up to eleven tests answer together; it takes from "
            "seconds to minutes."
        )
        return None
    return Sets(reference=run, test=cached.run(chosen) if chosen else run, splits=pair)


def _render_splits(splits: tuple[str, ...]) -> tuple[str, str]:
    """Draw both selects; proposed are train and test where the run has them, or else its first two splits."""
    first = "train" if "train" in splits else splits[0]
    second = next((name for name in ("test", *splits) if name in splits and name != first), splits[1])
    named = state.str_param("reference"), state.str_param("test")
    reference, test = (
        name if name is not None and name in splits else proposed
        for name, proposed in zip(named, (first, second), strict=True)
    )
    for key, title, value in ((_REFERENCE, "Reference", reference), (_TEST, "Test", test)):
        st.session_state[key] = value
        st.selectbox(title, splits, format_func=visible, key=key, on_change=_choose_splits, width=160)
    return reference, test


def _choose_run() -> None:
    chosen = st.session_state[_WITH]
    state.update_address(**{"with": chosen or None, "reference": None, "test": None, "tested": None})


def _choose_splits() -> None:
    reference, test = st.session_state[_REFERENCE], st.session_state[_TEST]
    state.update_address(**{"with": None, "reference": reference, "test": test, "tested": None})


def _render_nothing(run: Run) -> None:
    with st.container(border=True):
        st.subheader("Drift needs two sets of images", icon=":material/compare_arrows:", anchor=False)
        st.markdown(
            f"This run has no two splits, and no other run has its embeddings. Run another dataset with "
            f"{plain(run.record.backbone)} and the same layer and pooling, add the dataset again with its splits, or "
            "compare two filters of this run below."
        )
        st.page_link("app_pages/run.py", label="Run another dataset", icon=":material/play_arrow:")
        st.page_link("app_pages/datasets.py", label="Add a dataset with splits", icon=":material/add:")
