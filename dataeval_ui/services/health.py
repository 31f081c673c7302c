"""A run's scorecard: every kind of finding as one card, and the findings behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from dataeval_ui.errors import InputError, ParameterError
from dataeval_ui.findings.metrics import is_conflict
from dataeval_ui.findings.words import counted, shown_name

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types import Finding

Level = Literal["high", "medium", "low", "ok", "neutral", "unknown"]
CardName = Literal[
    "leaks",
    "labels",
    "label_error",
    "unreadable",
    "duplicates",
    "annotations",
    "outliers",
    "quality",
    "coverage",
    "balance",
    "slices",
]
CardPage = Literal["duplicates", "outliers", "labels", "quality", "coverage", "slices"]

IMBALANCED = 10.0
"""Files of the largest class over those of the smallest from which the card of balance says so."""

MANY_LABEL_ERRORS = 0.05
"""Share of suspected labels from which their card is of high severity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One kind of finding.

    Attributes
    ----------
    name : str
    title : str
    value : str
        What was counted, in a few characters.
    level : {"high", "medium", "low", "ok", "neutral", "unknown"}
        "neutral" for a number that is neither good nor bad.
    sentence : str
    n_findings : int
        Findings that `findings_of` gives for it.
    page, params
        The page that has more about it, and what its address says beside the run; "" for none.
    """

    name: CardName
    title: str
    value: str
    level: Level
    sentence: str
    n_findings: int = 0
    page: CardPage | Literal[""] = ""
    params: Mapping[str, str] = field(default_factory=dict)


def level_of(severity: float) -> Level:
    """Return the word for a finding's severity, which is in [0, 1]."""
    return "high" if severity >= 0.7 else "medium" if severity >= 0.4 else "low"


def findings_of(run: Run, name: str | None) -> tuple[Finding, ...]:
    """Return the findings of a card, or of all for None, ranked by severity times files concerned."""
    return tuple(finding for finding in run.all_findings if name is None or _belongs(finding, name))


def rows_of(run: Run, finding: Finding) -> list[int]:
    """Return the rows of a finding's images, in its order."""
    return [run.row_of[image_id] for image_id in finding.image_ids if image_id in run.row_of]


def list_cards(run: Run) -> Iterator[Card]:
    """Make a run's scorecard; suspected labels are computed when first asked for, and kept with the run."""
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
            page="duplicates",
            params={"show": "leaks"},
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
            page="duplicates",
            params={"show": "labels"},
        )
    else:
        told = "No labels: add folders named after classes, or a column of labels, and run again."
        yield Card(name="labels", title="Label conflicts", value="–", level="unknown", sentence=told)
    yield _label_error_card(run, bool(labels))

    broken = findings_of(run, "unreadable")
    told = "Files that are no usable image." if broken else "Every file was read."
    yield _counted_card("unreadable", "Unreadable files", len(broken), "medium", told, "quality")

    copies = findings_of(run, "duplicates")
    exact = sum(finding.kind == "exact_duplicates" for finding in copies)
    turned = sum(finding.kind == "turned_duplicates" for finding in copies)
    told = (
        f"{exact:,} exact, {len(copies) - exact - turned:,} near, {turned:,} mirrored or turned."
        if copies
        else "No two files show the same picture."
    )
    yield _counted_card("duplicates", "Duplicate groups", len(copies), "medium", told, "duplicates")

    if wrong := findings_of(run, "annotations"):
        told = "Images with objects that cannot be used or contradict each other."
        yield _counted_card("annotations", "Annotation errors", len(wrong), "low", told)

    odd = findings_of(run, "outliers")
    told = f"{len(odd) / max(run.n_images, 1):.1%} of all are unlike every other." if odd else "No image stands alone."
    yield _counted_card("outliers", "Outliers", len(odd), "low", told, "outliers")
    yield _quality_card(run)
    yield _coverage_card(run)

    counts = Counter(labels).most_common()
    if len(counts) > 1:
        (largest, most), (smallest, fewest) = counts[0], counts[-1]
        told = f"{shown_name(largest)} has {most:,}, {shown_name(smallest)} {fewest:,}."
        level: Level = "medium" if most / fewest >= IMBALANCED else "ok"
        yield Card(
            name="balance",
            title="Class balance",
            value=f"{most / fewest:.1f}×",
            level=level,
            sentence=told,
            page="labels",
            params={"show": "balance"},
        )
    else:
        told = "One class: there is nothing to balance." if counts else "No labels: balance cannot be told."
        yield Card(name="balance", title="Class balance", value="–", level="unknown", sentence=told)
    yield _slices_card(run)


def _counted_card(
    name: CardName, title: str, n: int, level: Level, sentence: str, page: CardPage | Literal[""] = ""
) -> Card:
    return Card(
        name=name,
        title=title,
        value=f"{n:,}",
        level=level if n else "ok",
        sentence=sentence,
        n_findings=n,
        page=page if n else "",
    )


def _label_error_card(run: Run, has_labels: bool) -> Card:
    from dataeval_ui.services.labels import label_errors

    title = "Suspected labels"
    try:
        judged = label_errors(run)
    except (InputError, ParameterError):
        told = "Too few images a class to tell." if has_labels else "No labels: nothing to check."
        return Card(name="label_error", title=title, value="–", level="unknown", sentence=told, page="labels")
    n, n_judged = int(judged.suspected.sum()), int((judged.scores == judged.scores).sum())
    told = f"{n / n_judged:.1%} of the labels look wrong." if n else "Every label fits its image."
    level: Level = "high" if n / n_judged >= MANY_LABEL_ERRORS else "medium"
    return _counted_card("label_error", title, n, level, told, "labels")


def _quality_card(run: Run) -> Card:
    poor = findings_of(run, "quality")
    n = len({image_id for finding in poor for image_id in finding.image_ids})
    worst = max(poor, key=lambda finding: len(finding.image_ids), default=None)
    told = "No image is blurry, dark, blank or odd." if worst is None else f"Most often {worst.sentence.lower()}"
    return Card(
        name="quality",
        title="Poor images",
        value=f"{n:,}",
        level="low" if n else "ok",
        sentence=told.partition(" with ")[0].rstrip(".") + ".",
        n_findings=len(poor),
        page="quality",
    )


def _coverage_card(run: Run) -> Card:
    from dataeval_ui.services.coverage import completeness

    if run.n_images < 2:
        told = "Coverage needs two images."
        return Card(name="coverage", title="Completeness", value="–", level="unknown", sentence=told)
    told = "How varied the images are; compare it between runs of one backbone."
    value = f"{completeness(run):.0%}"
    return Card(name="coverage", title="Completeness", value=value, level="neutral", sentence=told, page="coverage")


def _slices_card(run: Run) -> Card:
    from dataeval_ui.services.slices import find_run_slices

    sure = [of for of in find_run_slices(run) if of.is_sure]
    told = "Splits and faults are spread as chance would spread them."
    if sure:
        told = f"Groups in which something is unusual, surest {sure[0].name}."
    level: Level = "neutral" if sure else "ok"
    return Card(name="slices", title="Slices", value=f"{len(sure):,}", level=level, sentence=told, page="slices")


def _belongs(finding: Finding, name: str) -> bool:
    match name:
        case "leaks":
            return finding.kind == "leak"
        case "labels":
            return is_conflict(finding)
        case "duplicates":
            return finding.kind in ("exact_duplicates", "near_duplicates", "turned_duplicates")
        case "annotations":
            return finding.kind == "annotation"
        case "outliers":
            return finding.kind == "outlier"
    return finding.kind == name
