"""What each command does; `cli.py` says how it is spelled."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dataeval_ui.errors import InputError
from dataeval_ui.settings import environment_of
from dataeval_ui.types import AnalysisParams, LabelRule

if TYPE_CHECKING:
    import argparse

    from dataeval_ui.services.context import Services
    from dataeval_ui.settings import Settings


def prepare_process(settings: Settings) -> None:
    """Cap threads and put numba's cache into the workspace, before numpy and numba are imported."""
    os.environ.update(environment_of(settings))
    os.environ["NUMBA_NUM_THREADS"] = str(settings.n_threads)
    os.environ["NUMBA_CACHE_DIR"] = str(settings.workspace / "numba")


@contextlib.contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM, which CI systems and `timeout` send, cancel as Ctrl-C does: what was committed stays."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread alone
        return
    earlier = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def say(text: str) -> None:
    """Tell the user something, on stderr."""
    print(text, file=sys.stderr)


def show(rows: list[dict[str, Any]], as_json: bool, *, empty: str, key: str) -> int:
    """Print rows as a table, or as `{key: rows}`."""
    if as_json:
        print(json.dumps({key: rows}, default=str))
        return 0
    if not rows:
        say(empty)
        return 0
    from dataeval_ui.ui.text import visible

    names = list(rows[0])
    # names of files and datasets may hold what a terminal obeys
    texts = [names, *[["" if row[n] is None else visible(str(row[n]), max_chars=4000) for n in names] for row in rows]]
    widths = [max(len(line[i]) for line in texts) for i in range(len(names))]
    for line in texts:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    return 0


def serve(services: Services, args: argparse.Namespace) -> int:
    """Serve the dashboard until it is stopped."""
    from dataeval_ui.server.serve import serve as serve_dashboard

    serve_dashboard(services.settings, open_browser=not args.no_browser)
    return 0


def demo(services: Services, args: argparse.Namespace) -> int:
    """Import the analysed demo and serve it."""
    from dataeval_ui.server.serve import serve as serve_dashboard
    from dataeval_ui.services.demo import install_demo

    run = install_demo(services)
    serve_dashboard(services.settings, open_browser=not args.no_browser, page=f"explore?run={run.id}")
    return 0


def run(services: Services, args: argparse.Namespace) -> int:
    """Embed and analyse a source."""
    from dataeval_ui.jobs.progress import TerminalProgress
    from dataeval_ui.services.backbones import name_backbone
    from dataeval_ui.services.datasets import add_dataset
    from dataeval_ui.services.execute import RunRequest
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
    print(f"Look at it: dataeval-ui serve, then open /explore?run={s['run']}")
    return 0


def findings(services: Services, args: argparse.Namespace) -> int:
    """Print a run's findings."""
    from dataeval_ui.services.exports import findings_bytes
    from dataeval_ui.services.runs import find_run, open_run

    opened = open_run(services, find_run(services, args.run).id)
    data = findings_bytes(opened, args.format, kind=args.kind)
    sys.stdout.buffer.write(data if data.endswith(b"\n") or args.format == "parquet" else data + b"\n")
    return 0


def search(services: Services, args: argparse.Namespace) -> int:
    """Print the images most similar to one, or those that words fit best."""
    from dataeval_ui.data.decode import read_bytes
    from dataeval_ui.data.paths import source_path
    from dataeval_ui.services.runs import find_run, open_run
    from dataeval_ui.services.search import search_image, search_row
    from dataeval_ui.services.words import WordQuery, search_words

    opened = open_run(services, find_run(services, args.run).id)
    if args.minus and args.text is None:
        raise InputError("--minus subtracts words from --text; give both.")
    if args.text is not None:
        query = WordQuery(plus=(args.text,), minus=tuple(args.minus))
        result = search_words(services, opened, query, k=args.k)
    elif args.image is not None:
        data, reason = read_bytes(source_path(args.image), settings=services.settings)
        if data is None:
            raise InputError(f"{args.image!r} cannot be read. {reason}")
        result = search_image(services, opened, data, k=args.k)
    else:
        result = search_row(opened, _row_of(opened, args.image_id), k=args.k)
    rows = [
        {
            "rank": rank,
            "similarity": round(float(similarity), 6),
            "path": opened.places(int(row))[0].path,
            "image_id": opened.image_ids[row],
        }
        for rank, (row, similarity) in enumerate(zip(result.rows, result.similarities, strict=True), start=1)
    ]
    return show(rows, args.json, empty="There is no other image in this run.", key="neighbors")


def _row_of(opened: Any, name: str) -> int:
    if name in opened.row_of:
        return int(opened.row_of[name])
    paths = opened.manifest["path"].to_pylist()
    if name in paths and opened.manifest["status"][paths.index(name)].as_py() == "ok":
        return int(opened.row_of[opened.manifest["image_id"][paths.index(name)].as_py()])
    raise InputError(f"There is no image with the id or path {name!r} in this run; `findings` and `export` list them.")


