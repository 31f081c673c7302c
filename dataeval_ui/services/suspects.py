"""Suspected labels and turned copies beside the page: they take up to minutes at the first time, once a run."""

from __future__ import annotations

import logging
import threading
import weakref
from typing import TYPE_CHECKING

from dataeval_ui.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dataeval_ui.services.run import Run
    from dataeval_ui.types import Finding

logger = logging.getLogger(__name__)

_begun: weakref.WeakKeyDictionary[Run, threading.Thread] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def are_ready(run: Run) -> bool:
    """Whether all that can be decided on is kept, or nothing is to be waited for: computing it failed."""
    from dataeval_ui.services.labels import are_label_errors_kept, classes_of
    from dataeval_ui.services.turned import are_known

    if "keyed_findings" in vars(run):
        return True
    is_kept = are_known(run)
    if is_kept and are_label_errors_kept(run):
        return True
    with _lock:
        begun = _begun.get(run)
    if begun is not None:
        return not begun.is_alive()  # what failed fails again where it is asked for, and says why
    try:
        classes_of(run)
    except InputError:  # without labels none is suspected
        return is_kept
    return False


def begin(run: Run) -> threading.Thread:
    """Compute a run's suspected labels and turned copies in a thread, once; they are kept in its folder."""
    with _lock:
        if (thread := _begun.get(run)) is None:
            thread = _begun[run] = threading.Thread(target=_compute, args=(run,), name="suspects", daemon=True)
            thread.start()
    return thread


def findings_now(run: Run) -> Mapping[str, Finding]:
    """Return what can be decided on at once, by key: all of it, or what the run stored while `begin` is at the rest."""
    from dataeval_ui.findings.keys import finding_key

    if are_ready(run):
        return run.keyed_findings
    begin(run)
    keyed: dict[str, Finding] = {}
    for finding in run.findings:
        keyed.setdefault(finding_key(finding), finding)
    return keyed


def _compute(run: Run) -> None:
    try:
        _ = run.keyed_findings
    except Exception:
        logger.exception("The findings of run %s were not completed; who opens Review meets the error.", run.id)
