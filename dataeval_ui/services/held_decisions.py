"""What was decided and holds; of what is new, no more is read than that: every click of every reviewer asks for it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from dataeval_ui.services.unchanged import unchanged

if TYPE_CHECKING:
    from dataeval_ui.store.catalog import Catalog
    from dataeval_ui.store.catalog_decisions import DecisionRecord

MAX_KEPT = 16
"""Datasets and runs whose decisions are kept."""

Held = Mapping[str, Mapping[str, "DecisionRecord"]]


class Ledger:
    """Decisions as they come, and what holds of them: the same as `current_decisions` of all of them.

    Attributes
    ----------
    last : int
        Number of the last decision that was surely read.
    held : mapping
        Finding key to reviewer to the decision that holds. What was once handed out never changes: a finding about
        which somebody decides has another mapping afterwards, and all others keep theirs.
    """

    def __init__(self) -> None:
        self.last = 0
        self.held: Held = {}
        self._by_id: dict[str, DecisionRecord] = {}
        self._made: dict[tuple[str, str], list[DecisionRecord]] = {}
        self._retracted: set[tuple[str, str]] = set()

    def take(self, decisions: Iterable[DecisionRecord]) -> None:
        """Take in decisions in the order in which they came; those that are known already change nothing."""
        changed: dict[tuple[str, str], None] = {}
        for decision in decisions:
            if decision.id in self._by_id:
                continue
            self._by_id[decision.id] = decision
            if decision.retracts is None:
                place = (decision.finding_key, decision.reviewer)
                self._made.setdefault(place, []).append(decision)
                changed[place] = None
                continue
            self._retracted.add((decision.retracts, decision.reviewer))  # nobody takes back what another decided
            if (taken_back := self._by_id.get(decision.retracts)) is not None:
                changed[taken_back.finding_key, taken_back.reviewer] = None
        if not changed:
            return
        held = dict(self.held)
        for key, reviewer in changed:
            of_key = {name: kept for name, kept in held.get(key, {}).items() if name != reviewer}
            if (last := self._last(key, reviewer)) is not None:
                of_key[reviewer] = last
            if of_key:
                held[key] = of_key
            else:
                held.pop(key, None)
        self.held = held

    def _last(self, key: str, reviewer: str) -> DecisionRecord | None:
        made = self._made.get((key, reviewer), [])
        return next((d for d in reversed(made) if (d.id, d.reviewer) not in self._retracted), None)


_kept: weakref.WeakKeyDictionary[Catalog, dict[tuple[str, str | None], Ledger]] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def last_decision(catalog: Catalog, dataset_id: str) -> int:
    """Return a number that grows with every decision about a dataset; 0 before the first."""
    return unchanged(catalog, ("last decision", dataset_id), lambda: catalog.last_decision(dataset_id))


def held_decisions(catalog: Catalog, dataset_id: str, *, run_id: str | None = None) -> Held:
    """Return finding key to reviewer to the decision that holds, as the catalog stands now.

    Parameters
    ----------
    run_id : str, optional
        Of this run alone; default: of all runs of the dataset.

    Notes
    -----
    Decisions are appended and never changed, so that the number of the last one says whether there are more. It is read
    first: what is appended meanwhile has a greater one, and is read again at the next call. The result is shared.
    """
    last = last_decision(catalog, dataset_id)
    with _lock:  # one reader at a time: the others want the same
        kept = _kept.setdefault(catalog, {})
        ledger = kept.get((dataset_id, run_id))
        if ledger is None or last < ledger.last:  # less than there was: another catalog stands in its place
            if len(kept) >= MAX_KEPT:
                kept.clear()
            ledger = kept[dataset_id, run_id] = Ledger()
        if ledger.last < last:
            ledger.take(catalog.list_decisions(dataset_id, run_id=run_id, after=ledger.last))
            ledger.last = last
        return ledger.held
