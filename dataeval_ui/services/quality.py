"""Image quality of a run, from the statistics that were measured when its images were decoded.

`quality(run)` is cheap (a sort a metric) and is kept by the page's cache, not on the disk. A page that lets a threshold
be dragged takes `quality_at(issue.values, threshold, issue.check.side)`, and keeps what the user chose as
`quality(run, thresholds={"blurry": 35.0})`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dataeval_ui.types.quality import QualityReport, UnreadableFile

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Float32, Int64
    from dataeval_ui.types.quality import QualitySide, ThresholdMethod


def quality(
    run: Run, *, thresholds: Mapping[str, float] | None = None, method: ThresholdMethod = "adjusted_boxplot"
) -> QualityReport:
    """Check the quality of a run's images.

    Parameters
    ----------
    run : Run
    thresholds : mapping of str to float, optional
        By the name of a check, in the unit of its metric: used instead of what the dataset suggests.
    method : {"adjusted_boxplot", "modified_z"}

    Raises
    ------
    ParameterError
        A threshold of a check that does not exist.
    StorageError
        An image that the store lost.
    """
    from dataeval_ui.analysis.quality import check_quality

    issues = check_quality(
        quality_metrics(run), labels=run.first_places["label"].to_pylist(), thresholds=thresholds, method=method
    )
    return QualityReport(issues=issues, unreadable=_unreadable(run), n_images=run.n_images)


def quality_at(values: Float32, threshold: float, side: QualitySide) -> Int64:
    """Return the rows beyond a threshold, worst first: what a dragged histogram shows."""
    from dataeval_ui.analysis.quality import rows_beyond

    return rows_beyond(values, threshold, side)


def quality_metrics(run: Run) -> dict[str, Float32]:
    """Return every metric of `CHECKS` and every stored statistic, by name, each of shape (n_images,)."""
    import numpy as np

    from dataeval_ui.analysis.quality import derived_metrics
    from dataeval_ui.data.statistics import STATISTICS
    from dataeval_ui.store.images import read_image_columns

    table = read_image_columns(run.services.workspace, run.image_ids, ["width_px", "height_px", "statistics"])
    stored = table["statistics"].combine_chunks()
    held = {field.name for field in stored.type}
    metrics: dict[str, Float32] = {}
    for name in (statistic.name for statistic in STATISTICS):
        metrics[name] = (
            stored.field(name).to_numpy(zero_copy_only=False).astype(np.float32)
            if name in held
            else np.full(run.n_images, np.nan, dtype=np.float32)  # of a workspace older than the statistic
        )
    metrics |= derived_metrics(
        width_px=table["width_px"].to_numpy().astype(np.float32),
        height_px=table["height_px"].to_numpy().astype(np.float32),
        saturation=metrics["saturation"],
        alpha_fraction=metrics["alpha_fraction"],
    )
    return metrics


def _unreadable(run: Run) -> tuple[UnreadableFile, ...]:
    columns = (run.manifest[name].to_pylist() for name in ("path", "status", "reason"))
    return tuple(
        UnreadableFile(path=path, reason=reason or "No reason was given.")
        for path, status, reason in zip(*columns, strict=True)
        if status != "ok"
    )
