"""Commands that decide, and that take away what was decided."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dataeval_ui.commands.output import say, show
from dataeval_ui.errors import InputError

if TYPE_CHECKING:
    import argparse

    from dataeval_ui.services.context import Services


def add_parser(commands: Any, shared: argparse.ArgumentParser, json_too: argparse.ArgumentParser) -> None:
    """Spell `decide`, `assign`, `decisions`, `cleaned` and `clean`."""
    about = "id or name of a run, or name of its dataset"
    command = commands.add_parser("decide", parents=[shared, json_too], help="decide on a finding")
    command.add_argument("run", metavar="RUN", help=about)
    command.add_argument("finding", metavar="FINDING", help="its key, or the beginning of it; see `findings`")
    command.add_argument("verdict", metavar="VERDICT", choices=["keep", "remove", "relabel", "unsure", "comment"])
    command.add_argument("--label", default="", metavar="LABEL", help="the right label, with relabel")
    command.add_argument("--comment", default="", metavar="TEXT", help="why; kept with the decision")
    command.add_argument("--reviewer", default="owner", metavar="NAME", help="who decides (default owner)")
    command.add_argument("--keep", metavar="IMAGE_ID", help="with remove: the image of a group that stays")
    command.add_argument("--id", metavar="ID", help="8 to 64 letters and digits: sent again, it counts once")
    command = commands.add_parser(
        "assign", parents=[shared, json_too], help="divide a run's findings among reviewers; tell how far each is"
    )
    command.add_argument("run", metavar="RUN", help=about)
    command.add_argument("--to", action="append", metavar="NAME", help="a reviewer: 'link ID', an e-mail; repeatable")
    command.add_argument("--overlap", type=float, default=0.1, metavar="S", help="share that several get (default 0.1)")
    command.add_argument("--each", type=int, default=2, metavar="N", help="reviewers of a shared finding (default 2)")
    command.add_argument("--nobody", action="store_true", help="take all parts back")
    for name, text in (
        ("decisions", "write every decision about a run's dataset as a table"),
        ("cleaned", "write a run's files with what the decisions make of each"),
    ):
        command = commands.add_parser(name, parents=[shared], help=text)
        command.add_argument("run", metavar="RUN", help=about)
        command.add_argument("out", metavar="OUT.{csv,parquet,json}")
        command.add_argument(
            "--format", choices=["table", "coco"], default="table", help="table, or COCO in OUT.json (default table)"
        )
    command = commands.add_parser("clean", parents=[shared, json_too], help="write a cleaned copy of a run's dataset")
    command.add_argument("run", metavar="RUN", help=about)
    command.add_argument("dest", metavar="DEST", help="a folder that is not there yet, or empty")
    how = command.add_mutually_exclusive_group(required=True)
    how.add_argument("--copy", action="store_true", help="copy the files that stay")
    how.add_argument("--link", action="store_true", help="make symbolic links to the files that stay")


def decide(services: Services, args: argparse.Namespace) -> int:
    """Decide on a finding."""
    from dataeval_ui.services.access import Viewer
    from dataeval_ui.services.review import decide as decide_on
    from dataeval_ui.services.review import find_item
    from dataeval_ui.services.runs import find_run, open_run

    run = open_run(services, find_run(services, args.run).id)
    if args.label and args.verdict != "relabel":
        raise InputError("--label is the right label: give it with the verdict relabel.")
    decision = decide_on(
        run,
        find_item(run, args.finding),
        None if args.verdict == "comment" else args.verdict,
        viewer=Viewer(role="owner", name=args.reviewer),
        label=args.label,
        comment=args.comment,
        keep=args.keep,
        decision_id=args.id,
    )
    if args.json:
        print(json.dumps({"id": decision.id, "finding": decision.finding_key, "image_ids": decision.image_ids}))
    else:
        say(f"{args.verdict}: kept as {decision.id}, on {len(decision.image_ids)} images.")
    return 0


def assign(services: Services, args: argparse.Namespace) -> int:
    """Divide the findings, or tell how far each reviewer is."""
    from dataeval_ui.services.access import OWNER
    from dataeval_ui.services.assignments import assign_parts, progress_rows
    from dataeval_ui.services.review import review_queue
    from dataeval_ui.services.runs import find_run, open_run

    run = open_run(services, find_run(services, args.run).id)
    if args.to and args.nobody:
        raise InputError("Give --to or --nobody, not both.")
    if args.to or args.nobody:
        items, names = review_queue(run), args.to or []
        assign_parts(run, items, names, viewer=OWNER, overlap=args.overlap, n_overlap=args.each)
    return show(progress_rows(review_queue(run)), args.json, empty="Nobody has a part.", key="reviewers")


def clean(services: Services, args: argparse.Namespace) -> int:
    """Write a cleaned copy, or links."""
    from dataclasses import asdict

    from dataeval_ui.data.paths import source_path
    from dataeval_ui.services.cleaning import clean as clean_into
    from dataeval_ui.services.review import review_queue
    from dataeval_ui.services.runs import find_run, open_run

    run = open_run(services, find_run(services, args.run).id)
    done = clean_into(run, review_queue(run), source_path(args.dest), how="copy" if args.copy else "link")
    if args.json:
        print(json.dumps(asdict(done)))
        return 0
    beside = f", beside them {' and '.join(done.beside)}" if done.beside else ""
    what = "objects" if run.is_of_objects else "files"
    say(
        f"{done.n_files} images {'copied' if args.copy else 'linked'} to {args.dest}{beside}; "
        f"{done.n_removed} {what} left out, {done.n_relabelled} relabelled."
    )
    return 0


def decisions(services: Services, args: argparse.Namespace) -> int:
    """Write the decisions."""
    return _write(services, args, "decisions")


def cleaned(services: Services, args: argparse.Namespace) -> int:
    """Write the cleaned manifest."""
    return _write(services, args, "files")


def _write(services: Services, args: argparse.Namespace, what: str) -> int:
    from dataeval_ui.data.paths import source_path
    from dataeval_ui.services.exports import format_of
    from dataeval_ui.services.review import cleaned_manifest, decisions_table, review_queue
    from dataeval_ui.services.runs import find_run, open_run
    from dataeval_ui.share.tables import write_table

    out = source_path(args.out)
    fmt = format_of(out)
    if args.format == "coco" and fmt != "json":
        raise InputError("COCO is JSON: let OUT end in .json.")
    run = open_run(services, find_run(services, args.run).id)
    if args.format == "coco":
        from dataeval_ui.services.coco_export import coco_document
        from dataeval_ui.store.durable import write_durably

        document = coco_document(run, review_queue(run), with_decisions=what == "decisions")
        write_durably(out, lambda stream: stream.write(json.dumps(document, indent=1).encode()))  # type: ignore[arg-type]
        say(f"{len(document['images'])} images, {len(document['annotations'])} annotations written to {out}.")
        return 0
    table = decisions_table(run) if what == "decisions" else cleaned_manifest(run, review_queue(run))
    write_table(table, out, fmt)
    say(f"{table.num_rows} {what} written to {out}.")
    return 0
