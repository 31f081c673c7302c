"""What to run: dataset, backbone, parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.embed.choices import list_backbones
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.runs import list_runs, start_run
from dataeval_ui.types import AnalysisParams
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.panels.backbone_choice import render_backbone_choice, render_layer_choice
from dataeval_ui.ui.panels.device_choice import render_device_choice
from dataeval_ui.ui.text import count, duration, plain, visible

if TYPE_CHECKING:
    from dataeval_ui.store.records import DatasetRecord
    from dataeval_ui.types import Backbone

_DATASET = "run_dataset"
GMACS_PER_S_AND_THREAD = 20.0
"""Multiply-adds that a core of a usual server does in this kind of network, 10^9 a second: for the estimate alone."""


def render_run_form(datasets: Sequence[DatasetRecord]) -> None:
    """Draw the form and start the run."""
    dataset = _render_dataset(datasets)
    st.subheader("Backbone", anchor=False, help="The network whose embeddings decide what counts as similar.")
    ours = cached.services()
    backbones = list_backbones(ours.settings, ours.workspace)
    availability = cached.availability()
    # a model that was added a moment ago is not in what was looked up before
    backbones = {name: backbone for name, backbone in backbones.items() if name in availability}
    backbone = render_backbone_choice(backbones, availability)
    params, refit, layer, pooling, (device, precision) = _render_options(backbone)
    usable = availability[backbone.name].state != "missing"
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            f"Run {plain(dataset.name, max_chars=40)} with {plain(backbone.title)}",
            type="primary",
            icon=":material/play_arrow:",
            disabled=not usable,
            key="start",
        )
        st.caption(_estimate(dataset, backbone) if usable else plain(availability[backbone.name].sentence))
    if pressed:
        start_run(
            ours,
            RunRequest(
                dataset_id=dataset.id,
                backbone=backbone.name,
                params=params,
                refit=refit,
                allowed_roots=tuple(map(str, ours.page_roots)),
                layer=layer,
                pooling=pooling,
                device=device,
                precision=precision,
            ),
        )
        st.rerun()


def _render_dataset(datasets: Sequence[DatasetRecord]) -> DatasetRecord:
    by_id = {d.id: d for d in sorted(datasets, key=lambda d: d.created_at, reverse=True)}
    wanted = state.str_param("dataset")
    if wanted is not None and wanted not in by_id:
        st.warning("The dataset of this address was removed; choose another one.", icon=":material/warning:")
    chosen = wanted if wanted in by_id else next(iter(by_id))
    st.session_state[_DATASET] = chosen
    st.selectbox(
        "Dataset",
        list(by_id),
        format_func=lambda i: f"{visible(by_id[i].name, max_chars=80)} ({count(by_id[i].n_files or 0, 'file')})",
        key=_DATASET,
        on_change=lambda: state.update_address(dataset=st.session_state[_DATASET]),
    )
    return by_id[chosen]


def _render_options(
    backbone: Backbone,
) -> tuple[AnalysisParams, bool, str | None, str | None, tuple[str | None, str | None]]:
    default = AnalysisParams()
    with st.expander("Options", icon=":material/tune:"):
        st.caption("The defaults suit most datasets. Changing these alone takes seconds: embeddings are kept.")
        map_column, cluster_column, other_column = st.columns(3)
        with map_column:
            st.markdown("**Map**")
            n_neighbors = st.number_input(
                "Neighbours of each image",
                2,
                100,
                default.n_neighbors,
                key="n_neighbors",
                help="n_neighbors of the graph behind map, outliers and duplicates: fewer show finer detail.",
            )
            min_dist = st.number_input(
                "Least distance on the map",
                0.0,
                0.99,
                default.min_dist,
                step=0.05,
                key="min_dist",
                help="UMAP's min_dist: smaller packs similar images tighter.",
            )
        with cluster_column:
            st.markdown("**Clusters**")
            method = st.selectbox(
                "Method",
                ["hdbscan", "kmeans"],
                format_func={"hdbscan": "HDBSCAN, leaves noise", "kmeans": "k-means, k is given"}.__getitem__,
                key="cluster_method",
            )
            min_cluster_size, min_samples, n_clusters = None, default.min_samples, default.n_clusters
            if method == "hdbscan":
                min_cluster_size = st.number_input(
                    "Smallest cluster",
                    2,
                    None,
                    None,
                    key="min_cluster_size",
                    placeholder="chosen by the number of images",
                    help="min_cluster_size; left empty it grows with the dataset.",
                )
                min_samples = st.number_input(
                    "Caution",
                    1,
                    1000,
                    default.min_samples,
                    key="min_samples",
                    help="min_samples: larger calls more images noise.",
                )
            else:
                n_clusters = st.number_input("Clusters", 2, 1000, default.n_clusters, key="n_clusters")
        with other_column:
            st.markdown("**Findings**")
            threshold = st.number_input(
                "Outlier from score",
                0.01,
                0.9999,
                default.outlier_threshold,
                step=0.01,
                key="outlier_threshold",
                help="The Outliers page can move it later.",
            )
            objects = st.toggle(
                "Objects instead of images",
                key="objects",
                help="Embeds the crop of every box that the annotations tell of: COCO, YOLO, Pascal VOC, Hugging Face.",
            )
            margin = default.object_margin
            if objects:
                margin = st.number_input(
                    "Margin around a box",
                    0.0,
                    1.0,
                    default.object_margin,
                    step=0.05,
                    key="object_margin",
                    help="Part of the box's longer side that its crop adds on each side.",
                )
            seed = st.number_input("Seed", 0, 2**31 - 1, default.random_state, key="random_state")
            refit = st.toggle(
                "Fit the map anew",
                key="refit",
                help="Else a run that extends an earlier one keeps its map and places the new images on it.",
            )
        layer_column, device_column = st.columns(2)
        with layer_column:
            layer, pooling = render_layer_choice(backbone)
        with device_column:
            device = render_device_choice()
    return (
        AnalysisParams(
            n_neighbors=int(n_neighbors),
            min_dist=float(min_dist),
            cluster_method="kmeans" if method == "kmeans" else "hdbscan",
            min_cluster_size=None if min_cluster_size is None else int(min_cluster_size),
            min_samples=int(min_samples),
            n_clusters=int(n_clusters),
            outlier_threshold=float(threshold),
            random_state=int(seed),
            objects=bool(objects),
            object_margin=float(margin),
        ),
        bool(refit),
        layer,
        pooling,
        device,
    )


def _estimate(dataset: DatasetRecord, backbone: Backbone) -> str:
    """Say how long it takes about: from the last run with this backbone, or else from the network's cost."""
    ours = cached.services()
    same = [run for run in list_runs(ours) if run.backbone == backbone.name]
    if any(run.dataset_id == dataset.id for run in same):
        return "Only new and changed images are read and embedded; the rest is taken from the store."
    if dataset.n_files is None:
        return ""
    seconds = dataset.n_files * backbone.n_gmacs / (GMACS_PER_S_AND_THREAD * ours.settings.n_threads)
    seconds = 5 + max(seconds, dataset.n_files / (60 * ours.settings.n_threads))
    first = "" if list_runs(ours) else " The first run on a machine also compiles the map's kernels, about two minutes."
    return f"Embedding {count(dataset.n_files, 'file')} takes about {duration(seconds)} here.{first}"
