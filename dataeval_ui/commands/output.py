"""What every command needs: the process prepared, words on stderr, rows on stdout."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dataeval_ui.settings import environment_of, in_environment, numba_environment

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings


@contextlib.contextmanager
def prepared_process(settings: Settings) -> Iterator[None]:
    """Cap threads and name numba's cache while a command runs; entered before numpy and numba are imported."""
    numba = numba_environment(settings, settings.workspace / "numba")
    with in_environment({**environment_of(settings), **numba}):
        yield


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
