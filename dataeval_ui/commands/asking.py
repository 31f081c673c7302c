"""Commands that ask what the workspace and its runs hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dataeval_ui.commands.output import say, show
from dataeval_ui.errors import InputError

if TYPE_CHECKING:
    import argparse

    from dataeval_ui.services.context import Services


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
        result = search_row(opened, row_of(opened, args.image_id), k=args.k)
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


def row_of(opened: Any, name: str) -> int:
    """Return the row of an image that is named by its id or its path.

    Raises
    ------
    InputError
        There is none.
    """
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
    """Write a run as a table, or as a page for reviewers."""
    from dataeval_ui.data.paths import source_path
    from dataeval_ui.services.exports import export_run
    from dataeval_ui.services.runs import find_run, open_run

    out = source_path(args.out)
    if out.suffix.lower() in (".html", ".htm"):
        from dataeval_ui.services.offline import export_offline
        from dataeval_ui.services.sharing import find_view

        opened = open_run(services, find_run(services, args.run).id)
        view = None if args.view is None else find_view(services, opened.id, args.view)
        n_bytes = export_offline(opened, out, view)
        say(f"{opened.n_images} images written to {out}, {n_bytes / 1e6:.1f} MB. It opens in any browser, offline.")
        return 0
    if args.view is not None:
        raise InputError("--view chooses what a page shows first: it needs OUT.html.")
    n_images = export_run(open_run(services, find_run(services, args.run).id), out)
    say(f"{n_images} images written to {out}.")
    return 0


def backbones(services: Services, args: argparse.Namespace) -> int:
    """List what can be chosen, or the layers of one."""
    from dataeval_ui.services.backbones import backbone_rows, layer_rows

    if not args.layers:
        rows = backbone_rows(services, args.name, newest=args.newest)
        return show(rows, args.json, empty="", key="backbones")
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


def remove(services: Services, args: argparse.Namespace) -> int:
    """Forget a dataset."""
    from dataeval_ui.services.datasets import remove_dataset

    dataset = services.catalog.get_dataset(args.dataset)
    remove_dataset(services, dataset.id)
    say(f"{dataset.name!r} and its runs are forgotten. Your images were not touched.")
    return 0