def compare(services: Services, args: argparse.Namespace) -> int:
    """Compare runs of the same images."""
    from dataeval_ui.jobs.progress import TerminalProgress
    from dataeval_ui.services.compare import compare_runs, comparison_json
    from dataeval_ui.services.planted import load_planted, measure_planted
    from dataeval_ui.services.runs import find_run, open_run

    opened = [open_run(services, find_run(services, name).id) for name in args.runs]
    comparison = compare_runs(services, [run.id for run in opened])
    if args.no_copies:
        planted = [load_planted(run) for run in opened]
    else:
        progress = TerminalProgress(sys.stderr)
        planted = [None if run.is_of_objects else measure_planted(services, run, progress) for run in opened]
    told = comparison_json(comparison, planted)
    if args.json:
        print(json.dumps(told))
        return 0
    rows = [
        {
            "backbone": run["backbone"],
            "kNN accuracy": _share_text(run["knn_accuracy"]),
            "AMI": run["ami"],
            "ARI": run["ari"],
            **{name: _share_text(share) for name, share in (run["recall"] or {}).items()},
            "images/s": run["images_per_s"],
            "peak MB": run["peak_rss_bytes"] and round(run["peak_rss_bytes"] / 1e6),
            "not shared": run["n_not_shared"],
        }
        for run in told["runs"]
    ]
    names = list(dict.fromkeys(name for row in rows for name in row))
    show([{name: row.get(name) for name in names} for row in rows], False, empty="", key="runs")
    print(f"{told['n_shared']} images are in all of these runs. {told['sentence']}")
    return 0


def _share_text(share: Mapping[str, Any] | None) -> str | None:
    return None if share is None else f"{share['value']:.0%} ({share['low']:.0%}-{share['high']:.0%})"


def names(services: Services, args: argparse.Namespace) -> int:
    """Name the clusters of a run."""
    from dataeval_ui.jobs.progress import TerminalProgress
    from dataeval_ui.services.cluster_names import name_clusters
    from dataeval_ui.services.runs import find_run, open_run

    opened = open_run(services, find_run(services, args.run).id)
    rows = [
        {
            "cluster": name.cluster,
            "words": list(name.words) if args.json else ", ".join(name.words),
            "n_images": name.n_images,
            "example": opened.places(name.example_row)[0].path,
            "counterexample": opened.places(name.counterexample_row)[0].path,
        }
        for name in name_clusters(services, opened, TerminalProgress(sys.stderr))
    ]
    return show(rows, args.json, empty="", key="clusters")


def export(services: Services, args: argparse.Namespace) -> int:
    """Write a run as a table."""
    from dataeval_ui.data.paths import source_path
    from dataeval_ui.services.exports import export_run
    from dataeval_ui.services.runs import find_run, open_run

    out = source_path(args.out)
    n_images = export_run(open_run(services, find_run(services, args.run).id), out)
    say(f"{n_images} images written to {out}.")
    return 0


def backbones(services: Services, args: argparse.Namespace) -> int:
    """List what can be chosen, or the layers of one."""
    from dataeval_ui.services.backbones import backbone_rows, layer_rows

    if not args.layers:
        return show(backbone_rows(services, args.name), args.json, empty="", key="backbones")
    if args.name is None:
        raise InputError("--layers needs the name of a backbone: dataeval-ui backbones NAME --layers.")
    rows = layer_rows(services, args.name, in_words=not args.json)
    return show(rows, args.json, empty="No layer of this network can be taken.", key="layers")


def datasets(services: Services, args: argparse.Namespace) -> int:
    """List the datasets."""
    rows = [
        {"id": d.id, "name": d.name, "kind": d.kind, "n_files": d.n_files, "source": d.source}
        for d in services.catalog.list_datasets()
    ]
    return show(rows, args.json, empty="No dataset yet. Add one: dataeval-ui run FOLDER", key="datasets")


def runs(services: Services, args: argparse.Namespace) -> int:
    """List the finished runs."""
    from dataeval_ui.services.runs import list_runs

    names = {d.id: d.name for d in services.catalog.list_datasets()}
    rows = [
        {
            "id": r.id,
            "name": r.name,
            "dataset": names.get(r.dataset_id),
            "backbone": r.backbone,
            "n_clusters": r.summary.get("n_clusters"),
            "created_at": r.created_at.isoformat(timespec="seconds"),
        }
        for r in list_runs(services)
    ]
    return show(rows, args.json, empty="No run yet. Start one: dataeval-ui run FOLDER", key="runs")


def jobs(services: Services, args: argparse.Namespace) -> int:
    """List jobs, newest first."""
    rows = [
        {"id": j.id, "state": j.state, "stage": j.stage, "done": j.n_done, "total": j.n_total, "error": j.error}
        for j in services.catalog.list_jobs(limit=20)
    ]
    return show(rows, args.json, empty="No job yet.", key="jobs")


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


def remove(services: Services, args: argparse.Namespace) -> int:
    """Forget a dataset."""
    from dataeval_ui.services.datasets import remove_dataset

    dataset = services.catalog.get_dataset(args.dataset)
    remove_dataset(services, dataset.id)
    say(f"{dataset.name!r} and its runs are forgotten. Your images were not touched.")
    return 0


def worker(services: Services, _args: argparse.Namespace) -> int:
    """Take jobs."""
    from dataeval_ui.services.runs import run_worker

    run_worker(services)
    return 0


COMMANDS: Mapping[str, Callable[[Services, argparse.Namespace], int]] = {
    command.__name__: command
    for command in (
        demo,
        serve,
        run,
        findings,
        search,
        compare,
        names,
        export,
        backbones,
        datasets,
        runs,
        jobs,
        cancel,
        resume,
        remove,
        worker,
    )
}
