"""What was found, as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dataeval_ui.types import AnalysisParams, DuplicatePairs, Finding, OutlierScores


def count_findings(
    findings: Sequence[Finding], *, duplicates: DuplicatePairs, outliers: OutlierScores, params: AnalysisParams
) -> dict[str, int]:
    """Count what was found.

    Returns
    -------
    dict of str to int
        `n_exact_duplicate_groups`: contents that stand in several places; `n_near_duplicate_pairs`, and
        `n_near_duplicate_groups` with the pairs that belong to no larger one; `n_outliers`: images whose score reaches
        the threshold; `n_leaks`: findings across splits, and `n_leaked_images`: distinct images in them; `n_findings`.
    """
    kinds = Counter(finding.kind for finding in findings)
    leaked = {image_id for finding in findings if finding.kind == "leak" for image_id in finding.image_ids}
    return {
        "n_exact_duplicate_groups": kinds["exact_duplicates"],
        "n_near_duplicate_pairs": duplicates.n_pairs,
        "n_near_duplicate_groups": kinds["near_duplicates"],
        "n_outliers": int((outliers.scores >= params.outlier_threshold).sum()),
        "n_leaks": kinds["leak"],
        "n_leaked_images": len(leaked),
        "n_findings": len(findings),
    }
