"""The analysis of a run: from embeddings in the store to results in the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataeval_ui.types import (
    AnalysisParams,
    DuplicatePairs,
    Json,
    Manifest,
    NeighborGraph,
    Progress,
    Projection,
)

if TYPE_CHECKING:
    from dataeval_ui.services.context import Services
    from dataeval_ui.services.execute import Stopwatch
    from dataeval_ui.store.records import DatasetRecord, RunRecord
    from dataeval_ui.types import EmbeddingKey
    from dataeval_ui.types.base import Float32, Int32

MAX_NEW_FRACTION = 0.1
"""Share of images that were not there when the map was fitted, from which the map is fitted anew."""

MAX_REMOVED_FRACTION = 0.5
"""Share of the fitted images that may be gone before the map is fitted anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """An earlier run whose graph and map are extended instead of computed anew.

    Attributes
    ----------
    run : RunRecord
    old_rows : ndarray of shape (n_images,), int32
        Row of each image in the earlier run, -1 for a new one.
    """

    run: RunRecord
    old_rows: Int32


def find_base(
    services: Services,
    dataset: DatasetRecord,
    image_ids: Sequence[str],
    key: EmbeddingKey,
    params: AnalysisParams,
    version: int,
) -> Base | None:
    """Find the finished run that shares most images, if its map still fits them.

    A map is kept while at most a tenth of the images was not there when it was fitted (images that an earlier run
    placed count as not fitted) and at least half of the fitted images are still there.
    """
    import numpy as np

    from dataeval_ui.errors import StorageError
    from dataeval_ui.services.run import run_image_ids
    from dataeval_ui.store.results import is_intact, load_result

    best: Base | None = None
    best_shared = 0
    for run in services.catalog.list_runs(dataset.id):
        if (run.key, run.params, run.summary.get("results_version")) != (key, params, version):
            continue
        if not is_intact(services.workspace, run.id):
            continue
        try:
            ids = run_image_ids(services, run)
        except StorageError:  # its manifest was lost
            continue
        row_of = {image_id: row for row, image_id in enumerate(ids)}
        if len(row_of) <= params.n_neighbors:
            continue  # its graph has fewer neighbours than asked for
        old_rows = np.array([row_of.get(image_id, -1) for image_id in image_ids], dtype=np.int32)
        shared = old_rows[old_rows >= 0]
        fitted = ~load_result(services.workspace, run.id, "projection", Projection).placed
        n_fitted = int(fitted[shared].sum())
        keeps_map = len(image_ids) - n_fitted <= MAX_NEW_FRACTION * len(image_ids)
        enough_left = n_fitted >= (1 - MAX_REMOVED_FRACTION) * int(fitted.sum())
        if keeps_map and enough_left and len(shared) > best_shared:
            best, best_shared = Base(run=run, old_rows=old_rows), len(shared)
    return best


