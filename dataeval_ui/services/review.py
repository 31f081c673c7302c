"""The review queue: what was found, what reviewers decided about it, and what the decisions make of the manifest."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from dataeval_ui.analysis.agreement import cohens_kappa, fleiss_kappa
from dataeval_ui.errors import InputError, UnknownNameError
from dataeval_ui.services.held_decisions import Held, held_decisions
from dataeval_ui.services.image_decisions import KIND, decided_images
from dataeval_ui.services.suspects import findings_now
from dataeval_ui.services.unchanged import unchanged
from dataeval_ui.store.catalog_base import new_id, now_utc
from dataeval_ui.store.catalog_decisions import DecisionRecord, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

    from dataeval_ui.services.access import Viewer
    from dataeval_ui.services.run import Run
    from dataeval_ui.types import Finding

State = Literal["open", "decided", "conflict"]
SPLIT_PRIORITY = ("test", "val", "valid", "validation", "dev")
"""A copy in one of these is kept before one in any other split: what a model is measured with is harder to replace."""


_NOTHING: Mapping[str, DecisionRecord] = {}
"""Held by each finding that nobody has decided: one that is still this one needs no other item."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """A finding with the decisions that hold.

    Attributes
    ----------
    held : mapping of str to DecisionRecord
        Reviewer to the decision.
    assigned : tuple of str
        Reviewers whose part it is in.
    """

    key: str
    finding: Finding
    held: Mapping[str, DecisionRecord]
    assigned: tuple[str, ...] = ()

    @cached_property
    def verdicts(self) -> set[tuple[str, str, tuple[str, ...]]]:
        """Different verdicts, each with its label and its images; comments alone are none."""
        return {(d.verdict, d.label, tuple(sorted(d.image_ids))) for d in self.held.values() if d.verdict is not None}

    @cached_property
    def state(self) -> State:
        """Whether nobody decided, whoever decided agrees, or reviewers differ."""
        return "open" if not self.verdicts else "decided" if len(self.verdicts) == 1 else "conflict"

    def is_decided_by(self, reviewer: str) -> bool:
        """Whether a reviewer has given a verdict."""
        return reviewer in self.held and self.held[reviewer].verdict is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Queue:
    """The items that were made last, and of what: those that nobody has touched since are the same ones at a click."""

    held: Held
    assigned: Mapping[str, tuple[str, ...]]
    found: Mapping[str, Finding]
    items: Mapping[str, Item]


_queues: weakref.WeakKeyDictionary[Run, dict[bool, _Queue]] = weakref.WeakKeyDictionary()
_queues_lock = threading.Lock()


def review_queue(run: Run, *, of_run_alone: bool = False, wait: bool = True) -> list[Item]:
    """Return a run's findings in their order, the most severe first, each once, with the decisions that hold.

    Behind them come the images that were decided on for themselves, see `image_decisions`.

    Parameters
    ----------
    of_run_alone : bool, default False
        Leave out what was decided on the same findings of the dataset's other runs: whom a link lets see one run must
        not read what was said of others.
    wait : bool, default True
        For the suspected labels, where they must be computed first; else they come later, when they are there.
    """
    catalog, of_run = run.services.catalog, run.id if of_run_alone else None
    held = held_decisions(catalog, run.dataset.id, run_id=of_run)
    assigned = unchanged(catalog, ("assignments", run.id), lambda: catalog.list_assignments(run.id))
    found = run.keyed_findings if wait else findings_now(run)
    with _queues_lock:
        last = _queues.setdefault(run, {}).get(of_run_alone)
    if last is not None and last.held is held and last.found is found and last.assigned == assigned:
        return list(last.items.values())
    items = {}
    for key, finding in (*found.items(), *decided_images(run, held).items()):
        of_key, reviewers = held.get(key, _NOTHING), assigned.get(key, ())
        item = None if last is None else last.items.get(key)
        same = item is not None and item.held is of_key and item.assigned == reviewers
        if item is None or not same or (item.finding is not finding and item.finding != finding):
            item = Item(key=key, finding=finding, held=of_key, assigned=reviewers)
        items[key] = item
    with _queues_lock:
        _queues[run][of_run_alone] = _Queue(held=held, assigned=assigned, found=found, items=items)
    return list(items.values())


def find_item(run: Run, key: str) -> Item:
    """Look a finding up by its key or the first characters of it, at least 6, without the decisions about it.

    Raises
    ------
    UnknownNameError
        There is none, or several begin so.
    """
    keyed = run.keyed_findings
    matching = [key] if key in keyed else [known for known in keyed if len(key) >= 6 and known.startswith(key)]
    if len(matching) != 1:
        raise UnknownNameError("finding", key[:80], list(keyed)[:200])
    return Item(key=matching[0], finding=keyed[matching[0]], held={})


def best_image(run: Run, finding: Finding) -> str:
    """Propose which image of a finding to keep: by split, then resolution, then sharpness, then order.

    See `SPLIT_PRIORITY`. Sharpness is the run's column of that name, where it has one.
    """
    sharpness = run.columns.get("sharpness")
    table = run.first_places

    def worth(image_id: str) -> tuple[int, int, float]:
        row = run.row_of[image_id]
        split = min(_split_rank(place.split) for place in run.places(row))
        n_pixels = table["width_px"][row].as_py() * table["height_px"][row].as_py()
        sharp = 0.0 if sharpness is None or sharpness.values is None else float(sharpness.values[row])
        return -split, n_pixels, sharp

    known = [image_id for image_id in finding.image_ids if image_id in run.row_of]
    if not known:
        raise InputError("This finding has no image that could be kept.")
    return max(known, key=worth)


def images_concerned(
    run: Run, finding: Finding, verdict: Verdict | None, *, keep: str | None = None
) -> tuple[str, ...]:
    """Return the images that a verdict on a finding is about: all, or with "remove" all but the one that stays.

    Parameters
    ----------
    keep : str, optional
        The image that stays; default: see `best_image`.

    Raises
    ------
    InputError
        The image to keep is none of the finding's.
    """
    images = finding.image_ids
    if verdict != "remove" or len(images) < 2:
        return images
    stays = keep or best_image(run, finding)
    if stays not in images:
        raise InputError("The image to keep is not one of this finding.")
    return tuple(image_id for image_id in images if image_id != stays)


def _split_rank(split: str | None) -> int:
    name = (split or "").lower()
    return SPLIT_PRIORITY.index(name) if name in SPLIT_PRIORITY else len(SPLIT_PRIORITY)


def decide(
    run: Run,
    item: Item,
    verdict: Verdict | None,
    *,
    viewer: Viewer,
    label: str = "",
    comment: str = "",
    keep: str | None = None,
    decision_id: str | None = None,
) -> DecisionRecord:
    """Append a decision.

    Parameters
    ----------
    verdict : {"keep", "remove", "relabel", "unsure"} or None
        None for a comment alone.
    keep : str, optional
        With "remove": the image that stays; the others of the finding go. Default: see `best_image`. Where a finding
        has one image in several files, its best file stays; where it has one file, that goes.
    decision_id : str, optional
        Sent again, it counts once. Default: a new one.

    Raises
    ------
    AccessDeniedError
        The viewer may not decide, or not comment.
    ParameterError
        A label or comment outside its range.
    """
    from dataeval_ui.errors import AccessDeniedError
    from dataeval_ui.services.access import may

    permission = may(viewer, "comment" if verdict is None else "decide", run.id)
    if not permission.allowed:
        raise AccessDeniedError(permission.reason)
    decision = DecisionRecord(
        id=decision_id or new_id(),
        run_id=run.id,
        dataset_id=run.dataset.id,
        finding_kind=item.finding.kind,
        finding_key=item.key,
        image_ids=images_concerned(run, item.finding, verdict, keep=keep),
        verdict=verdict,
        label=label.strip() if verdict == "relabel" else "",
        comment=comment.strip(),
        reviewer=viewer.name,
        at=now_utc(),
        source="local" if viewer.is_owner else viewer.name,
    )
    run.services.catalog.add_decisions([decision])
    return decision


def undo(run: Run, *, viewer: Viewer) -> DecisionRecord | None:
    """Take back a viewer's last decision about the run's dataset; None where there is none. What it takes back.

    Of a decision for several images at once all are taken back, and the last of them is returned.
    """
    decisions = run.services.catalog.list_decisions(run.dataset.id, run_id=run.id)
    mine = [d for d in decisions if d.reviewer == viewer.name]
    retracted = {d.retracts for d in mine}
    last = next((d for d in reversed(mine) if d.retracts is None and d.id not in retracted), None)
    if last is None:
        return None
    together = [last]
    if last.finding_kind == KIND:
        moment = (last.finding_kind, last.at)
        together = [
            d for d in mine if (d.finding_kind, d.at) == moment and d.retracts is None and d.id not in retracted
        ]
    at = now_utc()
    run.services.catalog.add_decisions(
        [replace(d, id=new_id(), verdict=None, label="", comment="", at=at, retracts=d.id) for d in together]
    )
    return last


def agreement_rows(items: Sequence[Item]) -> list[dict[str, object]]:
    """Compare reviewers: findings that all of a row decided, how many alike, and kappa.

    Returns
    -------
    list of dict
        A row for every two (Cohen's kappa), and where there are more than two, one for all of them, and one for the
        findings that exactly m of them decided, whichever they were (Fleiss' kappa, which asks for as many verdicts on
        each finding and not for the same reviewers): so that parts which overlap can be compared.
    """
    from itertools import combinations

    verdicts = [{name: str(d.verdict) for name, d in item.held.items() if d.verdict is not None} for item in items]
    names = sorted({name for of_one in verdicts for name in of_one})
    rows = []
    for pair in combinations(names, 2):
        ratings = [[of_one[name] for name in pair] for of_one in verdicts if all(name in of_one for name in pair)]
        rows.append(_agreement(", ".join(pair), ratings, cohens_kappa([(r[0], r[1]) for r in ratings])))
    for m in range(len(names), 1, -1) if len(names) > 2 else ():
        ratings = [list(of_one.values()) for of_one in verdicts if len(of_one) == m]
        if ratings or m == len(names):
            of = ", ".join(names) if m == len(names) else f"any {m} of {len(names)}"
            rows.append(_agreement(of, ratings, fleiss_kappa(ratings)))
    return rows


def _agreement(reviewers: str, ratings: Sequence[Sequence[str]], kappa: float | None) -> dict[str, object]:
    alike = sum(len(set(of_one)) == 1 for of_one in ratings)
    return {"reviewers": reviewers, "findings": len(ratings), "alike": alike, "kappa": kappa}


def cleaned_manifest(run: Run, items: Sequence[Item]) -> pa.Table:
    """Return the manifest's readable files with what the decisions make of each.

    Returns
    -------
    pyarrow.Table
        The columns path, image_id, label, split, action ("keep", "remove", "relabel"), new_label and reason. A finding
        on which reviewers differ changes nothing. What one finding removes stays removed.
    """
    import pyarrow as pa

    removed: dict[str, str] = {}
    relabelled: dict[str, str] = {}
    for item in items:
        if item.state != "decided":
            continue
        [(verdict, label, image_ids)] = item.verdicts
        if verdict == "relabel":
            relabelled |= dict.fromkeys(image_ids, label)
        if verdict != "remove":
            continue
        if not item.finding.image_ids:
            removed |= dict.fromkeys(item.finding.paths, item.finding.kind)
        for image_id in image_ids:
            places = run.places(run.row_of[image_id]) if image_id in run.row_of else []
            if len(item.finding.image_ids) == 1 and item.finding.kind in ("exact_duplicates", "leak"):
                best = min(places, key=lambda place: (_split_rank(place.split), place.path))
                places = [place for place in places if place.path != best.path]
            removed |= {place.path: item.finding.kind for place in places}
    rows = []
    for file in run.manifest.select(["path", "image_id", "label", "split", "status"]).to_pylist():
        if file.pop("status") != "ok" and file["path"] not in removed:
            continue
        reason = removed.get(file["path"])
        new_label = relabelled.get(file["image_id"]) if reason is None else None
        action = "remove" if reason is not None else "relabel" if new_label is not None else "keep"
        rows.append({**file, "action": action, "new_label": new_label, "reason": reason})
    names = ("path", "image_id", "label", "split", "action", "new_label", "reason")
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in names]))


def decisions_table(run: Run, *, of_run_alone: bool = False) -> pa.Table:
    """Return every decision about the run's dataset, or of this run alone, in the order in which they came."""
    import pyarrow as pa

    decisions = run.services.catalog.list_decisions(run.dataset.id, run_id=run.id if of_run_alone else None)
    names = [name for name in DecisionRecord.__slots__ if name != "image_ids"]
    columns = {name: [getattr(decision, name) for decision in decisions] for name in names}
    columns["image_ids"] = [";".join(decision.image_ids) for decision in decisions]
    columns["at"] = [moment.isoformat() for moment in columns["at"]]
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
