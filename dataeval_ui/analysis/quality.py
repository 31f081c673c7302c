"""Blurred, dark, bright, flat, blank, oddly sized: what the statistics of an image tell of its quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.robust import fences
from dataeval_ui.errors import ParameterError
from dataeval_ui.types.quality import QualityCheck, QualityIssue

if TYPE_CHECKING:
    from dataeval_ui.types.base import Bool, Float32, Int64
    from dataeval_ui.types.quality import QualitySide, ThresholdMethod

CHECKS: tuple[QualityCheck, ...] = (
    QualityCheck(
        name="blank",
        title="Blank",
        doc="Hardly any two pixels differ.",
        metric="contrast",
        side="low",
        always=0.006,
        never=0.006,
    ),
    QualityCheck(
        name="blurry",
        title="Blurred",
        doc="No edge is sharp: the variance of the Laplacian at 256 pixels is small.",
        metric="sharpness",
        side="low",
        always=4.0,
        never=120.0,
        is_log=True,
    ),
    QualityCheck(
        name="dark",
        title="Dark",
        doc="The mean grey value is close to black.",
        metric="brightness",
        side="low",
        always=0.04,
        never=0.3,
    ),
    QualityCheck(
        name="bright",
        title="Bright",
        doc="The mean grey value is close to white.",
        metric="brightness",
        side="high",
        always=0.995,
        never=0.9,
    ),
    QualityCheck(
        name="low_contrast",
        title="Low contrast",
        doc="The grey values lie close together.",
        metric="contrast",
        side="low",
        always=0.02,
        never=0.1,
    ),
    QualityCheck(
        name="low_information",
        title="Low information",
        doc="The histogram of grey values has little entropy: the image shows almost nothing.",
        metric="entropy_bits",
        side="low",
        always=0.25,
        never=2.0,
    ),
    QualityCheck(
        name="small_size",
        title="Small",
        doc="Far fewer pixels than the others have, or than a network needs.",
        metric="side_px",
        side="low",
        always=32.0,
        never=512.0,
        is_log=True,
    ),
    QualityCheck(
        name="large_size",
        title="Large",
        doc="Far more pixels than the others have.",
        metric="side_px",
        side="high",
        always=20_000.0,
        never=1_024.0,
        is_log=True,
    ),
    QualityCheck(
        name="odd_aspect",
        title="Odd aspect",
        doc="Far longer or flatter than the others; a network squeezes it or cuts it off.",
        metric="relative_aspect",
        side="high",
        always=5.0,
        never=1.8,
        is_log=True,
    ),
    QualityCheck(
        name="wrong_channels",
        title="Odd channels",
        doc="Grey among colour, colour among grey, or transparent among opaque images: 19 of 20 are otherwise.",
        metric="odd_channels",
        side="high",
        always=0.95,
        never=0.95,
    ),
)
"""Every check, in the order that pages show."""

MIN_CLASS = 30
"""Classes of fewer images have no threshold of their own."""


def check_quality(
    metrics: Mapping[str, Float32],
    *,
    labels: Sequence[str | None] | None = None,
    thresholds: Mapping[str, float] | None = None,
    method: ThresholdMethod = "adjusted_boxplot",
) -> tuple[QualityIssue, ...]:
    """Check all images in every way.

    Parameters
    ----------
    metrics : mapping of str to ndarray of shape (n_images,), float32
        Every metric that `CHECKS` name; see `derived_metrics`.
    labels : sequence of str or None, of length n_images, optional
        For the thresholds of each class.
    thresholds : mapping of str to float, optional
        By the name of a check: takes the place of the suggested threshold.
    method : {"adjusted_boxplot", "modified_z"}
        See `dataeval_ui.analysis.robust.fences`.

    Returns
    -------
    tuple of QualityIssue

    Raises
    ------
    ParameterError
        A threshold for a check that does not exist, or one that is not finite.
    """
    thresholds = thresholds or {}
    known = {check.name for check in CHECKS}
    for name, value in thresholds.items():
        if name not in known or not np.isfinite(value):
            raise ParameterError(f"{name!r} = {value} is no threshold of a quality check; known: {sorted(known)}.")
    groups = _classes(labels)
    return tuple(_issue(check, metrics[check.metric], thresholds.get(check.name), groups, method) for check in CHECKS)


def derived_metrics(
    *, width_px: Float32, height_px: Float32, saturation: Float32, alpha_fraction: Float32
) -> dict[str, Float32]:
    """Compute the metrics that are not stored with an image: "side_px", "relative_aspect" and "odd_channels"."""
    with np.errstate(divide="ignore", invalid="ignore"):
        side = np.sqrt(width_px.astype(np.float64) * height_px)
        log_aspect = np.log(width_px.astype(np.float64) / height_px)
    relative = np.exp(np.abs(log_aspect - np.nanmedian(log_aspect))) if side.size else side
    odd = np.zeros(side.size)
    for is_so in (saturation > 0.02, alpha_fraction > 0):
        share = float(is_so.mean()) if side.size else 0.0
        odd = np.maximum(odd, np.where(is_so, 1 - share, share))
    return {
        "side_px": side.astype(np.float32),
        "relative_aspect": relative.astype(np.float32),
        "odd_channels": odd.astype(np.float32),
    }


def suggest_threshold(values: Float32, check: QualityCheck, method: ThresholdMethod = "adjusted_boxplot") -> float:
    """Return where the ordinary values end, held between `check.always` and `check.never`."""
    measured = np.log(np.maximum(values, 1e-6)) if check.is_log else values
    low, high = fences(measured, method=method)
    fence = low if check.side == "low" else high
    if check.is_log:
        fence = float(np.exp(min(fence, 700.0)))
    least, most = sorted((check.always, check.never))
    return min(max(fence, least), most)


def rows_beyond(values: Float32, threshold: float, side: QualitySide) -> Int64:
    """Return the rows whose value lies beyond a threshold, worst first (ties: lower row first); NaN never does."""
    signed = values if side == "low" else -values
    limit = np.float32(threshold if side == "low" else -threshold)
    found = np.flatnonzero(signed < limit)
    rows: Int64 = found[np.argsort(signed[found], kind="stable")].astype(np.int64)
    return rows


def _issue(
    check: QualityCheck,
    values: Float32,
    threshold: float | None,
    groups: Mapping[str, Int64],
    method: ThresholdMethod,
) -> QualityIssue:
    suggested = suggest_threshold(values, check, method)
    used = suggested if threshold is None else float(threshold)
    rows = rows_beyond(values, used, check.side)
    flags: Bool = np.zeros(values.shape[0], dtype=np.bool_)
    flags[rows] = True
    class_flags = np.zeros_like(flags)
    class_thresholds = {}
    for label, members in groups.items():
        limit = suggest_threshold(values[members], check, method)
        class_thresholds[label] = limit
        class_flags[members[rows_beyond(values[members], limit, check.side)]] = True
    return QualityIssue(
        check=check,
        values=values,
        threshold=used,
        suggested_threshold=suggested,
        flags=flags,
        rows=rows,
        class_thresholds=class_thresholds,
        class_flags=class_flags,
    )


def _classes(labels: Sequence[str | None] | None) -> dict[str, Int64]:
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels or ()):
        if label is not None:
            rows.setdefault(label, []).append(row)
    return {label: np.array(of, dtype=np.int64) for label, of in rows.items() if len(of) >= MIN_CLASS}
