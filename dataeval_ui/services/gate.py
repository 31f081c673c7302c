"""A run held to conditions, for a pipeline that must stop where one fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.errors import InputError, ParameterError
from dataeval_ui.findings.expression import holds
from dataeval_ui.findings.metrics import concerned, measure
from dataeval_ui.types.gate import GateCondition, GateReport

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run


def check_run(run: Run, conditions: Sequence[str], *, drift_history: Path | None = None) -> GateReport:
    """Hold a run to conditions, none of which may come true.

    Parameters
    ----------
    run : Run
    conditions : sequence of str
        See `dataeval_ui.findings.expression`; a run of no conditions passes.
    drift_history : Path, optional
        What `dataeval-ui drift --append` wrote: `drifted`, `drift_p_value` and `drift_auroc` of the last comparison of
        which this run was the test set become metrics.

    Raises
    ------
    InputError
        A condition that cannot be read, a metric that there is none of (`UnknownNameError`), or a history without
        this run.
    """
    metrics = measure(
        run.manifest,
        run.n_images,
        run.all_findings,
        duplicates=run.duplicates,
        outliers=run.outliers,
        outlier_threshold=run.record.params.outlier_threshold,
        n_judged_labels=_n_judged(run),
        turned=run.turned,
    )
    if drift_history is not None:
        from dataeval_ui.services.drift import last_of_history

        metrics = {**metrics, **last_of_history(drift_history, run.id)}
    checked = []
    for text in conditions:
        answer = holds(text, metrics)
        found = (
            [finding for name in answer.values for finding in concerned(name, run.all_findings)] if answer.holds else []
        )
        checked.append(
            GateCondition(
                condition=text,
                failed=answer.holds,
                metrics=dict(answer.values),
                sentences=tuple(dict.fromkeys(finding.sentence for finding in found)),
                paths=tuple(dict.fromkeys(path for finding in found for path in finding.paths)),
            )
        )
    return GateReport(run=run.id, dataset=run.dataset.name, metrics=metrics, conditions=tuple(checked))


def _n_judged(run: Run) -> int:
    from dataeval_ui.services.labels import label_errors

    try:
        scores = label_errors(run).scores
    except (InputError, ParameterError):  # no labels, or too few
        return 0
    return int((scores == scores).sum())
