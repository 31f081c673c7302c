"""What a run stored as findings, and what is found in its labels and its statistics when first asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dataeval_ui.errors import InputError, ParameterError, StorageError
from dataeval_ui.findings.find import places_by_image, ranked
from dataeval_ui.findings.labels import label_error_findings, quality_findings
from dataeval_ui.findings.turned import turned_findings

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types import Finding

logger = logging.getLogger(__name__)


def reviewable_findings(run: Run) -> tuple[Finding, ...]:
    """Return the stored findings, turned copies and suspected labels, ranked; ask `run.reviewable_findings`."""
    return tuple(ranked([*run.findings, *_turned(run), *_suspected_labels(run)]))


def all_findings(run: Run) -> tuple[Finding, ...]:
    """Return the same with image quality, one finding a check; ask `run.all_findings`, which keeps them."""
    from dataeval_ui.services.quality import quality

    poor = quality_findings(quality(run), run.image_ids, _paths(run))
    return tuple(ranked([*run.reviewable_findings, *poor]))


def _turned(run: Run) -> list[Finding]:
    try:
        turned = run.turned
    except StorageError as error:  # thumbnails were lost: the page Duplicates says so
        logger.warning("Turned copies of run %s cannot be looked for: %s", run.id, error)
        return []
    return list(turned_findings(turned, run.image_ids, places_by_image(run.manifest)))


def _suspected_labels(run: Run) -> list[Finding]:
    from dataeval_ui.services.labels import classes_of, label_errors

    try:
        classes = classes_of(run)
        errors = label_errors(run)
    except (InputError, ParameterError):  # no labels, or too few: the page Labels says so
        return []
    return list(label_error_findings(errors, classes.names, classes.codes, run.image_ids, _paths(run)))


def _paths(run: Run) -> list[list[str]]:
    paths: dict[str, list[str]] = {image_id: [] for image_id in run.image_ids}
    columns = (run.manifest[name].to_pylist() for name in ("image_id", "path", "status"))
    for image_id, path, status in zip(*columns, strict=True):
        if status == "ok":
            paths[image_id].append(path)
    return list(paths.values())
