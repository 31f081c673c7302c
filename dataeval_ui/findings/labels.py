"""Suspected label errors and poor images as findings, made from analyses that are computed when first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dataeval_ui.findings.words import counted, shown_name
from dataeval_ui.types import Finding
from dataeval_ui.types.labels import LabelErrors
from dataeval_ui.types.quality import QualityReport

if TYPE_CHECKING:
    from dataeval_ui.types.base import Int32

LABEL_ERROR_SEVERITY = 0.65
"""Times the score, which is seldom below 0.5: below files that contradict each other, above copies within a split."""

QUALITY_SEVERITY = 0.2


def label_error_findings(
    errors: LabelErrors,
    names: Sequence[str],
    given: Int32,
    image_ids: Sequence[str],
    paths: Sequence[Sequence[str]],
) -> Iterator[Finding]:
    """Make a finding for each suspected label, the most suspect first.

    Parameters
    ----------
    errors : LabelErrors
    names : sequence of str
        The classes; codes index it.
    given : ndarray of shape (n_images,), int32
        Code of each image's label.
    image_ids : sequence of str, of length n_images
    paths : sequence of sequence of str, of length n_images
        The files of each image.
    """
    for row in errors.rows.tolist():
        label, suggested = names[int(given[row])], names[int(errors.suggested[row])]
        score, confidence = float(errors.scores[row]), float(errors.confidence[row])
        yield Finding(
            kind="label_error",
            severity=round(LABEL_ERROR_SEVERITY * score, 4),
            sentence=(
                f"{shown_name(paths[row][0])} is labelled {shown_name(label)}, but looks like {shown_name(suggested)} "
                f"({confidence:.0%} sure)."
            ),
            advice="Compare it with images of both labels; relabel it, or keep it where the label is right.",
            image_ids=(image_ids[row],),
            paths=tuple(paths[row]),
            evidence={
                "given": label,
                "suggested": suggested,
                "confidence": round(confidence, 4),
                "given_probability": round(float(errors.given_probability[row]), 4),
                "score": round(score, 4),
            },
        )


def quality_findings(
    report: QualityReport, image_ids: Sequence[str], paths: Sequence[Sequence[str]]
) -> Iterator[Finding]:
    """Make a finding for each check of quality that flags images, the worst image first."""
    for issue in report.issues:
        rows = issue.rows.tolist()
        if not rows:
            continue
        side = "below" if issue.check.side == "low" else "above"
        yield Finding(
            kind="quality",
            severity=QUALITY_SEVERITY,
            sentence=(
                f"{issue.check.title}: {counted(len(rows), 'image')} with {issue.check.metric.replace('_', ' ')} "
                f"{side} the threshold."
            ),
            advice="Look at them, and move the threshold on the page Quality where it does not suit the dataset.",
            image_ids=tuple(image_ids[row] for row in rows),
            paths=tuple(path for row in rows for path in paths[row]),
            evidence={"check": issue.check.name, "threshold": round(float(issue.threshold), 6)},
        )
