"""What a gate may ask about a run, as numbers, and which findings stand behind each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dataeval_ui.types import DuplicatePairs, Finding, FindingKind, OutlierScores

if TYPE_CHECKING:
    import pyarrow as pa

    from dataeval_ui.types.turned import TurnedPairs

QUALITY: Mapping[str, str] = {
    "blank": "blank",
    "blurry": "blurry",
    "dark": "dark",
    "bright": "bright",
    "low_contrast": "of low contrast",
    "low_information": "of little information",
    "small_size": "small",
    "large_size": "large",
    "odd_aspect": "of odd aspect",
    "wrong_channels": "of other channels than most",
}
"""The checks of image quality by name, in words."""

METRICS: Mapping[str, str] = {
    "n_files": "files, readable or not (objects, in a run of objects)",
    "n_images": "distinct readable images",
    "n_classes": "distinct labels of readable files",
    "class_imbalance": "files of the largest class over files of the smallest; 1 with fewer than two classes",
    "unlabelled_fraction": "readable files without a label, over all readable files",
    "unreadable_files": "files that are no usable image",
    "unreadable_fraction": "the same, over all files",
    "exact_duplicate_groups": "images that stand in several files",
    "exact_duplicate_files": "files that hold an image which an earlier file holds: what could go",
    "label_conflicts": "images that stand in several files with different labels",
    "near_duplicate_pairs": "verified pairs of near duplicates",
    "near_duplicate_images": "images in at least one such pair",
    "near_duplicate_fraction": "the same, over all images",
    "turned_duplicate_pairs": "verified pairs of which one image is the other mirrored or turned",
    "turned_duplicate_images": "images in at least one such pair",
    "turned_duplicate_fraction": "the same, over all images",
    "leaked_images": "images in findings across splits: exact, near, mirrored or turned",
    "leaked_fraction": "the same, over all images",
    "outliers": "images whose score reaches the run's threshold",
    "outlier_fraction": "the same, over all images",
    "annotation_errors": "images with objects that cannot be used or contradict each other",
    "label_errors": "images whose label is suspected to be wrong; 0 where there are too few labels to tell",
    "label_error_fraction": "the same, over the images whose label can be judged",
    "quality_issues": "images that any check of image quality flags",
    "quality_issue_fraction": "the same, over all images",
    **{f"quality_{name}": f"images that are flagged as {shown}" for name, shown in QUALITY.items()},
}
"""Every metric by name, with what it counts. A fraction is in [0, 1], and 0 where there is nothing to divide by."""

_CONCERNS: Mapping[str, FindingKind] = {
    "unreadable_files": "unreadable",
    "unreadable_fraction": "unreadable",
    "exact_duplicate_groups": "exact_duplicates",
    "exact_duplicate_files": "exact_duplicates",
    "label_conflicts": "exact_duplicates",
    "near_duplicate_pairs": "near_duplicates",
    "near_duplicate_images": "near_duplicates",
    "near_duplicate_fraction": "near_duplicates",
    "turned_duplicate_pairs": "turned_duplicates",
    "turned_duplicate_images": "turned_duplicates",
    "turned_duplicate_fraction": "turned_duplicates",
    "leaked_images": "leak",
    "leaked_fraction": "leak",
    "outliers": "outlier",
    "outlier_fraction": "outlier",
    "annotation_errors": "annotation",
    "label_errors": "label_error",
    "label_error_fraction": "label_error",
    "quality_issues": "quality",
    "quality_issue_fraction": "quality",
    **{f"quality_{name}": "quality" for name in QUALITY},
}


def measure(
    manifest: pa.Table,
    n_images: int,
    findings: Sequence[Finding],
    *,
    duplicates: DuplicatePairs,
    outliers: OutlierScores,
    outlier_threshold: float,
    n_judged_labels: int = 0,
    turned: TurnedPairs | None = None,
) -> dict[str, float]:
    """Measure a run.

    Parameters
    ----------
    manifest : pyarrow.Table
        As in `Manifest.table`.
    n_images : int
        Rows of the run.
    findings : sequence of Finding
    duplicates : DuplicatePairs
    outliers : OutlierScores
    outlier_threshold : float
        Score from which an image is an outlier.
    n_judged_labels : int, default 0
        Images whose label could be judged.
    turned : TurnedPairs, optional
        Without, there are none.

    Returns
    -------
    dict of str to float
        A number for each name of `METRICS`, in its order.

    Notes
    -----
    Linear in files, findings and pairs.
    """
    import numpy as np

    statuses, labels = manifest["status"].to_pylist(), manifest["label"].to_pylist()
    readable = [label for label, status in zip(labels, statuses, strict=True) if status == "ok"]
    classes = Counter(label for label in readable if label is not None)
    n_files, n_unreadable = len(statuses), len(statuses) - len(readable)
    exact = [finding for finding in findings if finding.kind == "exact_duplicates"]
    leaked = {image_id for finding in findings if finding.kind == "leak" for image_id in finding.image_ids}
    n_near = int(np.union1d(duplicates.left, duplicates.right).size)
    n_turned = 0 if turned is None else int(np.union1d(turned.left, turned.right).size)
    n_suspected = sum(finding.kind == "label_error" for finding in findings)
    by_check = {f.evidence["check"]: len(f.image_ids) for f in findings if f.kind == "quality"}
    n_poor = len({image_id for finding in findings if finding.kind == "quality" for image_id in finding.image_ids})
    n_odd = int((outliers.scores >= outlier_threshold).sum())
    measured = {
        "n_files": n_files,
        "n_images": n_images,
        "n_classes": len(classes),
        "class_imbalance": max(classes.values()) / min(classes.values()) if len(classes) > 1 else 1,
        "unlabelled_fraction": _share(readable.count(None), len(readable)),
        "unreadable_files": n_unreadable,
        "unreadable_fraction": _share(n_unreadable, n_files),
        "exact_duplicate_groups": len(exact),
        "exact_duplicate_files": sum(len(finding.paths) - 1 for finding in exact),
        "label_conflicts": sum(is_conflict(finding) for finding in exact),
        "near_duplicate_pairs": duplicates.n_pairs,
        "near_duplicate_images": n_near,
        "near_duplicate_fraction": _share(n_near, n_images),
        "turned_duplicate_pairs": 0 if turned is None else turned.n_pairs,
        "turned_duplicate_images": n_turned,
        "turned_duplicate_fraction": _share(n_turned, n_images),
        "leaked_images": len(leaked),
        "leaked_fraction": _share(len(leaked), n_images),
        "outliers": n_odd,
        "outlier_fraction": _share(n_odd, n_images),
        "annotation_errors": sum(finding.kind == "annotation" for finding in findings),
        "label_errors": n_suspected,
        "label_error_fraction": _share(n_suspected, n_judged_labels),
        "quality_issues": n_poor,
        "quality_issue_fraction": _share(n_poor, n_images),
        **{f"quality_{name}": by_check.get(name, 0) for name in QUALITY},
    }
    return {name: float(measured[name]) for name in METRICS}


def is_conflict(finding: Finding) -> bool:
    """Whether files of the same image carry different labels."""
    return finding.kind == "exact_duplicates" and len(finding.evidence.get("labels", ())) > 1


def concerned(metric: str, findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that a metric counts, in their order; none for a metric of the whole set, as `n_images`."""
    kind = _CONCERNS.get(metric)
    found = [finding for finding in findings if finding.kind == kind]
    if metric == "label_conflicts":
        return [finding for finding in found if is_conflict(finding)]
    check = metric.removeprefix("quality_")
    return [finding for finding in found if finding.evidence.get("check") == check] if check in QUALITY else found


def _share(n: int, of: int) -> float:
    return n / of if of else 0.0
