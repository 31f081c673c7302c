"""Which run a page shows: switcher, summary strip, and what to do where there is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.demo import install_demo_runs
from dataeval_ui.services.runs import list_runs
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.panels import views
from dataeval_ui.ui.panels.clock import moment
from dataeval_ui.ui.panels.facts import Page, render_facts
from dataeval_ui.ui.text import plain, visible
from dataeval_ui.ui.viewer import can, require

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.store.records import RunRecord

_SWITCHER = "run_switcher"


def render_run_choice(page: Page) -> Run:
    """Draw the run switcher and the summary strip, and return the opened run.

    Where there is no run, or none of that name, say so with a way on, and end the page.

    Raises
    ------
    StorageError
        The run's results are gone.
    """
    ours = cached.services()
    viewer = require("view")
    runs = [run for run in list_runs(ours) if viewer.run_id in (None, run.id)]
    views.open_named(viewer)
    if not runs:
        render_no_run()
        st.stop()
    run_id = state.current_run_id(run.id for run in runs)
    if run_id not in {run.id for run in runs}:
        _render_unknown_run(str(run_id), runs)
        st.stop()
    assert run_id is not None  # one of the known ones
    if state.str_param("run") is None:
        _name_in_address(run_id, page)
    opened = cached.run(run_id)
    state.remember_run(run_id)
    strip, switcher = st.columns([15, 7], vertical_alignment="center", gap="medium")
    with strip:
        render_facts(opened, page)
    with switcher, st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
        _render_switcher(runs, run_id)
        views.render_views(opened, page)
    return opened


def _name_in_address(run_id: str, page: Page) -> None:
    """Put the run into the address that the browser shows, without a step of its history.

    `st.query_params` adds a step, and the back button would then stop at an address that at once becomes this one.
    """
    wanted = json.dumps(run_id).replace("<", "\\u003c")
    st.html(
        f"""<script>(() => {{
            const address = new URL(location.href);
            if (!address.pathname.endsWith("/{page}") || address.searchParams.has("run")) return;
            address.searchParams.set("run", {wanted});
            history.replaceState(history.state, "", address);
        }})()</script>""",
        width="content",
        unsafe_allow_javascript=True,
    )


def run_title(run: RunRecord) -> str:
    """Name of a run with its day, as a plain option."""
    return f"{visible(run.name, max_chars=80)} · {moment(run.created_at)}"


def _switch() -> None:
    run_id = st.session_state[_SWITCHER]
    colour = state.str_param("colour")
    state.set_address({"run": run_id} | ({"colour": colour} if colour else {}))


def _render_switcher(runs: list[RunRecord], run_id: str) -> None:
    titles = {run.id: run_title(run) for run in runs}
    st.session_state[_SWITCHER] = run_id
    st.selectbox(
        "Run",
        list(titles),
        format_func=titles.__getitem__,
        key=_SWITCHER,
        on_change=_switch,
        label_visibility="collapsed",
        help="The run that this page shows.",
    )


def render_no_run() -> None:
    """Say what to do in a workspace without a run."""
    ours = cached.services()
    if not can("manage"):
        st.info("The run that you were invited to is no longer here. Ask whoever sent you the link.")
        return
    with st.container(border=True):
        st.subheader("No run yet", icon=":material/map:", anchor=False)
        if ours.catalog.list_datasets():
            st.markdown("A run embeds a dataset's images and draws the map. Start one; it takes a few minutes.")
            st.page_link("app_pages/run.py", label="Start a run", icon=":material/play_arrow:")
        else:
            st.markdown("Add a folder, a zip or a table of images first, or look at the demo.")
            with st.container(horizontal=True, vertical_alignment="center"):
                render_demo_button(key="demo_here")
                st.page_link("app_pages/datasets.py", label="Add a dataset", icon=":material/add:")


def _render_unknown_run(run_id: str, runs: list[RunRecord]) -> None:
    st.error(f"There is no run {plain(repr(run_id), max_chars=80)}; it may have been removed.", icon=":material/error:")
    st.page_link(
        "app_pages/explore.py",
        label=f"Open the newest run, {plain(runs[0].name, max_chars=80)}",
        icon=":material/arrow_forward:",
        query_params={"run": runs[0].id},
    )
    if can("manage"):
        st.page_link("app_pages/datasets.py", label="See all datasets and runs", icon=":material/folder:")


def render_demo_button(*, key: str) -> None:
    """Draw the button that installs the demo and opens it."""
    if st.button("Try the demo", icon=":material/play_circle:", key=key, type="primary"):
        with st.spinner("Unpacking the demo…"):
            run = install_demo_runs(cached.services())
        st.switch_page("app_pages/explore.py", query_params={"run": run.id})
