"""With `pytest -n 2` the files are shared between processes, the longest first."""

from __future__ import annotations

from pathlib import Path

import pytest

FIRST = ("browser", "slow")
"""Markers of tests that take long: where they came last, one process would end long after the others."""


def share(config: pytest.Config) -> None:
    """Where pytest-xdist was given processes and no more, have it share files whole, in the order below."""
    option = config.option
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
