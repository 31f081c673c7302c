"""The counts of a run, each leading to what it counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.ui import cached
from dataeval_ui.ui.text import count

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the summary strip shows."""

    n_files: int
    n_images: int
    n_unreadable: int
    n_clusters: int
    n_noise: int
    n_outliers: int
    n_duplicate_groups: int
    n_leaks: int


def run_facts(run: Run) -> RunFacts:
    """Count what a run found."""
    import pyarrow.compute as pc

    statuses = run.manifest["status"]
    groups = cached.duplicate_groups(run)
    return RunFacts(
        n_files=run.manifest.num_rows,
        n_images=run.n_images,
        n_unreadable=int(pc.sum(pc.equal(statuses, "unreadable")).as_py() or 0),
        n_clusters=run.clustering.n_clusters,
        n_noise=run.clustering.n_noise,
        n_outliers=int((run.outliers.scores >= run.record.params.outlier_threshold).sum()),
        n_duplicate_groups=len(groups),
        n_leaks=sum(group.is_leak for group in groups),
    )


def render_facts(run: Run) -> None:
    """Draw the summary strip: a row of links."""
    facts = cached.facts(run)
    here = {"run": run.id}
    with st.container(horizontal=True, gap="small", key="facts"):
        st.page_link(
            "app_pages/explore.py",
            label=f"**{facts.n_images:,}** {'image' if facts.n_images == 1 else 'images'}",
            icon=":material/image:",
            query_params=here,
            help=f"{count(facts.n_files, 'file')}; files of equal content are one image.",
        )
        st.page_link(
            "app_pages/explore.py",
            label=f"**{facts.n_clusters:,}** {'cluster' if facts.n_clusters == 1 else 'clusters'}",
            icon=":material/bubble_chart:",
            query_params=here,
            help="Groups on the map. Opens the map coloured by cluster.",
        )
        if facts.n_noise:
            st.page_link(
                "app_pages/explore.py",
                label=f"**{facts.n_noise:,}** in none",
                icon=":material/grain:",
                query_params={**here, "in.cluster": "noise"},
                help="Images that belong to no cluster. Opens the map with these alone.",
            )
        st.page_link(
            "app_pages/duplicates.py",
            label=f"**{facts.n_duplicate_groups:,}** {'duplicate' if facts.n_duplicate_groups == 1 else 'duplicates'}",
            icon=":material/content_copy:",
            query_params=here,
            help="Groups of exact and near duplicates.",
        )
        if facts.n_leaks:
            st.page_link(
                "app_pages/duplicates.py",
                label=f"**{facts.n_leaks:,}** across splits",
                icon=":material/warning:",
                query_params={**here, "show": "leaks"},
                help="Duplicates that lie in more than one split: what was trained on is tested on.",
            )
        st.page_link(
            "app_pages/outliers.py",
            label=f"**{facts.n_outliers:,}** {'outlier' if facts.n_outliers == 1 else 'outliers'}",
            icon=":material/scatter_plot:",
            query_params=here,
            help="Images unlike their nearest images.",
        )
        if facts.n_unreadable:
            st.page_link(
                "app_pages/outliers.py",
                label=f"**{facts.n_unreadable:,}** unreadable",
                icon=":material/broken_image:",
                query_params={**here, "show": "unreadable"},
                help="Files that could not be read, each with its reason.",
            )
