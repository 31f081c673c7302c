"""One run from source to findings: what a worker does, and what `dataeval-ui run` does in its own process."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dataeval_ui.errors import InputError, SourceError, StorageError
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.types import Json, Manifest, Progress, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from dataeval_ui.embed.embedder import Embedder
    from dataeval_ui.embed.pipeline import EmbedOutcome
    from dataeval_ui.services.context import Services
    from dataeval_ui.store.records import DatasetRecord, RunRecord
    from dataeval_ui.types import AnalysisParams, EmbeddingKey

logger = logging.getLogger(__name__)

RESULTS_VERSION = 3
"""Raised when the analysis changes what it gives for the same input, so that old results are not taken for new ones."""

MAX_PARTS = 256


class Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._start = time.perf_counter()

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add the time of a block to `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def finish(self) -> dict[str, float]:
        """Return seconds by stage, with the total, rounded to milliseconds."""
        names = ("read", "embed", "neighbors", "project", "cluster", "findings")
        seconds = {name: round(self.seconds.get(name, 0.0), 3) for name in names}
        return {**seconds, "total": round(time.perf_counter() - self._start, 3)}


def execute_run(services: Services, request: RunRequest, progress: Progress) -> Json:
    """Read, embed and analyse a dataset; everything that was computed before is taken from the store.

    Returns
    -------
    dict
        The object that `dataeval-ui run --json` prints.

    Raises
    ------
    CancelledError
        The user cancelled. Committed batches stay.
    DataEvalUIError
        A sentence for the user: the source cannot be read, no image in it, weights that are missing, a full disk.
    """
    from pathlib import Path

    from dataeval_ui.embed.embedder import load_embedder
    from dataeval_ui.embed.pipeline import embed_listing
    from dataeval_ui.services.datasets import list_places, root_stands
    from dataeval_ui.services.memory import peak_bytes, reset_peak
    from dataeval_ui.services.objects import check_has_objects, previous_objects
    from dataeval_ui.store.manifests import save_manifest

    watch = Stopwatch()
    reset_peak()
    dataset = services.catalog.get_dataset(request.dataset_id)
    with watch.measure("read"):
        progress.report("read", 0, dataset.n_files or 0)
        roots: list[Path] | None = None
        if request.allowed_roots is not None:
            roots = [*map(Path, request.allowed_roots)]
            if root_stands(services, dataset):
                roots.append(Path(dataset.root))
        listing = list_places(services, dataset.source, rule=dataset.rule, allowed_roots=roots)
        if of_objects := request.params.objects:
            check_has_objects(listing, dataset)
        previous = previous_objects(services, dataset) if of_objects else _last_manifest(services, dataset)
        embedder = load_embedder(
            request.backbone,
            workspace=services.workspace,
            settings=request.settings(services.settings),
            layer=request.layer,
            pooling=request.pooling,
        )
    with watch.measure("embed"):
        n_rows = listing.objects.num_rows if of_objects and listing.objects is not None else listing.n_files
        _prepare(services, embedder, n_rows, progress)
    outcome = embed_listing(
        listing,
        embedder=embedder,
        workspace=services.workspace,
        previous=previous,
        settings=services.settings,
        progress=progress,
        object_margin=request.params.object_margin if of_objects else None,
    )
    watch.seconds["read"] += outcome.seconds_read
    watch.seconds["embed"] = watch.seconds.get("embed", 0.0) + outcome.seconds_embed
    manifest = outcome.manifest
    # a run that took its embeddings from the store says nothing of the network's cost
    cost = {"images_per_s": outcome.images_per_s, "peak_rss_bytes": peak_bytes()} if outcome.images_per_s else {}
    with watch.measure("read"):
        save_manifest(services.workspace, manifest)
        of_images = {} if of_objects else {"manifest_digest": manifest.digest}
        services.catalog.update_dataset(dataset.id, n_files=listing.n_files, root=listing.root, **of_images)
    image_ids = distinct_images(manifest)
    if not image_ids:
        raise SourceError(_no_image_sentence(dataset, manifest))
    run = _find_run(services, dataset, manifest, embedder.key, request)
    if run is None:
        run = _analyse(services, dataset, manifest, image_ids, embedder.key, request, progress, watch, cost)
        _compact(services, embedder.key)
    return _summary(run, manifest, outcome, watch)


def _last_manifest(services: Services, dataset: DatasetRecord) -> Manifest | None:
    """Load what was known of the files; None where nothing was, or where it was lost and every file is read again."""
    from dataeval_ui.store.manifests import load_manifest

    if dataset.manifest_digest is None:
        return None
    try:
        return load_manifest(services.workspace, dataset.manifest_digest)
    except StorageError as error:
        logger.warning("All files of %r are read again: %s", dataset.name, error)
        return None


def _prepare(services: Services, embedder: Embedder, n_files: int, progress: Progress) -> None:
    """Where most images are new: open the network, and compile the map's kernels while they are being embedded.

    Both are slow on a new machine alone: the network is exported once, and the kernels take more than a minute.
    """
    import threading

    from dataeval_ui.analysis.projection import warm_up
    from dataeval_ui.store.parts import EmbeddingParts

    if len(EmbeddingParts(services.workspace, embedder.key).ids()) > n_files // 2:
        return
    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    progress.report("prepare", 0, 1)
    _wait_for(embedder.open, progress)


def _wait_for(call: Callable[[], object], progress: Progress) -> None:
    """Wait for a call that cannot be cancelled itself; a user who cancels leaves it to end by itself."""
    import threading

    failures: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001  # raised again by the one who waits
            failures.append(error)

    thread = threading.Thread(target=run, name="prepare", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(timeout=0.25)
        progress.check_cancelled()
    if failures:
        raise failures[0]


def _compact(services: Services, key: EmbeddingKey) -> None:
    """Join the store's small parts when there are so many that listing them costs more than reading them."""
    from dataeval_ui.store.parts import EmbeddingParts, ImageParts

    for parts in (ImageParts(services.workspace).parts, EmbeddingParts(services.workspace, key).parts):
        if len(parts.names()) > MAX_PARTS:
            parts.compact()


