"""Commands that save a workspace and bring it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataeval_ui.commands.output import say

if TYPE_CHECKING:
    import argparse

    from dataeval_ui.services.context import Services


def add_parser(commands: Any, shared: argparse.ArgumentParser, json_too: argparse.ArgumentParser) -> None:
    """Spell `backup` and `restore`."""
    command = commands.add_parser(
        "backup", parents=[shared], help="save the workspace to one file, server running or not"
    )
    command.add_argument("out", metavar="OUT.zip", help="a new file, outside the workspace")
    command = commands.add_parser("restore", parents=[shared], help="fill an empty workspace from a backup")
    command.add_argument("file", metavar="BACKUP.zip")


def backup(services: Services, args: argparse.Namespace) -> int:
    """Write a backup."""
    from dataeval_ui.data.paths import source_path
    from dataeval_ui.services.backups import back_up

    out = source_path(args.out)
    n_files = back_up(services, out)
    say(f"{n_files:,} files and the catalog saved to {out}. It holds the key of your links: keep it to yourself.")
    return 0


def restore(services: Services, args: argparse.Namespace) -> int:
    """Fill the workspace."""
    from dataeval_ui.data.paths import source_path
    from dataeval_ui.services import backups

    done = backups.restore(services, source_path(args.file))
    say(
        f"{done.n_datasets:,} datasets, {done.n_runs:,} runs, {done.n_decisions:,} decisions, {done.n_files:,} files "
        f"restored to {services.workspace.root}."
    )
    return 0
