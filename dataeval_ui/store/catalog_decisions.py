"""Reviewers' decisions and the log of who did what, in the catalog. Rows are appended, never changed or removed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from dataeval_ui.errors import ParameterError
from dataeval_ui.store.catalog_base import CatalogBase, now_utc

Verdict = Literal["keep", "remove", "relabel", "unsure"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
MAX_COMMENT_CHARS = 10_000
_LOCK = 0x0DEC1DED
"""PostgreSQL's advisory lock of whoever appends decisions."""
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """One decision of one reviewer about one finding, or the retraction of an earlier one.

    Attributes
    ----------
    id : str
        Chosen by whoever sends it, 8 to 64 letters, digits, `_` or `-`: sent again, it counts once.
    run_id, dataset_id : str
        The run that was looked at, and its dataset.
    finding_kind, finding_key : str
        What it is about. The key is made of the images' contents: see `dataeval_ui.findings.keys.finding_key`.
    image_ids : tuple of str
        The images that the verdict is about; empty where it is about all of the finding.
    verdict : {"keep", "remove", "relabel", "unsure"} or None
        None where only a comment is left, and in a retraction.
    label : str
        The right label, with "relabel"; else empty.
    comment : str
        At most 10,000 characters.
    reviewer : str
        Name, at most 255 characters.
    at : datetime
        UTC, when it was made.
    source : str
        "local", "link <id>", "import", or an e-mail address.
    retracts : str or None
        Id of the same reviewer's decision that this takes back.
    """

    id: str
    run_id: str
    dataset_id: str
    finding_kind: str
    finding_key: str
    image_ids: tuple[str, ...] = ()
    verdict: Verdict | None
    label: str = ""
    comment: str = ""
    reviewer: str
    at: datetime
    source: str
    retracts: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """Who did what, when, and by which link."""

    at: datetime
    who: str
    source: str
    action: str
    run_id: str | None
    what: str


class CatalogDecisions(CatalogBase):
    """The decisions and the audit log of a catalog."""

    def add_decisions(self, decisions: Sequence[DecisionRecord]) -> int:
        """Append decisions, all or none; those whose ids are kept already change nothing.

        When this returns, they are on the disk.

        Returns
        -------
        int
            How many are new.

        Raises
        ------
        ParameterError
            A field outside its range, or an id that another decision has.
        """
        import sqlalchemy as sa

        for decision in decisions:
            _check(decision)
        for _ in range(20):
            known = self._decisions_named([decision.id for decision in decisions])
            fresh: dict[str, DecisionRecord] = {}
            for decision in decisions:
                same = known.get(decision.id) or fresh.get(decision.id)
                if same is None:
                    fresh[decision.id] = decision
                elif _content(same) != _content(decision):
                    raise ParameterError(
                        f"There is another decision {decision.id!r} already. Give it an id of its own."
                    )
            try:
                self._append(list(fresh.values()))
            except sa.exc.IntegrityError:  # a retry of the same client was quicker: look again
                continue
            return len(fresh)
        raise ParameterError("These decisions are being written by somebody else. Send them again.")

    def _append(self, fresh: list[DecisionRecord]) -> None:
        import sqlalchemy as sa

        from dataeval_ui.store.catalog_tables import AUDIT, DECISIONS

        if not fresh:
            return
        now = now_utc()
        logged = [
            {
                "at": now,
                "who": d.reviewer,
                "source": d.source,
                "action": "undo" if d.retracts else "decide" if d.verdict else "comment",
                "run_id": d.run_id,
                "what": f"{d.finding_kind} {d.finding_key}: {d.retracts or d.verdict or 'comment'} ({d.id})",
            }
            for d in fresh
        ]
        with self._transaction() as connection:
            if connection.dialect.name == "postgresql":
                # it gives out numbers before it commits: one writer at a time, or whoever has seen number 8 would
                # never learn of a 7 that came later
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            connection.execute(DECISIONS.insert(), [{**asdict(d), "image_ids": list(d.image_ids)} for d in fresh])
            connection.execute(AUDIT.insert(), logged)

    def _decisions_named(self, ids: Sequence[str]) -> dict[str, DecisionRecord]:
        from dataeval_ui.store.catalog_tables import DECISIONS

        found: dict[str, DecisionRecord] = {}
        for start in range(0, len(ids), 500):  # SQLite takes so many variables, and no more
            query = DECISIONS.select().where(DECISIONS.c.id.in_(ids[start : start + 500]))
            found |= {row["id"]: _decision(row) for row in self._rows(query)}
        return found

    def list_decisions(self, dataset_id: str, *, run_id: str | None = None, after: int = 0) -> list[DecisionRecord]:
        """List the decisions about a dataset in the order in which they came; of one of its runs, or of all.

        Parameters
        ----------
        after : int, default 0
            Those alone that came after what `last_decision` returned.
        """
        from dataeval_ui.store.catalog_tables import DECISIONS

        query = DECISIONS.select().where(DECISIONS.c.dataset_id == dataset_id).order_by(DECISIONS.c.seq)
        if run_id is not None:
            query = query.where(DECISIONS.c.run_id == run_id)
        if after:
            query = query.where(DECISIONS.c.seq > after)
        return [_decision(row) for row in self._rows(query)]

    def last_decision(self, dataset_id: str) -> int:
        """Return a number that grows with every decision about a dataset; 0 before the first. One small query."""
        import sqlalchemy as sa

        from dataeval_ui.store.catalog_tables import DECISIONS

        query = sa.select(sa.func.max(DECISIONS.c.seq).label("last")).where(DECISIONS.c.dataset_id == dataset_id)
        return int(self._rows(query)[0]["last"] or 0)

    def log_action(self, *, who: str, source: str, action: str, run_id: str | None = None, what: str = "") -> None:
        """Append a line to the audit log."""
        from dataeval_ui.store.catalog_tables import AUDIT

        values = {"at": now_utc(), "who": who[:255], "source": source[:255], "action": action[:64]}
        self._insert(AUDIT, {**values, "run_id": run_id, "what": what[:2000]})

    def list_audit(self, *, run_id: str | None = None, limit: int = 1000) -> list[AuditRecord]:
        """List the audit log, newest first."""
        from dataeval_ui.store.catalog_tables import AUDIT

        query = AUDIT.select().order_by(AUDIT.c.seq.desc()).limit(limit)
        if run_id is not None:
            query = query.where(AUDIT.c.run_id == run_id)
        return [AuditRecord(**{k: v for k, v in row.items() if k != "seq"}) for row in self._rows(query)]


