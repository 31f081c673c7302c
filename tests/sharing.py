"""The whole suite is shared between processes, the longest files first; a file or a test is run in one, as ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataeval_ui.settings import n_usable_cores

MAX_PROCESSES = 4
FIRST = ("browser", "slow")
"""Markers of tests that take long: where they came last, one process would end long after the others."""


def is_whole_suite(config: pytest.Config) -> bool:
    """Tell `pytest` and `pytest tests` from a run of some files, and from one that is looked at as it runs."""
    option = config.option
    looked_at = option.usepdb or option.trace or option.capture == "no" or option.collectonly or option.keyword
    return not looked_at and {(config.invocation_params.dir / arg).resolve() for arg in config.args} == {
        Path(__file__).parent
    }


def share(config: pytest.Config) -> None:
    """Have pytest-xdist share a whole run, unless its own options have been given or it is not there."""
    option = config.option
    given = hasattr(config, "workerinput") or option.numprocesses is not None or option.dist != "no" or option.tx
    n_processes = min(n_usable_cores(), MAX_PROCESSES)
    if not given and n_processes > 1 and is_whole_suite(config):
        option.numprocesses = n_processes
    if option.numprocesses and option.dist == "no" and not hasattr(config, "workerinput"):
        option.dist = "loadfile"
        option.loadscopereorder = False


def longest_first(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the files of a shared run: those with a test in a browser, then those with one marked `slow`."""
    if not hasattr(config, "workerinput"):
        return
    ranks: dict[Path, int] = {}
    for item in items:
        rank = next((i for i, marker in enumerate(FIRST) if item.get_closest_marker(marker)), len(FIRST))
        ranks[item.path] = min(rank, ranks.get(item.path, rank))
    items.sort(key=lambda item: ranks[item.path])
