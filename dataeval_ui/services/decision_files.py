"""Decisions that come back in files: read, checked, kept once, and compared between reviewers.

A file holds an append-only list of one reviewer's marks, each with an id. Importing keeps the marks whose ids
are not kept yet, so that a file, or a later save of the same one, may be imported as often as one likes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import chain, combinations, repeat
from typing import TYPE_CHECKING, Any

from dataeval_ui.analysis.agreement import cohens_kappa, fleiss_kappa
from dataeval_ui.errors import InputError
from dataeval_ui.store.catalog_decisions import is_text

if TYPE_CHECKING:
    from pathlib import Path

    from dataeval_ui.services.run import Run
    from dataeval_ui.store.catalog_decisions import DecisionRecord

FORMAT = "dataeval-ui-decisions"
DECISIONS = ("keep", "remove", "relabel", "unsure")
MAX_FILE_BYTES = 64 * 2**20
MAX_MARKS = 200_000
MAX_NAME_CHARS = 240
SOURCE = "import"
"""Where the catalog's decisions come from that files told."""

_ID = re.compile(r"[0-9a-f]{32}")
_TARGET = re.compile(r"(image|finding):[0-9A-Za-z_.-]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One mark of one reviewer.

    Attributes
    ----------
    id : str
        32 hexadecimal digits.
    at : str
        When, ISO 8601 in UTC, by the reviewer's clock.
    target : str
        `image:<image id>` or `finding:<finding id>`.
    decision : str or None
        keep, remove, relabel or unsure; None where only a comment stands, or it was undone.
    undoes : str or None
        Id of the mark that this takes back; the other fields then say what held before it.
    """

    id: str
    reviewer: str
    at: str
    target: str
    decision: str | None
    label: str
    comment: str
    undoes: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did.

    Attributes
    ----------
    n_new, n_known : int
        Marks kept now, and before.
    n_outside : int
        Marks on images or findings that this run does not have; left out.
    """

    n_new: int
    n_known: int
    n_outside: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What two or more reviewers decided on the same targets.

    Attributes
    ----------
    reviewers : tuple of str
    n_both : int
        Targets that all of them decided.
    share : float or None
        Of those, decided alike, in [0, 1]; None without any.
    kappa : float or None
        Cohen's kappa of two, Fleiss' of more, at most 1; None where it is not defined (nothing in common, or one answer
        alone).
    """

    reviewers: tuple[str, ...]
    n_both: int
    share: float | None
    kappa: float | None


def read_decisions(data: bytes, run: Run) -> tuple[list[Mark], int]:
    """Read a decisions file.

    Returns
    -------
    marks : list of Mark
    n_outside : int
        Marks on what this run does not have.

    Raises
    ------
    InputError
        No decisions file, of another run, damaged, or too large.
    """
    from dataeval_ui.findings.keys import finding_key

    if len(data) > MAX_FILE_BYTES:
        raise InputError(f"A decisions file has at most {MAX_FILE_BYTES // 2**20} MB. Was it saved by the page?")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise InputError("This is no decisions file: it is not JSON. Use the page's button Save decisions.") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("version") != 1:
        raise InputError("This is no decisions file of this version. Use the page's button Save decisions.")
    if content.get("run") != run.id:
        raise InputError(f"These decisions are about run {str(content.get('run'))[:80]!r}, not about {run.id!r}.")
    reviewer, entries = content.get("reviewer"), content.get("decisions")
    if (
        not isinstance(reviewer, str)
        or not 0 < len(reviewer.replace("\0", "").strip()) <= MAX_NAME_CHARS
        or not is_text(reviewer)
        or not isinstance(entries, list)
    ):
        raise InputError("The decisions file names no reviewer, or holds no list of decisions. Save it again.")
    if len(entries) > MAX_MARKS:
        raise InputError(f"A decisions file holds at most {MAX_MARKS:,} marks, this one has {len(entries):,}.")
    known = {f"image:{image_id}" for image_id in run.image_ids} | {
        f"finding:{finding_key(f)}" for f in run.reviewable_findings
    }
    marks = [_mark(entry, reviewer.replace("\0", "").strip()) for entry in entries]
    inside = [mark for mark in marks if mark.target in known]
    return inside, len(marks) - len(inside)


def import_decisions(run: Run, files: Iterable[bytes], *, names: Iterable[str] = ()) -> Imported:
    """Keep the marks of files beside the run's results, each once.

    All files are read before any mark is kept: one that is wrong changes nothing.

    Parameters
    ----------
    names : iterable of str, optional
        Names of the files, in their order: errors then say which one is wrong.

    Raises
    ------
    InputError
        See `read_decisions`.
    """
    from dataeval_ui.store.durable import write_json_durably
    from dataeval_ui.types import digest_of

    read = [_read_named(data, run, name) for data, name in zip(files, chain(names, repeat(None)), strict=False)]
    kept = {mark.id for mark in load_marks(run)}
    fresh = {mark.id: mark for marks, _ in read for mark in marks if mark.id not in kept}
    n_marks = sum(len(marks) for marks, _ in read)
    if fresh:
        records = sorted((asdict(mark) for mark in fresh.values()), key=lambda record: (record["at"], record["id"]))
        folder = _folder(run)
        folder.mkdir(mode=0o700, exist_ok=True)
        write_json_durably(folder / f"{digest_of(records)}.json", records)
    _into_catalog(run)
    return Imported(n_new=len(fresh), n_known=n_marks - len(fresh), n_outside=sum(n for _, n in read))


def _read_named(data: bytes, run: Run, name: str | None) -> tuple[list[Mark], int]:
    try:
        return read_decisions(data, run)
    except InputError as error:
        if name is None:
            raise
        raise InputError(f"{name[:80]}: {error} Nothing was taken in.") from None


def load_marks(run: Run) -> list[Mark]:
    """Return every imported mark of a run, oldest first, each once."""
    from dataeval_ui.store.durable import read_json

    folder = _folder(run)
    found: dict[str, Mark] = {}
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        for record in read_json(path):
            found.setdefault(record["id"], Mark(**record))
    return sorted(found.values(), key=lambda mark: (mark.at, mark.id))


def current_marks(marks: Sequence[Mark]) -> dict[str, dict[str, Mark]]:
    """Return what holds: reviewer to target to its last mark with a decision or a comment."""
    return {
        reviewer: {target: mark for target, mark in held.items() if mark.decision or mark.comment}
        for reviewer, held in _last_marks(marks).items()
    }


def _last_marks(marks: Sequence[Mark]) -> dict[str, dict[str, Mark]]:
    last: dict[str, dict[str, Mark]] = {}
    for mark in sorted(marks, key=lambda mark: (mark.at, mark.id)):
        last.setdefault(mark.reviewer, {})[mark.target] = mark
    return last


def agreement(held: Mapping[str, Mapping[str, Mark]]) -> list[Agreement]:
    """Compare every two reviewers, and all together where there are more."""
    found = []
    for one, other in combinations(sorted(held), 2):
        pairs = [
            (a, b)
            for target in held[one].keys() & held[other].keys()
            if (a := held[one][target].decision) and (b := held[other][target].decision)
        ]
        share = sum(a == b for a, b in pairs) / len(pairs) if pairs else None
        found.append(Agreement(reviewers=(one, other), n_both=len(pairs), share=share, kappa=cohens_kappa(pairs)))
    if len(held) > 2:
        ratings = _ratings(held)
        share = sum(len(set(of_one)) == 1 for of_one in ratings) / len(ratings) if ratings else None
        kappa = fleiss_kappa(ratings)
        found.append(Agreement(reviewers=tuple(sorted(held)), n_both=len(ratings), share=share, kappa=kappa))
    return found


def _ratings(held: Mapping[str, Mapping[str, Mark]]) -> list[list[str]]:
    """Return what everyone decided on each target that all decided."""
    common = set.intersection(*(set(marks) for marks in held.values()))
    every = [[held[name][target].decision for name in sorted(held)] for target in sorted(common)]
    return [[decision for decision in of_one if decision] for of_one in every if all(of_one)]


def conflicts(held: Mapping[str, Mapping[str, Mark]]) -> list[tuple[str, dict[str, Mark]]]:
    """List the targets on which reviewers decided differently, each with everyone's mark, by target."""
    by_target: dict[str, dict[str, Mark]] = {}
    for reviewer, marks in held.items():
        for target, mark in marks.items():
            if mark.decision:
                by_target.setdefault(target, {})[reviewer] = mark
    return [
        (target, marks)
        for target, marks in sorted(by_target.items())
        if len({(mark.decision, mark.label if mark.decision == "relabel" else "") for mark in marks.values()}) > 1
    ]


def _mark(entry: Any, reviewer: str) -> Mark:
    wrong = InputError("The decisions file is damaged: one of its marks cannot be read. Save it again.")
    if not isinstance(entry, dict):
        raise wrong
    mark_id, at, target = (entry.get(name) for name in ("id", "at", "target"))
    decision, label, comment = (entry.get(name) for name in ("decision", "label", "comment"))
    if not isinstance(mark_id, str) or not _ID.fullmatch(mark_id):
        raise wrong
    if not isinstance(target, str) or not _TARGET.fullmatch(target) or decision not in (None, *DECISIONS):
        raise wrong
    if not isinstance(label or "", str) or not isinstance(comment or "", str) or not isinstance(at, str):
        raise wrong
    undoes = entry.get("undoes")
    if undoes is not None and (not isinstance(undoes, str) or not _ID.fullmatch(undoes)):
        raise wrong
    if not is_text((label or "") + (comment or "")):
        raise wrong
    if len(label or "") > 255 or len(comment or "") > 10_000 or "\0" in (label or "") + (comment or ""):
        raise wrong
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise wrong from None
    if moment.tzinfo is None:
        raise wrong
    return Mark(
        id=mark_id,
        reviewer=reviewer,
        at=moment.astimezone(UTC).isoformat(),
        target=target,
        decision=decision,
        label=label or "",
        comment=comment or "",
        undoes=undoes,
    )


def _into_catalog(run: Run) -> None:
    """Tell the catalog what each reviewer's files say of findings now; what it knows already changes nothing.

    Only what holds is told: a mark that was written over in the file before it was sent is nobody's decision. Where the
    last mark says nothing any more, what an earlier file told is taken back.
    """
    from dataeval_ui.findings.keys import finding_key
    from dataeval_ui.services.review import images_concerned
    from dataeval_ui.store.catalog_decisions import DecisionRecord
    from dataeval_ui.types import digest_of

    findings = {f"finding:{finding_key(finding)}": finding for finding in run.reviewable_findings}
    if not findings:
        return
    told = _imported_before(run)
    records = []
    for reviewer, marks in _last_marks(load_marks(run)).items():
        for target, mark in marks.items():
            finding = findings.get(target)
            if finding is None:
                continue
            verdict = None if mark.decision == "relabel" and not mark.label else mark.decision
            held = DecisionRecord(
                id=mark.id,
                run_id=run.id,
                dataset_id=run.dataset.id,
                finding_kind=finding.kind,
                finding_key=finding_key(finding),
                image_ids=images_concerned(run, finding, verdict),  # type: ignore[arg-type]
                verdict=verdict,  # type: ignore[arg-type]
                label=mark.label if verdict == "relabel" else "",
                comment=mark.comment,
                reviewer=name_in_catalog(reviewer),
                at=datetime.fromisoformat(mark.at),
                source=SOURCE,
            )
            if verdict or mark.comment:
                records.append(held)
                continue
            for earlier in told.get((held.reviewer, held.finding_key), ()):
                again = digest_of([mark.id, earlier.id], n_chars=32)
                records.append(replace(held, id=again, image_ids=earlier.image_ids, retracts=earlier.id))
    if records:
        run.services.catalog.add_decisions(records)


def name_in_catalog(reviewer: str) -> str:
    """Name somebody who sent a file: whoever writes "owner" into it is not the owner, and takes nothing of theirs."""
    return f"{reviewer} (file)"


def _imported_before(run: Run) -> dict[tuple[str, str], list[DecisionRecord]]:
    """Decisions of this run's files that were not taken back, by reviewer and finding."""
    decisions = run.services.catalog.list_decisions(run.dataset.id, run_id=run.id)
    retracted = {decision.retracts for decision in decisions}
    found: dict[tuple[str, str], list[DecisionRecord]] = {}
    for decision in decisions:
        if decision.source == SOURCE and decision.retracts is None and decision.id not in retracted:
            found.setdefault((decision.reviewer, decision.finding_key), []).append(decision)
    return found


def _folder(run: Run) -> Path:
    return run.services.workspace.run_dir(run.id) / "decisions"
