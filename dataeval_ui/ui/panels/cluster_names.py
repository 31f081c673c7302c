"""Names for clusters on the Explore page, where the run's backbone knows words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dataeval_ui.services.cluster_names import load_cluster_names
from dataeval_ui.services.runs import NAMES_JOB, active_jobs, start_naming
from dataeval_ui.services.words import knows_words
from dataeval_ui.ui import cached
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.job_list import render_active_jobs
from dataeval_ui.ui.panels.map_view import look_at
from dataeval_ui.ui.text import visible
from dataeval_ui.ui.viewer import can, require

if TYPE_CHECKING:
    from dataeval_ui.services.cluster_names import ClusterName
    from dataeval_ui.services.run import Run

GALLERY = "cluster_names"
MAX_SHOWN = 60


def take_click(run: Run) -> None:
    """Look at the example that was clicked, before anything is drawn."""
    sent: Any = st.session_state.get(GALLERY)
    row = sent.get("click") if sent else None
    if type(row) is int and 0 <= row < run.n_images:
        look_at(row)


def render_cluster_names(run: Run) -> None:
    """Draw the names, or the button that finds them; nothing where the backbone has no words."""
    if not knows_words(run) or run.clustering.n_clusters == 0:
        return
    with shown_errors(), st.expander("Names for clusters", icon=":material/label:", key="names_for_clusters"):
        names = load_cluster_names(run)
        if names is not None:
            gallery(
                items_of(names),
                key=GALLERY,
                thumbnails_url=RunUrls(run.id, base_path()).thumbnails,
                size_px=120,
                label="Names for clusters, each with an example and a counter-example",
            )
            st.caption(
                "Words that set a cluster apart from the other images. ✓ fits the first word best, ✗ is the image of "
                "the cluster that fits it least."
            )
        elif not can("manage"):
            st.caption("The clusters have no names yet.")
        elif any(job.kind == NAMES_JOB for job in active_jobs(cached.services())):
            render_active_jobs()
        else:
            st.button(
                "Name the clusters", icon=":material/label:", key="name_clusters", on_click=_start, args=(run.id,)
            )
            st.caption("From a bundled list of words, without a network. The first time takes a minute or two.")


def items_of(names: tuple[ClusterName, ...]) -> list[GalleryItem]:
    """Two thumbnails a cluster, the largest clusters: its example and its counter-example."""
    items = []
    for name in names[: MAX_SHOWN // 2]:
        caption = visible(", ".join(name.words), max_chars=60)
        for row, badge in ((name.example_row, "✓"), (name.counterexample_row, "✗")):
            items.append(GalleryItem(row=row, caption=caption, sub=f"cluster {name.cluster}", badge=badge))
    return items


def _start(run_id: str) -> None:
    with shown_errors():
        require("manage", run_id)
        start_naming(cached.services(), run_id)
