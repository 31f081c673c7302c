"""What was read from a catalog, kept until anything in it changes: every click of every reviewer asks the same."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, TypeVar

from dataeval_ui.store.catalog_changes import CatalogChanges

if TYPE_CHECKING:
    from dataeval_ui.store.catalog import Catalog

T = TypeVar("T")

MAX_KEPT = 256
"""Answers that are kept of each catalog."""


class _Answers:
    """Answers of one catalog, all of one version of it."""

    def __init__(self, catalog: Catalog) -> None:
        self.changes = CatalogChanges(catalog.path)
        self.lock = threading.Lock()
        self.version: int | None = None
        self.kept: dict[Hashable, object] = {}


_answers: weakref.WeakKeyDictionary[Catalog, _Answers] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def unchanged(catalog: Catalog, question: Hashable, read: Callable[[], T]) -> T:
    """Return what `read` returned for a question, as the catalog stands now.

    Parameters
    ----------
    catalog : Catalog
        One in PostgreSQL cannot tell of changes, and is asked each time.
    question : hashable
        Names what `read` reads, with everything that it depends on.
    read : callable
        Asks the catalog alone. Its result is shared and must not be written to; its errors are the caller's.
    """
    with _lock:
        answers = _answers.get(catalog)
        if answers is None:
            answers = _answers[catalog] = _Answers(catalog)
    version = answers.changes.version()  # before the read: what changes after it has another version
    if version is None:
        return read()
    with answers.lock:
        if version != answers.version:
            answers.kept.clear()
            answers.version = version
        if question in answers.kept:
            return answers.kept[question]  # type: ignore[return-value]
    value = read()
    with answers.lock:
        if version == answers.version and len(answers.kept) < MAX_KEPT:
            answers.kept[question] = value
    return value