def distinct_images(manifest: Manifest) -> tuple[str, ...]:
    """Return the run's rows: ids of readable images, each once, by first appearance."""
    import pyarrow.compute as pc

    table = manifest.table
    ids = table.filter(pc.equal(table["status"], "ok"))["image_id"]
    return tuple(pc.unique(ids).to_pylist())


def _no_image_sentence(dataset: DatasetRecord, manifest: Manifest) -> str:
    reasons = manifest.table["reason"].drop_null()
    first = f" The first one: {reasons[0].as_py()}" if len(reasons) else ""
    if "object" in manifest.table.column_names:
        n_objects = manifest.table["object"].drop_null()
        return f"None of the {len(n_objects)} objects of {dataset.name!r} can be used.{first} Mend the annotations."
    return (
        f"None of the {manifest.table.num_rows} files of {dataset.name!r} is a readable image.{first} "
        "Choose a folder with JPEG, PNG, WebP, GIF, TIFF or BMP files."
    )


def _find_run(
    services: Services, dataset: DatasetRecord, manifest: Manifest, key: EmbeddingKey, request: RunRequest
) -> RunRecord | None:
    from dataeval_ui.store.results import is_intact

    for run in services.catalog.list_runs(dataset.id):
        same = (run.manifest_digest, run.key, run.params) == (manifest.digest, key, request.params)
        if not same or not is_intact(services.workspace, run.id):
            continue
        if run.summary.get("results_version") == RESULTS_VERSION and not (request.refit and run.base_run_id):
            return run
    return None


