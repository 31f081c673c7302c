"""Which runs the Compare page sets side by side, and what to do where there are not two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.compare import MAX_RUNS
from dataeval_ui.services.runs import list_runs
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.panels.run_choice import render_no_run, run_title
from dataeval_ui.ui.text import plain, visible

if TYPE_CHECKING:
    from dataeval_ui.store.records import RunRecord

_CHOSEN = "compared_runs"


def render_choice() -> list[str]:
    """Draw the choice of runs and return the ids of two to four; where there are fewer, say what to do and end.

    The first one is the run of the address, which gives the order of the images.
    """
    runs = list_runs(cached.services())
    if not runs:
        render_no_run()
        st.stop()
    chosen = _chosen_ids(runs)
    if len(runs) > 1:
        titles = {run.id: _title(run) for run in _nearest_first(runs, chosen)}
        st.session_state[_CHOSEN] = chosen
        st.multiselect(
            "Runs to compare",
            list(titles),
            format_func=titles.__getitem__,
            key=_CHOSEN,
            max_selections=MAX_RUNS,
            on_change=_choose,
            help="Two to four runs of the same images. The first one gives the labels and the links to other pages.",
        )
    if len(chosen) < 2:
        _render_too_few(next((run for run in runs if run.id in chosen), runs[0]), len(runs))
        st.stop()
    state.remember_run(chosen[0])
    return chosen


def _title(run: RunRecord) -> str:
    """Name of a run, with its backbone where the name does not say it."""
    return run_title(run) if run.backbone in run.name else f"{visible(run.backbone)} · {run_title(run)}"


def _choose() -> None:
    chosen = list(st.session_state[_CHOSEN])
    state.set_address({"run": chosen[0], "with": chosen[1:] or ["none"]} if chosen else {"with": "none"})


def _chosen_ids(runs: list[RunRecord]) -> list[str]:
    """Runs of the address that exist; without any second one in the address, one of the same dataset is proposed."""
    known = {run.id: run for run in runs}
    first = state.current_run_id(known)
    named = state.address().get("with", [])
    unknown = [name for name in [first, *named] if name not in known and name not in (None, "none")]
    for name in unknown:
        st.warning(f"There is no run {plain(repr(name), max_chars=80)}; it may have been removed.")
    wanted = [name for name in dict.fromkeys([first, *named]) if name in known][:MAX_RUNS]
    chosen = [name for name in wanted if name is not None]
    if chosen and not named:
        other = _nearest_first(runs, chosen)[1:2]
        chosen += [run.id for run in other if run.dataset_id == known[chosen[0]].dataset_id]
    return chosen


def _nearest_first(runs: list[RunRecord], chosen: list[str]) -> list[RunRecord]:
    """Order runs: the first chosen, its dataset under other backbones, its dataset, then whatever there is."""
    mine = next((run for run in runs if run.id in chosen[:1]), None)
    if mine is None:
        return runs
    return sorted(runs, key=lambda run: (run.id != mine.id, run.dataset_id != mine.dataset_id, run.key == mine.key))


def _render_too_few(run: RunRecord, n_runs: int) -> None:
    with st.container(border=True):
        st.subheader("A comparison needs two runs", icon=":material/compare:", anchor=False)
        if n_runs > 1:
            st.markdown(
                "Choose two to four runs of the same images above, or run this dataset with another backbone, or "
                "another layer of the same one."
            )
        else:
            st.markdown(
                f"There is one so far, with {plain(run.backbone)}. Run its dataset with another backbone, or with "
                "another layer of this one; the images are the same then, and everything else is compared."
            )
        st.page_link(
            "app_pages/run.py",
            label="Run it with another backbone",
            icon=":material/play_arrow:",
            query_params={"dataset": run.dataset_id},
        )
