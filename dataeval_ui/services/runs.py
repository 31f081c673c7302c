"""Runs and the jobs that make them: start, watch, cancel, resume, open, remove."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dataeval_ui.errors import CancelledError, DataEvalUIError, InputError, UnknownNameError
from dataeval_ui.services import suspects
from dataeval_ui.services.execute import check_params, execute_run
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.unchanged import unchanged

if TYPE_CHECKING:
    from dataeval_ui.services.context import Services
    from dataeval_ui.services.run import Run
    from dataeval_ui.store.records import JobRecord, RunRecord
    from dataeval_ui.types import Json, Progress

RUN_JOB = "run"
PLANTED_JOB = "planted"
NAMES_JOB = "names"
PARTS_JOB = "parts"
WARM_IDLE_S = 1800.0
"""A worker without work stays this long, so that the next run finds the map's kernels compiled."""


def start_run(services: Services, request: RunRequest) -> JobRecord:
    """Put a run into the queue and see to it that a worker is there to take it.

    The same request that is already queued or going on is returned instead of being started twice.

    Raises
    ------
    UnknownNameError
        No such dataset or backbone.
    ParameterError
        A parameter outside its range.
    BackboneUnavailableError
        The backbone's weights are neither here nor to be had; said before anything starts.
    """
    _check_request(services, request)
    return _start(services, RUN_JOB, request.to_json())


def start_planted(services: Services, run_id: str) -> JobRecord:
    """Queue the measurement of planted copies of a finished run; see `services.planted`.

    Raises
    ------
    UnknownNameError
        No such run.
    """
    return _start_on_run(services, PLANTED_JOB, run_id)


def start_naming(services: Services, run_id: str) -> JobRecord:
    """Queue the naming of a finished run's clusters; see `services.cluster_names`.

    Raises
    ------
    UnknownNameError
        No such run.
    """
    return _start_on_run(services, NAMES_JOB, run_id)


def start_parts(services: Services, run_id: str) -> JobRecord:
    """Queue the computation of the parts of a finished run's images; see `services.parts`.

    Raises
    ------
    UnknownNameError
        No such run.
    """
    return _start_on_run(services, PARTS_JOB, run_id)


def _start_on_run(services: Services, kind: str, run_id: str) -> JobRecord:
    run = services.catalog.get_run(run_id)
    return _start(services, kind, {"run": run.id, "dataset": run.dataset_id, "backbone": run.backbone})


def _start(services: Services, kind: str, payload: Json) -> JobRecord:
    from dataeval_ui.jobs.queue import submit

    for job in services.catalog.list_jobs(states=("queued", "running")):
        if job.kind == kind and job.payload == payload:
            ensure_worker(services)
            return job
    job = submit(services.catalog, kind, payload)
    ensure_worker(services)
    return job


def _check_request(services: Services, request: RunRequest) -> None:
    from dataeval_ui.embed.choices import find_backbone
    from dataeval_ui.embed.devices import check_device

    services.catalog.get_dataset(request.dataset_id)
    asked = request.settings(services.settings)
    check_device(asked.device, asked.precision)
    find_backbone(
        request.backbone,
        settings=services.settings,
        workspace=services.workspace,
        layer=request.layer,
        pooling=request.pooling,
    )
    check_params(request.params)


def ensure_worker(services: Services) -> None:
    """Start the workspace's worker process, unless one is alive."""
    from dataeval_ui.jobs.worker import start_worker
    from dataeval_ui.services.context import worker_environment

    argv = [sys.executable, "-m", "dataeval_ui", "worker"]
    start_worker(services.workspace, argv, dict(worker_environment(services)))


def run_worker(services: Services) -> None:
    """Be the worker: take jobs until there has been none for a while, or a signal says stop."""
    from dataeval_ui.jobs.worker import work

    work(services.catalog, _executor(services), workspace=services.workspace, idle_exit_s=WARM_IDLE_S)


def _executor(services: Services) -> Callable[[JobRecord, Progress], Json]:
    def execute(job: JobRecord, progress: Progress) -> Json:
        if job.kind == RUN_JOB:
            answer = execute_run(services, RunRequest.from_json(job.payload), progress)
            suspects.begin(open_run(services, str(answer["run"])))  # beside the next job: Review asks for them
            return answer
        if job.kind == PLANTED_JOB:
            return _measure_planted(services, job, progress)
        if job.kind == NAMES_JOB:
            return _name_clusters(services, job, progress)
        if job.kind == PARTS_JOB:
            return _compute_parts(services, job, progress)
        raise UnknownNameError("kind of job", job.kind, [RUN_JOB, PLANTED_JOB, NAMES_JOB, PARTS_JOB])

    return execute


def _measure_planted(services: Services, job: JobRecord, progress: Progress) -> Json:
    from dataeval_ui.services.planted import measure_planted

    run = open_run(services, str(job.payload["run"]))
    return {"run": run.id, "n_images": measure_planted(services, run, progress).n_images}


def _name_clusters(services: Services, job: JobRecord, progress: Progress) -> Json:
    from dataeval_ui.services.cluster_names import name_clusters

    run = open_run(services, str(job.payload["run"]))
    names = name_clusters(services, run, progress)
    return {"run": run.id, "n_images": sum(name.n_images for name in names)}


def _compute_parts(services: Services, job: JobRecord, progress: Progress) -> Json:
    from dataeval_ui.services.parts import compute_parts

    run = open_run(services, str(job.payload["run"]))
    return {"run": run.id, "n_images": compute_parts(services, run, progress).n_stored}


