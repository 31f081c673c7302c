"""What every command needs: the process prepared, words on stderr, rows on stdout."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dataeval_ui.settings import environment_of

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings


def prepare_process(settings: Settings) -> None:
    """Cap threads and put numba's cache into the workspace, before numpy and numba are imported."""
    os.environ.update(environment_of(settings))
    os.environ["NUMBA_NUM_THREADS"] = str(settings.n_threads)
    os.environ["NUMBA_CACHE_DIR"] = str(settings.workspace / "numba")


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
