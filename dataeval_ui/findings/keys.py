"""Names of findings that stay the same from run to run, so that decisions outlive a new analysis."""

from __future__ import annotations

from dataeval_ui.types import Finding, digest_of


def finding_key(finding: Finding) -> str:
    """Return 24 hexadecimal digits made of the kind and the contents concerned, in any order.

    Image ids are hashes of contents, so renamed files, another backbone or other parameters change nothing. A finding
    without a readable image is named by its paths, one about annotations by both.
    """
    by_path = sorted(finding.paths) if finding.kind == "annotation" or not finding.image_ids else []
    return digest_of([finding.kind, sorted(set(finding.image_ids)), by_path], n_chars=24)
