"""The gate: a run held to conditions, with exit code 1 where one of them came true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.commands.output import say
from dataeval_ui.errors import StorageError

if TYPE_CHECKING:
    import argparse

    from dataeval_ui.services.context import Services


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    shared: argparse.ArgumentParser,
    json_too: argparse.ArgumentParser,
) -> None:
    """Say how `check` is spelled."""
    check = commands.add_parser("check", parents=[shared, json_too], help="hold a run to conditions, for CI")
    check.add_argument("run", metavar="RUN", help="id or name of a run, or name of its dataset")
    check.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="CONDITION",
        help="such as 'leaked_images > 0'; repeatable. Without any, the metrics are printed",
    )
    check.add_argument(
        "--drift-history",
        type=Path,
        metavar="HISTORY",
        help="what `drift --append` wrote: adds the metrics drifted, drift_p_value and drift_auroc",
    )
    check.add_argument("--junit", metavar="FILE", help="write a JUnit report that names the images")
    check.add_argument("--markdown", metavar="FILE", help="write a summary for a pull request")


def check(services: Services, args: argparse.Namespace) -> int:
    """Hold a run to conditions."""
    from dataeval_ui.services.gate import check_run
    from dataeval_ui.services.runs import find_run, open_run
    from dataeval_ui.share.gate_reports import junit, markdown, values_text

    report = check_run(
        open_run(services, find_run(services, args.run).id), args.fail_on, drift_history=args.drift_history
    )
    if args.junit:
        _write(args.junit, junit(report))
    if args.markdown:
        _write(args.markdown, markdown(report).encode())
    if args.json:
        print(json.dumps(report.to_json()))
    elif not report.conditions:
        for name, value in report.metrics.items():
            print(f"{name} = {value:.6g}")
    else:
        for condition in report.conditions:
            verdict = "failed" if condition.failed else "passed"
            print(f"{verdict}  {condition.condition}  ({values_text(condition)})")
    if report.n_failed and not args.json:
        say(f"{report.n_failed} of {len(report.conditions)} conditions failed; --json names the images.")
    return 1 if report.n_failed else 0


def _write(out: str, data: bytes) -> None:
    try:
        Path(out).write_bytes(data)
    except OSError as error:
        raise StorageError(f"{out!r} cannot be written: {error.strerror}. Choose another place.") from None
