"""Findings of mirrored and turned copies, which a run looks for when it is first asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dataeval_ui.findings.find import SEVERITY, Place
from dataeval_ui.findings.words import counted, listed
from dataeval_ui.types import Finding
from dataeval_ui.types.turned import TurnedPairs, turn_words

if TYPE_CHECKING:
    from dataeval_ui.types.base import Int64


def turned_findings(
    turned: TurnedPairs, image_ids: Sequence[str], places: Mapping[str, Sequence[Place]]
) -> Iterator[Finding]:
    """Make a finding for each group of mirrored or turned copies, and a leak where it lies across splits.

    Parameters
    ----------
    turned : TurnedPairs
    image_ids : sequence of str, of length n_images
    places : mapping of str to sequence of Place
        As from `places_by_image`.
    """
    for pairs in grouped_pairs(turned):
        rows = rows_of_pairs(turned, pairs)
        ids = tuple(image_ids[row] for row in rows)
        copies = [place for image_id in ids for place in places.get(image_id, [])]
        paths = tuple(place.path for place in copies)
        first = tuple(places[image_id][0].path for image_id in ids if image_id in places)
        labels = list(dict.fromkeys(place.label for place in copies if place.label is not None))
        splits = list(dict.fromkeys(place.split for place in copies if place.split is not None))
        best = int(pairs[0])
        how = turn_words(int(turned.turn[best]), float(turned.angle[best]))
        cosines = turned.cosine[pairs]
        known = cosines[np.isfinite(cosines)]
        evidence: dict[str, Any] = {
            "n_images": len(ids),
            "turn": how,
            "pixel_similarity": round(float(turned.pixel_similarity[pairs].min()), 4),
            "cosine": round(float(known.min()), 4) if known.size else None,
            "hash_distance": int(turned.hash_distance[pairs].max()),
            "labels": labels,
            "splits": splits,
        }
        sentence = f"{counted(len(ids), 'image')} show the same picture, {how}: {listed(first)}."
        if len(labels) > 1:
            sentence = f"{sentence[:-1]}; they carry different labels: {listed(labels)}."
        yield Finding(
            kind="turned_duplicates",
            severity=SEVERITY["turned_duplicates"],
            sentence=sentence,
            advice="Compare them; keep one, unless the direction is what tells them apart, as of arrows and digits.",
            image_ids=ids,
            paths=paths,
            evidence=evidence,
        )
        if len(splits) > 1:
            yield Finding(
                kind="leak",
                severity=SEVERITY["turned_leak"],
                sentence=f"Copies of one image, {how}, stand in {listed(splits)}: {listed(first)}.",
                advice="Keep it in one split only: a model that was trained on it is not tested by it.",
                image_ids=ids,
                paths=paths,
                evidence={**evidence, "level": "turned_leak"},
            )


def grouped_pairs(turned: TurnedPairs) -> Iterator[Int64]:
    """Yield the pairs of each group, the most alike first, then each pair in no group."""
    order = np.argsort(turned.groups, kind="stable").astype(np.int64)
    of_groups = order[turned.groups[order] >= 0]
    starts = np.flatnonzero(np.diff(turned.groups[of_groups])) + 1
    if of_groups.size:
        yield from np.split(of_groups, starts)
    for pair in np.flatnonzero(turned.groups < 0):
        yield np.array([pair])


def rows_of_pairs(turned: TurnedPairs, pairs: Int64) -> list[int]:
    """Return the images of pairs, each once, those of the first pair first."""
    sides = np.stack([turned.left[pairs], turned.right[pairs]], axis=1)
    return list(dict.fromkeys(sides.ravel().tolist()))
