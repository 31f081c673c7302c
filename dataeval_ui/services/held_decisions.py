"""What was decided and holds, read again only when somebody has decided: every click of every reviewer asks for it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dataeval_ui.services.unchanged import unchanged
from dataeval_ui.store.catalog_decisions import current_decisions

if TYPE_CHECKING:
    from dataeval_ui.store.catalog import Catalog
    from dataeval_ui.store.catalog_decisions import DecisionRecord

MAX_KEPT = 16
"""Datasets and runs whose decisions are kept."""

Held = Mapping[str, Mapping[str, "DecisionRecord"]]

_kept: weakref.WeakKeyDictionary[Catalog, dict[tuple[str, str | None], tuple[int, Held]]] = weakref.WeakKeyDictionary()
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
    first: what is appended meanwhile has a greater one, and is read at the next call. The result is shared.
    """
    last = last_decision(catalog, dataset_id)
    with _lock:  # one reader at a time: the others want the same
        kept = _kept.setdefault(catalog, {})
        found = kept.get((dataset_id, run_id))
        if found is not None and found[0] == last:
            return found[1]
        held = current_decisions(catalog.list_decisions(dataset_id, run_id=run_id))
        if len(kept) >= MAX_KEPT:
            kept.clear()
        kept[dataset_id, run_id] = last, held
        return held