def run_here(services: Services, request: RunRequest, progress: Progress) -> Json:
    """Do a run in this process, as a job that the pages see and can cancel.

    Where the worker is at the same run already, this waits for it instead and shows how far it is.

    Returns
    -------
    dict
        As `execute_run`.

    Raises
    ------
    CancelledError
        The job was cancelled, here or on a page.
    DataEvalUIError
        As `execute_run`.
    """
    import os

    from dataeval_ui.jobs.progress import CombinedProgress
    from dataeval_ui.jobs.queue import submit
    from dataeval_ui.jobs.runner import LocalRunner

    _check_request(services, request)
    catalog = services.catalog
    catalog.requeue_stale_jobs()
    payload = request.to_json()
    twins = [j for j in catalog.list_jobs(states=("queued", "running")) if (j.kind, j.payload) == (RUN_JOB, payload)]
    going_on = next((j for j in twins if j.state == "running"), None)
    if going_on is not None:
        return _attend(services, going_on, progress)
    job = twins[0] if twins else submit(catalog, RUN_JOB, payload)
    claimed = catalog.claim_job(os.getpid(), job_id=job.id)
    if claimed is None:
        return _attend(services, job, progress)
    failures: list[Exception] = []

    def execute(_job: JobRecord, job_progress: Progress) -> Json:
        try:
            return execute_run(services, request, CombinedProgress(job_progress, progress))
        except Exception as error:
            failures.append(error)
            raise

    try:
        ended = LocalRunner(catalog, execute).run(claimed)
    except KeyboardInterrupt:
        catalog.request_cancel(job.id)  # not to be taken up by a worker behind the user's back
        raise
    if failures:
        raise failures[0]
    return _result(ended)


def _attend(services: Services, job: JobRecord, progress: Progress) -> Json:
    from dataeval_ui.jobs.queue import wait

    def show(now: JobRecord) -> None:
        if now.stage is not None:
            progress.report(now.stage, now.n_done, now.n_total)

    try:
        return _result(wait(services.catalog, job.id, on_poll=show, keep_alive=lambda: ensure_worker(services)))
    except KeyboardInterrupt:
        services.catalog.request_cancel(job.id)
        raise


def _result(job: JobRecord) -> Json:
    if job.state == "cancelled":
        raise CancelledError("The run was cancelled. What it committed stays; run it again to go on.")
    if job.result is None:
        raise DataEvalUIError(job.error or f"The run ended as {job.state!r} without a result; run it again.")
    return job.result


def cancel_job(services: Services, job_id: str) -> JobRecord:
    """Ask a job to stop; committed batches stay, and `resume_job` goes on from them."""
    services.catalog.request_cancel(job_id)
    return services.catalog.get_job(job_id)


def resume_job(services: Services, job_id: str) -> JobRecord:
    """Start a cancelled or failed job again.

    Raises
    ------
    InputError
        The job is done, or still going on.
    """
    job = services.catalog.get_job(job_id)
    if job.state not in ("cancelled", "failed"):
        raise InputError(f"Only a cancelled or failed job can be resumed; this one is {job.state}.")
    if job.kind in (PLANTED_JOB, NAMES_JOB, PARTS_JOB):
        return _start_on_run(services, job.kind, str(job.payload["run"]))
    return start_run(services, RunRequest.from_json(job.payload))


def list_runs(services: Services, dataset_id: str | None = None) -> list[RunRecord]:
    """Return finished runs, newest first."""
    catalog = services.catalog
    runs = unchanged(catalog, ("runs", dataset_id), lambda: catalog.list_runs(dataset_id))
    return sorted(runs, key=lambda run: run.created_at, reverse=True)


def find_run(services: Services, name: str) -> RunRecord:
    """Find a run by its id, the start of it, its name, or its dataset's name (the newest run then).

    Raises
    ------
    UnknownNameError
        Nothing fits.
    """
    runs = list_runs(services)
    for fits in (
        lambda run: run.id == name,
        lambda run: run.name == name,
        lambda run: services.catalog.get_dataset(run.dataset_id).name == name,
        lambda run: len(name) >= 4 and run.id.startswith(name),
    ):
        found = [run for run in runs if fits(run)]
        if found:
            return found[0]
    raise UnknownNameError("run", name, [run.id for run in runs] + [run.name for run in runs])


def open_run(services: Services, run_id: str) -> Run:
    """Open a finished run.

    Raises
    ------
    UnknownNameError
        No such run.
    StorageError
        Its results were deleted or damaged; run the dataset again.
    """
    from dataeval_ui.errors import StorageError
    from dataeval_ui.services.run import Run
    from dataeval_ui.store.results import is_finished

    record = services.catalog.get_run(run_id)
    if not is_finished(services.workspace, run_id):
        raise StorageError(f"The results of run {run_id!r} are gone. Run its dataset again; embeddings are kept.")
    return Run(services, record, services.catalog.get_dataset(record.dataset_id))


def remove_run(services: Services, run_id: str) -> None:
    """Delete a run's results. Embeddings and thumbnails stay in the store."""
    import shutil

    services.catalog.get_run(run_id)
    shutil.rmtree(services.workspace.run_dir(run_id), ignore_errors=True)
    services.catalog.remove_run(run_id)


def active_jobs(services: Services) -> Sequence[JobRecord]:
    """Return queued and running jobs, oldest first."""
    return sorted(services.catalog.list_jobs(states=("queued", "running")), key=lambda job: job.created_at)
