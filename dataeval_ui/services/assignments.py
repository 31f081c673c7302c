"""Parts of the review queue for each reviewer, with findings that several decide, so that agreement can be measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dataeval_ui.errors import AccessDeniedError, ParameterError

if TYPE_CHECKING:
    from dataeval_ui.services.access import Viewer
    from dataeval_ui.services.review import Item
    from dataeval_ui.services.run import Run

MAX_REVIEWERS = 100


def plan_parts(
    items: Sequence[Item], reviewers: Sequence[str], *, overlap: float = 0.1, n_overlap: int = 2
) -> dict[str, tuple[str, ...]]:
    """Divide findings among reviewers evenly.

    Each finding goes to whoever has the fewest so far. A share of them, evenly spread over the ranking, goes to
    several. What somebody has decided already stays with those who did, and counts for them.

    Parameters
    ----------
    items : sequence of Item
        In their order.
    reviewers : sequence of str
        1 to 100 names, as decisions have them.
    overlap : float, default 0.1
        Share of the undecided findings that `n_overlap` reviewers get, in [0, 1].
    n_overlap : int, default 2
        In [2, number of reviewers]; with one reviewer nothing overlaps.

    Returns
    -------
    dict of str to tuple of str
        Key of a finding to its reviewers. Where nothing was decided, the parts of any two differ by one at most.

    Raises
    ------
    ParameterError
        A number outside its range, or a name twice.
    """
    if not 1 <= len(reviewers) <= MAX_REVIEWERS or len(set(reviewers)) < len(reviewers):
        raise ParameterError(f"Name 1 to {MAX_REVIEWERS} reviewers, each once.")
    if not 0 <= overlap <= 1:
        raise ParameterError(f"The share of findings that several decide is in [0, 1], got {overlap}.")
    if len(reviewers) > 1 and not 2 <= n_overlap <= len(reviewers):
        raise ParameterError(f"A shared finding goes to 2 to {len(reviewers)} reviewers, got {n_overlap}.")
    parts = {item.key: tuple(n for n in item.held if item.is_decided_by(n)) for item in items if item.state != "open"}
    loads = dict.fromkeys(reviewers, 0)
    for names in parts.values():
        for name in names:
            if name in loads:
                loads[name] += 1
    undecided = [item.key for item in items if item.state == "open"]
    for i, key in enumerate(undecided):
        is_shared = math.floor((i + 1) * overlap) > math.floor(i * overlap) and len(reviewers) > 1
        chosen = sorted(loads, key=loads.__getitem__)[: n_overlap if is_shared else 1]
        for name in chosen:
            loads[name] += 1
        parts[key] = tuple(chosen)
    return parts


def assign_parts(
    run: Run,
    items: Sequence[Item],
    reviewers: Sequence[str],
    *,
    viewer: Viewer,
    overlap: float = 0.1,
    n_overlap: int = 2,
) -> dict[str, tuple[str, ...]]:
    """Divide a run's findings anew, and keep it; see `plan_parts`. No reviewers: nothing is assigned any more.

    Raises
    ------
    AccessDeniedError
        The viewer may not.
    ParameterError
        A number outside its range, or a name twice.
    """
    from dataeval_ui.services.access import may

    permission = may(viewer, "manage", run.id)
    if not permission.allowed:
        raise AccessDeniedError(permission.reason)
    parts = plan_parts(items, reviewers, overlap=overlap, n_overlap=n_overlap) if reviewers else {}
    run.services.catalog.assign(run.id, parts, by=viewer.name)
    return parts


def known_reviewers(run: Run, items: Sequence[Item], *, viewer: Viewer) -> dict[str, str]:
    """Name those who may be given findings, or have decided some: name in decisions to title on the page.

    The owner sees for whom a link is; a guest sees its id alone, as in decisions.
    """
    from dataeval_ui.store.catalog_base import now_utc

    names = {"owner": "owner"}
    if viewer.is_owner:
        now = now_utc()
        for link in run.services.catalog.list_links(run.id):
            if link.role == "decide" and link.state(now) in ("open", "used up"):
                names[f"link {link.id}"] = f"{link.note} ({link.id[:6]})" if link.note else f"link {link.id}"
        roles = run.services.settings.roles
        names |= {n: n for n, role in roles.items() if role in ("decide", "owner") and "*" not in n and ":" not in n}
    for item in items:
        for name in (*item.assigned, *item.held):
            names.setdefault(name, name)
    return names


def progress_rows(items: Sequence[Item]) -> list[dict[str, object]]:
    """Tell how far each reviewer is: `reviewer`, `assigned`, `done` (of those), `decided` (in all), `conflicts`."""
    names = sorted({name for item in items for name in (*item.assigned, *item.held)})
    rows: list[dict[str, object]] = []
    for name in names:
        mine, decided = [i for i in items if name in i.assigned], [i for i in items if i.is_decided_by(name)]
        rows.append(
            {
                "reviewer": name,
                "assigned": len(mine),
                "done": sum(item.is_decided_by(name) for item in mine),
                "decided": len(decided),
                "conflicts": sum(item.state == "conflict" for item in decided),
            }
        )
    return rows
