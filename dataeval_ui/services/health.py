"""A run's scorecard: every kind of finding as one card, and the findings behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dataeval_ui.findings.metrics import is_conflict
from dataeval_ui.findings.words import counted, shown_name

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types import Finding

Level = Literal["high", "medium", "low", "ok", "unknown"]
CardName = Literal["leaks", "labels", "unreadable", "duplicates", "annotations", "outliers", "balance"]

IMBALANCED = 10.0
"""Files of the largest class over those of the smallest from which the card of balance says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One kind of finding.

    Attributes
    ----------
    name : str
    title : str
    value : str
        What was counted, in a few characters.
    level : {"high", "medium", "low", "ok", "unknown"}
    sentence : str
    n_findings : int
        Findings that `findings_of` gives for it.
    """

    name: CardName
    title: str
    value: str
    level: Level
    sentence: str
    n_findings: int = 0


def level_of(severity: float) -> Level:
    """Return the word for a finding's severity, which is in [0, 1]."""
    return "high" if severity >= 0.7 else "medium" if severity >= 0.4 else "low"


def findings_of(run: Run, name: str | None) -> tuple[Finding, ...]:
    """Return the findings of a card, or of all for None, ranked by severity times files concerned."""
    return tuple(finding for finding in run.findings if name is None or _belongs(finding, name))


def rows_of(run: Run, finding: Finding) -> list[int]:
    """Return the rows of a finding's images, in its order."""
    return [run.row_of[image_id] for image_id in finding.image_ids if image_id in run.row_of]


def list_cards(run: Run) -> Iterator[Card]:
    """Make a run's scorecard from what the run has stored; nothing is computed from embeddings."""
    labels = [label for label in run.first_places["label"].to_pylist() if label is not None]
    has_splits = any(split is not None for split in run.first_places["split"].to_pylist())
    unit = "object" if run.is_of_objects else "image"

    leaks = findings_of(run, "leaks")
    leaked = len({image_id for finding in leaks for image_id in finding.image_ids})
    if has_splits:
        told = f"{counted(leaked, unit)} in more than one split." if leaked else "No image stands in two splits."
        yield Card(
            name="leaks",
            title="Leaks across splits",
            value=f"{leaked:,}",
            level="high" if leaked else "ok",
            sentence=told,
            n_findings=len(leaks),
        )
    else:
        told = "No splits: put images into folders named train and test, or name a column of splits."
        yield Card(name="leaks", title="Leaks across splits", value="–", level="unknown", sentence=told)

    conflicts = findings_of(run, "labels")
    if labels:
        told = "Copies of one image carry different labels." if conflicts else "Copies of an image agree on its label."
        yield Card(
            name="labels",
            title="Label conflicts",
            value=f"{len(conflicts):,}",
            level="high" if conflicts else "ok",
            sentence=told,
            n_findings=len(conflicts),
        )
    else:
        told = "No labels: add folders named after classes, or a column of labels, and run again."
        yield Card(name="labels", title="Label conflicts", value="–", level="unknown", sentence=told)

    broken = findings_of(run, "unreadable")
    told = "Files that are no usable image." if broken else "Every file was read."
    yield _counted_card("unreadable", "Unreadable files", len(broken), "medium", told)

    copies = findings_of(run, "duplicates")
    exact = sum(finding.kind == "exact_duplicates" for finding in copies)
    told = f"{exact:,} exact, {len(copies) - exact:,} near." if copies else "No two files show the same picture."
    yield _counted_card("duplicates", "Duplicate groups", len(copies), "medium", told)

    if wrong := findings_of(run, "annotations"):
        told = "Images with objects that cannot be used."
        yield _counted_card("annotations", "Annotation errors", len(wrong), "low", told)

    odd = findings_of(run, "outliers")
    told = f"{len(odd) / max(run.n_images, 1):.1%} of all are unlike every other." if odd else "No image stands alone."
    yield _counted_card("outliers", "Outliers", len(odd), "low", told)

    counts = Counter(labels).most_common()
    if len(counts) > 1:
        (largest, most), (smallest, fewest) = counts[0], counts[-1]
        told = f"{shown_name(largest)} has {most:,}, {shown_name(smallest)} {fewest:,}."
        level: Level = "medium" if most / fewest >= IMBALANCED else "ok"
        yield Card(name="balance", title="Class balance", value=f"{most / fewest:.1f}×", level=level, sentence=told)
    else:
        told = "One class: there is nothing to balance." if counts else "No labels: balance cannot be told."
        yield Card(name="balance", title="Class balance", value="–", level="unknown", sentence=told)


def _counted_card(name: CardName, title: str, n: int, level: Level, sentence: str) -> Card:
    return Card(name=name, title=title, value=f"{n:,}", level=level if n else "ok", sentence=sentence, n_findings=n)


def _belongs(finding: Finding, name: str) -> bool:
    match name:
        case "leaks":
            return finding.kind == "leak"
        case "labels":
            return is_conflict(finding)
        case "duplicates":
            return finding.kind in ("exact_duplicates", "near_duplicates")
        case "annotations":
            return finding.kind == "annotation"
        case "outliers":
            return finding.kind == "outlier"
    return finding.kind == name
