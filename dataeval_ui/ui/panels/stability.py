"""Whether the clusters would be others at another setting, and the map coloured by those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.figures.stability import sweep_figure
from dataeval_ui.services.analysis_columns import CLUSTERS
from dataeval_ui.services.stability import sweep_summary
from dataeval_ui.ui import state
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.state import ExploreState

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.stability import SweepSummary

_ASKED, _SIZE = "cluster_stability", "cluster_size"


def render_stability(run: Run, view: ExploreState) -> None:
    """Draw the sweep once it is asked for: it clusters the map up to nine times."""
    if run.record.params.cluster_method != "hdbscan":
        return
    applied = view.colour.startswith(CLUSTERS)
    if applied:
        st.session_state[_ASKED] = True  # an address that colours by a sweep has asked for it
    asked = st.toggle(
        "How stable are the clusters?",
        key=_ASKED,
        persist_state="session",
        on_change=_toggled,
        args=(applied,),
        help="Clusters the map again with smaller and larger values of min_cluster_size, all else as in the run. "
        "Kept with the run; the run itself stays as it is.",
    )
    if not asked:
        return
    with st.spinner("Clustering the map with other sizes…", show_time=True):
        summary = sweep_summary(run)
    said, is_cliff = stability_sentence(summary)
    (st.warning if is_cliff else st.success)(said)
    st.plotly_chart(
        sweep_figure(summary, dark=is_dark()),
        key="stability_chart",
        config={"displayModeBar": False},
        alt=f"Number of clusters, agreement and noise at {len(summary.sizes)} sizes. {said}",
    )
    own = summary.sizes[summary.own]
    wanted = view.colour.removeprefix(CLUSTERS)
    st.session_state[_SIZE] = int(wanted) if applied and wanted.isdecimal() else own
    st.select_slider(
        "Colour the map by the clusters of another size",
        summary.sizes,
        format_func=lambda size: f"{size}, the run's" if size == own else str(size),
        key=_SIZE,
        on_change=_apply,
        args=(own,),
    )


def stability_sentence(summary: SweepSummary) -> tuple[str, bool]:
    """Say whether a size next to the run's own gives other clusters, and whether that is a warning."""
    own = summary.sizes[summary.own]
    n_own = int(summary.n_clusters[summary.own])
    if not summary.cliffs:
        return f"Stable: with a size near {own} the {n_own} clusters stay nearly the same.", False
    parts = []
    for size in summary.cliffs:
        at = summary.sizes.index(size)
        ari = float(summary.ari[min(at, summary.own)])
        parts.append(f"with {size} there are {int(summary.n_clusters[at])} (adjusted Rand index {ari:.2f})")
    return (
        f"A cliff is near: with min_cluster_size {own} there are {n_own} clusters, {' and '.join(parts)}. "
        "Do not build on a single cluster before you have looked at both.",
        True,
    )


def _toggled(applied: bool) -> None:
    if applied and not st.session_state[_ASKED]:
        state.change_explore(colour="cluster", hidden=frozenset())


def _apply(own: int) -> None:
    size = st.session_state[_SIZE]
    state.change_explore(colour="cluster" if size == own else f"{CLUSTERS}{size}", hidden=frozenset())
