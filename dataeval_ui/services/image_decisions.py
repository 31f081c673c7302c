"""Decisions about images that somebody chose, such as a selection on the map: one each, beside those about findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from dataeval_ui.errors import AccessDeniedError, ParameterError
from dataeval_ui.findings.keys import finding_key
from dataeval_ui.store.catalog_base import new_id, now_utc
from dataeval_ui.store.catalog_decisions import DecisionRecord, Verdict
from dataeval_ui.types import Finding

if TYPE_CHECKING:
    from dataeval_ui.services.access import Viewer
    from dataeval_ui.services.held_decisions import Held
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int64

KIND: Final = "image"
MAX_AT_ONCE = 20_000


def image_key(image_id: str) -> str:
    """Return the key of the decisions about one image; the same in every run that has it."""
    return finding_key(_finding(image_id, ()))


def decide_images(
    run: Run, rows: Sequence[int] | Int64, verdict: Verdict, *, viewer: Viewer, label: str = "", comment: str = ""
) -> int:
    """Append the same decision for each of some images, all or none; `review.undo` takes all of them back at once.

    A later decision of the same reviewer about one of the images holds in place of this one.

    Returns
    -------
    int
        How many.

    Raises
    ------
    AccessDeniedError
        The viewer may not decide.
    ParameterError
        No image, more than 20,000, or a label or comment outside its range.
    """
    from dataeval_ui.services.access import may

    permission = may(viewer, "decide", run.id)
    if not permission.allowed:
        raise AccessDeniedError(permission.reason)
    if not 0 < len(rows) <= MAX_AT_ONCE:
        raise ParameterError(f"Decide for 1 to {MAX_AT_ONCE:,} images at once, got {len(rows):,}; select fewer.")
    at = now_utc()
    decisions = [
        DecisionRecord(
            id=new_id(),
            run_id=run.id,
            dataset_id=run.dataset.id,
            finding_kind=KIND,
            finding_key=image_key(run.image_ids[row]),
            image_ids=(run.image_ids[row],),
            verdict=verdict,
            label=label.strip() if verdict == "relabel" else "",
            comment=comment.strip(),
            reviewer=viewer.name,
            at=at,
            source="local" if viewer.is_owner else viewer.name,
        )
        for row in rows
    ]
    return run.services.catalog.add_decisions(decisions)


def decided_images(run: Run, held: Held) -> dict[str, Finding]:
    """Return, by key, the images of a run that were decided on for themselves, in the run's order.

    Parameters
    ----------
    held : mapping
        What `held_decisions` returns.
    """
    decided: dict[int, str] = {}
    for key, of_reviewers in held.items():
        first = next(iter(of_reviewers.values()))
        if first.finding_kind == KIND and len(first.image_ids) == 1 and first.image_ids[0] in run.row_of:
            decided[run.row_of[first.image_ids[0]]] = key
    return {
        decided[row]: _finding(run.image_ids[row], tuple(place.path for place in run.places(row)))
        for row in sorted(decided)
    }


def verdicts_of(run: Run, rows: Sequence[int] | Int64, held: Held) -> dict[str, int]:
    """Count what holds of some images, in words: "remove", "relabel as cat", "reviewers differ"; the undecided not."""
    counts: dict[str, int] = {}
    for row in rows:
        told = {
            f"{d.verdict} as {d.label}" if d.verdict == "relabel" else str(d.verdict)
            for d in held.get(image_key(run.image_ids[row]), {}).values()
            if d.verdict is not None
        }
        if told:
            name = told.pop() if len(told) == 1 else "reviewers differ"
            counts[name] = counts.get(name, 0) + 1
    return counts


def _finding(image_id: str, paths: tuple[str, ...]) -> Finding:
    return Finding(
        kind=KIND,
        severity=0.0,
        sentence="Chosen by hand, beside what was found.",
        advice="Decide again to change it, or undo.",
        image_ids=(image_id,),
        paths=paths,
    )
