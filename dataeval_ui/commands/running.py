"""Commands that serve, run, and steer jobs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from dataeval_ui.commands.output import interrupted_by_sigterm, say
from dataeval_ui.errors import InputError
from dataeval_ui.types import AnalysisParams, LabelRule

if TYPE_CHECKING:
    import argparse

    from dataeval_ui.services.context import Services


def serve(services: Services, args: argparse.Namespace) -> int:
    """Serve the dashboard until it is stopped."""
    from dataeval_ui.server.serve import serve as serve_dashboard

    serve_dashboard(services.settings, open_browser=not args.no_browser)
    return 0


def demo(services: Services, args: argparse.Namespace) -> int:
    """Import the analysed demo and serve it."""
    from dataeval_ui.server.serve import serve as serve_dashboard
    from dataeval_ui.services.demo import install_demo_runs

    run = install_demo_runs(services)
    serve_dashboard(services.settings, open_browser=not args.no_browser, page=f"explore?run={run.id}")
    return 0


def run(services: Services, args: argparse.Namespace) -> int:
    """Embed and analyse a source."""
    from dataeval_ui.jobs.progress import TerminalProgress
    from dataeval_ui.services.backbones import name_backbone
    from dataeval_ui.services.datasets import add_dataset
    from dataeval_ui.services.requests import RunRequest
    from dataeval_ui.services.runs import run_here, start_run
    from dataeval_ui.ui.text import count

    rule = LabelRule(
        label_from=args.label_from, split_from=args.split_from, path_column=args.path_column, format=args.format
    )
    given = {
        "n_neighbors": args.neighbors,
        "min_dist": args.min_dist,
        "cluster_method": args.clusters,
        "n_clusters": args.n_clusters,
        "min_cluster_size": args.min_cluster_size,
        "min_samples": args.min_samples,
        "outlier_threshold": args.outlier_threshold,
        "random_state": args.seed,
        "objects": args.objects or None,
        "object_margin": args.margin if args.objects else None,
    }
    if args.margin is not None and not args.objects:
        raise InputError("--margin is the margin of objects: give --objects too.")
    params = AnalysisParams.from_json({k: v for k, v in given.items() if v is not None})
    backbone = name_backbone(services, vars(args))
    dataset = add_dataset(services, args.source, name=args.name, rule=rule)
    request = RunRequest(
        dataset_id=dataset.id,
        backbone=backbone,
        params=params,
        refit=args.refit,
        layer=args.layer,
        pooling=args.pooling,
        device=args.device,
        precision=args.precision,
    )
    if args.detach:
        job = start_run(services, request)
        print(json.dumps({"job": job.id}) if args.json else job.id)
        return 0
    with interrupted_by_sigterm():
        summary = run_here(services, request, TerminalProgress(sys.stderr))
    if args.json:
        print(json.dumps(summary))
        return 0
    s = summary
    if params.objects:
        of_files = f"{s['n_images']:,} of {count(s['n_files'], 'object')}"
        print(f"run {s['run']}: {of_files}, {s['n_unreadable']:,} unusable")
    else:
        of_files = f"{count(s['n_images'], 'image')} of {count(s['n_files'], 'file')}"
        print(f"run {s['run']}: {of_files}, {s['n_unreadable']:,} unreadable")
    print(
        f"  embedded {s['n_embedded']:,}, cached {s['n_cached']:,}, in {s['seconds']['total']:.1f} s "
        f"with {s['backbone']}"
    )
    print(f"  {count(s['n_clusters'], 'cluster')}, {count(s['n_noise'], 'image')} in none")
    print(
        f"  {count(s['n_exact_duplicate_groups'], 'group')} of exact duplicates, "
        f"{count(s['n_near_duplicate_groups'], 'group')} of near duplicates, "
        f"{count(s['n_leaks'], 'leak')} across splits, {count(s['n_outliers'], 'outlier')}"
    )
    settings = services.settings
    address = f"http://{settings.host}:{settings.port}/explore?run={s['run']}"
    print(f"Look at it: dataeval-ui serve, then open {address}")
    return 0


def cancel(services: Services, args: argparse.Namespace) -> int:
    """Ask a job to stop."""
    from dataeval_ui.services.runs import cancel_job

    cancel_job(services, args.job)
    say("Asked to stop. What it committed stays; `resume` goes on from there.")
    return 0


def resume(services: Services, args: argparse.Namespace) -> int:
    """Go on with a stopped job."""
    from dataeval_ui.services.runs import resume_job

    print(resume_job(services, args.job).id)
    return 0


def worker(services: Services, _args: argparse.Namespace) -> int:
    """Take jobs."""
    from dataeval_ui.services.runs import run_worker

    run_worker(services)
    return 0
