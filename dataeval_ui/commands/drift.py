"""The command that says whether a set has drifted."""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.commands.output import show

if TYPE_CHECKING:
    import argparse

    from dataeval_ui.services.context import Services
    from dataeval_ui.services.run import Run


def add_parser(commands: Any, shared: argparse.ArgumentParser, json_too: argparse.ArgumentParser) -> None:
    """Spell the command."""
    parser = commands.add_parser("drift", parents=[shared, json_too], help="test whether one run differs from another")
    parser.add_argument("reference", metavar="REF", help="id or name of a run, or name of its dataset")
    parser.add_argument(
        "test",
        metavar="TEST",
        nargs="?",
        help="another run with the same embeddings; may be left out with --split, --where or --over",
    )
    parser.add_argument("--split", nargs=2, metavar=("REF", "TEST"), help="only these splits, of one run or of two")
    parser.add_argument(
        "--where",
        nargs=2,
        metavar=("REF", "TEST"),
        help="only images that these filters mean, such as 'label = cat' \"view = 'night'\"; of one run "
        'TEST may be rest, and "" is all images',
    )
    parser.add_argument("--permutations", type=int, default=500, metavar="B", help="shuffles of a test (default 500)")
    parser.add_argument("--over", metavar="COLUMN", help="cut TEST into chunks by this column of times or numbers")
    cut = parser.add_mutually_exclusive_group()
    cut.add_argument("--chunks", type=int, metavar="N", help="chunks of as many images each (default 10)")
    cut.add_argument("--period", choices=("day", "week", "month", "year"), help="chunks of a period, in place of N")
    parser.add_argument("--append", type=Path, metavar="HISTORY", help="add the answer to this file, a line a call")
    parser.parse_known_args = functools.partial(_parse_late_test, parser.parse_known_args)


def _parse_late_test(parse: Any, args: Any = None, namespace: Any = None) -> tuple[argparse.Namespace, list[str]]:
    """Take TEST also behind options, where argparse takes it for a word too many: `drift REF --split a b TEST`."""
    parsed, left_over = parse(args, namespace)
    if parsed.test is None and len(left_over) == 1 and not left_over[0].startswith("-"):
        parsed.test = left_over.pop()
    return parsed, left_over


def drift(services: Services, args: argparse.Namespace) -> int:
    """Compare two runs."""
    from dataeval_ui.errors import ParameterError
    from dataeval_ui.jobs.progress import TerminalProgress
    from dataeval_ui.services.drift import answer_for_drift, append_history
    from dataeval_ui.services.drift_images import told_with_images
    from dataeval_ui.services.runs import find_run, open_run

    if not 19 <= args.permutations <= 100_000:
        raise ParameterError(f"--permutations must be in [19, 100000], got {args.permutations}.")
    reference = open_run(services, find_run(services, args.reference).id)
    if args.test is None and not (args.split or args.where or args.over):
        raise ParameterError("Name a second run, or compare within this one by --split, --where or --over.")
    test = reference if args.test is None else open_run(services, find_run(services, args.test).id)
    if args.over is not None:
        return _over_time(reference, test, args)
    if args.chunks is not None or args.period is not None:
        raise ParameterError("--chunks and --period need --over COLUMN, the column of times.")
    answer = answer_for_drift(
        reference,
        test,
        splits=tuple(args.split) if args.split else None,
        filters=(args.where[0] or None, args.where[1] or None) if args.where else None,
        n_permutations=args.permutations,
        progress=TerminalProgress(sys.stderr),
    )
    told = answer.told
    if args.append is not None:
        append_history(args.append, told, reference=reference.id, test=test.id)
    if args.json:
        print(json.dumps(told_with_images(reference, test, answer)))
        return 0
    print(told["verdict"])
    for part in ("boxes", "cells"):
        if told[part] is not None:
            print(told[part]["sentence"])
    names = ("title", "statistic", "p_value", "effect_size")
    return show([{n: _text(t[n]) for n in names} for t in told["tests"]], False, empty="", key="tests")


def _over_time(reference: Run, test: Run, args: argparse.Namespace) -> int:
    from dataeval_ui.errors import ParameterError
    from dataeval_ui.jobs.progress import TerminalProgress
    from dataeval_ui.services.drift_time import cut_by_time, drift_over_time

    if args.split or args.where or args.append:
        raise ParameterError("--over compares whole runs chunk by chunk; leave out --split, --where and --append.")
    chunks = cut_by_time(test, args.over, n_chunks=args.chunks, period=args.period)
    told = drift_over_time(
        test,
        chunks,
        reference=None if reference.id == test.id else reference,
        progress=TerminalProgress(sys.stderr),
    )
    if args.json:
        print(json.dumps(told))
        return 0
    print(told["sentence"])
    return show([{n: _text(v) for n, v in chunk.items()} for chunk in told["chunks"]], False, empty="", key="chunks")


def _text(value: object) -> object:
    return f"{value:.4g}" if isinstance(value, float) else value