def _analyse(
    services: Services,
    dataset: DatasetRecord,
    manifest: Manifest,
    image_ids: tuple[str, ...],
    key: EmbeddingKey,
    request: RunRequest,
    progress: Progress,
    watch: Stopwatch,
    cost: Json,
) -> RunRecord:
    from dataeval_ui.services.analyse import analyse, find_base
    from dataeval_ui.store.results import finish_run

    base = None if request.refit else find_base(services, dataset, image_ids, key, request.params, RESULTS_VERSION)
    run_id = digest_of(
        {
            "dataset": dataset.id,
            "manifest": manifest.digest,
            "key": key.digest(),
            "params": request.params.to_json(),
            "base": base.run.id if base else None,
            "version": RESULTS_VERSION,
        },
        n_chars=12,
    )
    summary = analyse(
        services,
        run_id=run_id,
        manifest=manifest,
        image_ids=image_ids,
        key=key,
        params=request.params,
        base=base,
        progress=progress,
        watch=watch,
    )
    summary = {**summary, **cost, "results_version": RESULTS_VERSION}
    now = datetime.now(UTC)
    finish_run(services.workspace, run_id, summary)
    if any(known.id == run_id for known in services.catalog.list_runs(dataset.id)):
        services.catalog.remove_run(run_id)  # an older record whose results were lost or out of date
    return services.catalog.add_run(
        id=run_id,
        dataset_id=dataset.id,
        name=request.name or _name_of(dataset, request),
        backbone=request.backbone,
        key=key,
        manifest_digest=manifest.digest,
        params=request.params,
        created_at=now,
        finished_at=now,
        summary=summary,
        base_run_id=base.run.id if base else None,
    )


def _name_of(dataset: DatasetRecord, request: RunRequest) -> str:
    layer = " ".join(filter(None, [request.layer, request.pooling]))
    return " · ".join(
        filter(None, [dataset.name, request.backbone, layer, "objects" if request.params.objects else ""])
    )


def _summary(run: RunRecord, manifest: Manifest, outcome: EmbedOutcome, watch: Stopwatch) -> Json:
    import pyarrow.compute as pc

    n_files = manifest.table.num_rows
    n_images = int(pc.sum(pc.equal(manifest.table["status"], "ok")).as_py() or 0)
    n_distinct = len(distinct_images(manifest))
    counts: dict[str, Any] = {k: v for k, v in run.summary.items() if k.startswith("n_")}
    return {
        "run": run.id,
        "dataset": run.dataset_id,
        "n_files": n_files,
        "n_images": n_images,
        "n_unreadable": n_files - n_images,
        "n_embedded": outcome.n_embedded,
        "n_cached": n_distinct - outcome.n_embedded,
        "backbone": run.backbone,
        **({"unit": "object"} if run.params.objects else {}),
        **counts,
        "seconds": watch.finish(),
    }


def check_params(params: AnalysisParams) -> None:
    """Refuse parameters outside their ranges.

    Raises
    ------
    ParameterError
        With the rule, the value and the name.
    """
    from dataeval_ui.errors import ParameterError

    rules = (
        ("n_neighbors", 2, 100),
        ("min_dist", 0.0, 0.99),
        ("min_samples", 1, 1000),
        ("n_clusters", 2, 1000),
        ("outlier_threshold", 0.01, 0.9999),
        ("hash_radius", 0, 16),
        ("object_margin", 0.0, 1.0),
        ("random_state", 0, 2**32 - 1),
    )
    for name, low, high in rules:
        value = getattr(params, name)
        if not low <= value <= high:
            raise ParameterError(f"{name} must be in [{low}, {high}], got {value}.")
    if params.min_cluster_size is not None and params.min_cluster_size < 2:
        raise ParameterError(f"min_cluster_size must be at least 2, got {params.min_cluster_size}.")
    if params.cluster_method not in ("hdbscan", "kmeans"):
        raise InputError(f"cluster_method must be 'hdbscan' or 'kmeans', got {params.cluster_method!r}.")
