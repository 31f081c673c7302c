"""The findings that a run stored, with contradicting annotations found later where it stored none."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from dataeval_ui.errors import StorageError
from dataeval_ui.types import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dataeval_ui.services.run import Run

ANNOTATIONS = "annotations-v1"
"""Findings of annotations as this version makes them: runs of earlier ones stored fewer kinds of fault, or none."""

logger = logging.getLogger(__name__)


def stored_findings(run: Run) -> tuple[Finding, ...]:
    """Return what a run stored, ranked; ask `run.findings`, which keeps them.

    Of a run that an earlier version analysed, annotations are looked at when this is first asked; that is kept with the
    run.
    """
    from dataeval_ui.findings.find import ranked
    from dataeval_ui.store.results import load_json

    stored = _read(load_json(run.services.workspace, run.id, "findings"))
    if run.objects is None or not run.objects.num_rows:
        return stored
    others = [finding for finding in stored if finding.kind != "annotation"]
    return tuple(ranked([*others, *_of_annotations(run)]))


def _of_annotations(run: Run) -> tuple[Finding, ...]:
    from dataeval_ui.findings.find import annotation_findings
    from dataeval_ui.store.results import load_json, save_json

    if (run.services.workspace.run_dir(run.id) / f"{ANNOTATIONS}.json").is_file():
        try:
            kept = _read(load_json(run.services.workspace, run.id, ANNOTATIONS))
            if all(finding.kind == "annotation" and set(finding.image_ids) <= set(run.row_of) for finding in kept):
                return kept
        except (StorageError, TypeError, KeyError, AttributeError) as error:
            logger.warning("The annotations of run %s are looked at again: %s", run.id, error)
    found = tuple(annotation_findings(run.manifest, run.objects))
    save_json(run.services.workspace, run.id, ANNOTATIONS, [finding.to_json() for finding in found])
    return found


def _read(stored: Iterable[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(
        Finding(**{**entry, "image_ids": tuple(entry["image_ids"]), "paths": tuple(entry["paths"])}) for entry in stored
    )