def analyse(
    services: Services,
    *,
    run_id: str,
    manifest: Manifest,
    image_ids: Sequence[str],
    key: EmbeddingKey,
    params: AnalysisParams,
    base: Base | None,
    progress: Progress,
    watch: Stopwatch,
) -> Json:
    """Compute and store every result of a run but `run.json`; return its counts.

    Raises
    ------
    CancelledError
        Between two stages, or within a long one.
    """
    from dataeval_ui.analysis.clustering import cluster
    from dataeval_ui.analysis.outliers import score_outliers
    from dataeval_ui.analysis.projection import load_compiled
    from dataeval_ui.findings.find import find_findings
    from dataeval_ui.findings.summary import count_findings
    from dataeval_ui.services.beside import Beside
    from dataeval_ui.services.stored_findings import ANNOTATIONS
    from dataeval_ui.store.results import save_json, save_result
    from dataeval_ui.store.view import open_view

    workspace, n_threads = services.workspace, services.settings.n_threads
    with watch.measure("neighbors"):
        progress.report("neighbors", 0, 1)
        view = open_view(workspace, key, image_ids)
        graph = _neighbors(services, view.embeddings, params, base, n_threads)
        save_result(workspace, run_id, "neighbors", graph)
    progress.check_cancelled()

    def look_for_duplicates(progress: Progress) -> DuplicatePairs:
        return _near_duplicates(services, image_ids, view.embeddings, graph, params, base, progress)

    load_compiled()
    # The map is fitted by one thread, or it would not be repeatable: the other cores look for near duplicates.
    with Beside(look_for_duplicates, progress) as looking:
        with watch.measure("project"):
            progress.report("project", 0, 1)
            projection = _project(services, view.embeddings, graph, params, base)
            save_result(workspace, run_id, "projection", projection)
        progress.check_cancelled()
        with watch.measure("cluster"):
            progress.report("cluster", 0, 1)
            clustering = cluster(projection.xy, view.embeddings, params=params)
            save_result(workspace, run_id, "clustering", clustering)
        progress.check_cancelled()
        with watch.measure("findings"):
            progress.report("findings", 0, 1)
            outliers = score_outliers(graph)
            save_result(workspace, run_id, "outliers", outliers)
            duplicates = looking.result()
            save_result(workspace, run_id, "duplicates", duplicates)
    with watch.measure("findings"):
        progress.check_cancelled()
        findings = find_findings(
            manifest.table,
            image_ids,
            duplicates=duplicates,
            outliers=outliers,
            graph=graph,
            params=params,
            objects=None if params.objects else manifest.objects,  # which are masks then
        )
        save_json(workspace, run_id, "findings", [finding.to_json() for finding in findings])
        annotations = [finding.to_json() for finding in findings if finding.kind == "annotation"]
        save_json(workspace, run_id, ANNOTATIONS, annotations)
        progress.report("findings", 1, 1)
    return {
        "n_dims": int(view.embeddings.shape[1]),
        "n_clusters": clustering.n_clusters,
        "n_noise": clustering.n_noise,
        **count_findings(findings, duplicates=duplicates, outliers=outliers, params=params),
        "n_placed": int(projection.placed.sum()),
    }


def _neighbors(
    services: Services, embeddings: Float32, params: AnalysisParams, base: Base | None, n_threads: int
) -> NeighborGraph:
    from dataeval_ui.analysis.neighbors import extend_neighbors, find_neighbors
    from dataeval_ui.store.results import load_result

    if base is None:
        return find_neighbors(embeddings, n_neighbors=params.n_neighbors, n_threads=n_threads)
    earlier = load_result(services.workspace, base.run.id, "neighbors", NeighborGraph)
    return extend_neighbors(earlier, old_rows=base.old_rows, embeddings=embeddings, n_threads=n_threads)


def _project(
    services: Services, embeddings: Float32, graph: NeighborGraph, params: AnalysisParams, base: Base | None
) -> Projection:
    import numpy as np

    from dataeval_ui.analysis.projection import place, project
    from dataeval_ui.store.results import load_result

    if base is None:
        return project(embeddings, graph, min_dist=params.min_dist, random_state=params.random_state)
    earlier = load_result(services.workspace, base.run.id, "projection", Projection)
    is_old = base.old_rows >= 0
    xy = np.zeros((len(is_old), 2), dtype=np.float32)
    xy[is_old] = earlier.xy[base.old_rows[is_old]]
    is_new = ~is_old
    is_new[is_old] = earlier.placed[base.old_rows[is_old]]  # placed again, by the neighbours it has now
    return place(embeddings, graph, xy, is_new=is_new)


def _near_duplicates(
    services: Services,
    image_ids: Sequence[str],
    embeddings: Float32,
    graph: NeighborGraph,
    params: AnalysisParams,
    base: Base | None,
    progress: Progress,
) -> DuplicatePairs:
    import numpy as np

    from dataeval_ui.analysis.duplicates import Earlier, find_near_duplicates
    from dataeval_ui.store.images import read_image_columns
    from dataeval_ui.store.results import load_result
    from dataeval_ui.store.thumbnails import thumbnail_reader

    columns = read_image_columns(services.workspace, image_ids, ["phash", "dhash"])
    earlier = None
    if base is not None:
        earlier = Earlier(
            pairs=load_result(services.workspace, base.run.id, "duplicates", DuplicatePairs),
            graph=load_result(services.workspace, base.run.id, "neighbors", NeighborGraph),
            old_rows=base.old_rows,
        )
    return find_near_duplicates(
        graph,
        phash=columns["phash"].to_numpy().astype(np.uint64),
        dhash=columns["dhash"].to_numpy().astype(np.uint64),
        thumbnails=thumbnail_reader(services.workspace, image_ids),
        params=params,
        embeddings=embeddings,
        earlier=earlier,
        n_threads=services.settings.n_threads,
        progress=progress,
    )
