"""The side panel while nothing is looked at: what the colours mean in numbers, and what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.analysis_columns import CLUSTERS
from dataeval_ui.ui import cached
from dataeval_ui.ui.panels.clock import moment
from dataeval_ui.ui.panels.cluster_names import render_cluster_names
from dataeval_ui.ui.panels.colouring import distribution_figure
from dataeval_ui.ui.panels.download import render_download
from dataeval_ui.ui.panels.neighbours import take_own_image
from dataeval_ui.ui.panels.picture import facts_html
from dataeval_ui.ui.panels.stability import render_stability
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.state import ExploreState
from dataeval_ui.ui.text import count, plain

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from dataeval_ui.services.run import Run


def render_overview(run: Run, view: ExploreState, mask: npt.NDArray[np.bool_] | None) -> None:
    """Draw the distribution of the colour, a drop zone, and the run's parameters."""
    st.markdown(
        ":material/ads_click: **Click a point** for its image and its most similar images.  \n"
        ":material/lasso_select: **Lasso or box** some points for a gallery, counts and download."
    )
    rows = None if mask is None else mask.nonzero()[0]
    column = run.column(view.colour)
    title = plain(column.title, max_chars=60)
    dark = is_dark()
    drawn = (
        cached.distribution(run, view.colour, dark=dark)
        if rows is None
        else distribution_figure(column, rows, dark=dark)
    )
    if column.codes is None:
        st.caption(title)
    elif drawn is not None:
        st.caption(f"{title}: {count(len(column.counts(rows)), 'value')}")  # type: ignore[arg-type]
    if drawn is not None:
        st.plotly_chart(
            drawn,
            key="overview_counts" if column.codes is not None else "overview_histogram",
            config={"displayModeBar": False},
            alt=f"Images by {column.title}" if column.codes is not None else f"Distribution of {column.title}",
        )
    if view.colour == "cluster":
        render_cluster_names(run)
    if view.colour == "cluster" or view.colour.startswith(CLUSTERS):
        render_stability(run, view)
    st.caption("Ask about an image of your own")
    take_own_image(run, key="own_image")
    with st.container(horizontal=True):
        render_download(run, rows, name="images", key="overview_download")
        with st.popover("About this run", icon=":material/info:", key="about_run"):
            render_about(run)


def render_about(run: Run) -> None:
    """Draw what made the run."""
    record, params = run.record, run.record.params
    clusters = (
        f"k-means, k = {params.n_clusters}"
        if params.cluster_method == "kmeans"
        else f"HDBSCAN, smallest {params.min_cluster_size or 'by n'}, min_samples {params.min_samples}"
    )
    st.html(
        facts_html(
            [
                ("Dataset", run.dataset.name),
                ("Backbone", record.backbone),
                ("Dimensions", str(record.summary.get("n_dims", "–"))),
                ("Neighbours", str(params.n_neighbors)),
                ("min_dist", str(params.min_dist)),
                ("Clusters", clusters),
                ("Seed", str(params.random_state)),
                ("Made", moment(record.created_at, year=True)),
                ("Run", record.id),
            ]
        )
    )