def current_decisions(decisions: Iterable[DecisionRecord]) -> dict[str, dict[str, DecisionRecord]]:
    """Derive what holds now: finding key to reviewer to the last decision that was not taken back.

    Parameters
    ----------
    decisions : iterable of DecisionRecord
        In the order in which they came. A retraction takes back a decision of the same reviewer alone.
    """
    kept = list(decisions)
    by_whom = {decision.id: decision.reviewer for decision in kept}
    retracted = {d.retracts for d in kept if d.retracts is not None and by_whom.get(d.retracts) == d.reviewer}
    current: dict[str, dict[str, DecisionRecord]] = {}
    for decision in kept:
        if decision.retracts is None and decision.id not in retracted:
            current.setdefault(decision.finding_key, {})[decision.reviewer] = decision
    return current


def is_text(text: str) -> bool:
    """Say whether a text can be written as UTF-8: JSON can tell of halves of characters (lone surrogates)."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _content(decision: DecisionRecord) -> tuple[object, ...]:
    """Everything but the moment: a client that sends again may look at its clock again."""
    return tuple(getattr(decision, name) for name in DecisionRecord.__slots__ if name != "at")


def _check(decision: DecisionRecord) -> None:
    if not _ID.fullmatch(decision.id):
        raise ParameterError("The id of a decision has 8 to 64 letters, digits, '_' or '-'.")
    if decision.verdict is not None and decision.verdict not in VERDICTS:
        raise ParameterError(f"A verdict is one of {', '.join(VERDICTS)}, got {str(decision.verdict)[:40]!r}.")
    if decision.verdict == "relabel" and not 0 < len(decision.label) <= 255:
        raise ParameterError("To relabel, give the right label, 1 to 255 characters.")
    if len(decision.comment) > MAX_COMMENT_CHARS:
        raise ParameterError(f"A comment has at most {MAX_COMMENT_CHARS:,} characters, got {len(decision.comment):,}.")
    if not 0 < len(decision.reviewer.strip()) <= 255:
        raise ParameterError("A reviewer is named by 1 to 255 characters.")
    if decision.verdict is None and decision.retracts is None and not decision.comment:
        raise ParameterError("A decision needs a verdict or a comment.")
    if any("\x00" in text for text in (decision.label, decision.comment, decision.reviewer)):
        raise ParameterError("A decision's texts hold no NUL character.")
    if any(not is_text(text) for text in (decision.label, decision.comment, decision.reviewer)):
        raise ParameterError("A decision's texts are Unicode; one of them holds half a character.")


def _decision(row: dict[str, Any]) -> DecisionRecord:
    values = {name: row[name] for name in DecisionRecord.__slots__}
    return DecisionRecord(**{**values, "image_ids": tuple(row["image_ids"])})
