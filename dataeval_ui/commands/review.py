"""Commands that take away what reviewers decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataeval_ui.commands.output import say

if TYPE_CHECKING:
    import argparse

    from dataeval_ui.services.context import Services


def add_parser(commands: Any, shared: argparse.ArgumentParser, json_too: argparse.ArgumentParser) -> None:
    """Spell `decisions` and `cleaned`."""
    for name, text in (
        ("decisions", "write every decision about a run's dataset as a table"),
        ("cleaned", "write a run's files with what the decisions make of each"),
    ):
        command = commands.add_parser(name, parents=[shared], help=text)
        command.add_argument("run", metavar="RUN", help="id or name of a run, or name of its dataset")
        command.add_argument("out", metavar="OUT.{csv,parquet,json}")


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
    run = open_run(services, find_run(services, args.run).id)
    table = decisions_table(run) if what == "decisions" else cleaned_manifest(run, review_queue(run))
    write_table(table, out, fmt)
    say(f"{table.num_rows} {what} written to {out}.")
    return 0
