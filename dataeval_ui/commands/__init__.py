"""What each command does, a module a topic; `cli.py` says how the first ones are spelled.

A module of a later topic brings its own spelling: `add_parser(commands, shared, json_too)` beside its functions, named
in `PARSERS`, so that a topic is added by one module and its lines here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from dataeval_ui.commands import asking, backup, boxes, check, drift, parts, review, running, share

if TYPE_CHECKING:
    import argparse

    from dataeval_ui.services.context import Services

Command = Callable[["Services", "argparse.Namespace"], int]

COMMANDS: Mapping[str, Command] = {
    command.__name__: command
    for command in (
        running.demo,
        running.serve,
        running.run,
        running.cancel,
        running.resume,
        running.worker,
        asking.findings,
        asking.search,
        asking.compare,
        asking.names,
        asking.export,
        asking.backbones,
        asking.datasets,
        asking.runs,
        asking.jobs,
        asking.remove,
        check.check,
        review.decisions,
        review.cleaned,
        review.decide,
        review.assign,
        review.clean,
        share.share,
        share.password,
        parts.parts,
        drift.drift,
        boxes.boxes,
        backup.backup,
        backup.restore,
    )
} | {"import-decisions": share.import_decisions}

# commands that load numpy, numba or torch in this process, whose threads and caches are set first
COMPUTING = frozenset({"run", "worker", "search", "compare", "names", "parts", "drift", "boxes"})

PARSERS: tuple[Callable[..., None], ...] = (
    check.add_parser,
    review.add_parser,
    share.add_parser,
    parts.add_parser,
    drift.add_parser,
    boxes.add_parser,
    backup.add_parser,
)
