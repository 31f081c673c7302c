"""The ranked list of what is wrong with a dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dataeval_ui.errors import ParameterError
from dataeval_ui.findings.contradictions import find_contradictions
from dataeval_ui.findings.words import counted, listed, shown_name
from dataeval_ui.types import AnalysisParams, DuplicatePairs, Finding, FindingKind, NeighborGraph, OutlierScores

if TYPE_CHECKING:
    import pyarrow as pa

    from dataeval_ui.types.base import Float32

SEVERITY: Mapping[str, float] = {
    "exact_leak": 0.95,
    "near_leak": 0.85,
    "turned_leak": 0.75,
    "label_conflict": 0.8,
    "unreadable": 0.6,
    "exact_duplicates": 0.5,
    "near_duplicates": 0.4,
    "turned_duplicates": 0.36,
    "annotation": 0.35,
    "outlier": 0.3,
}
"""How bad one image of a finding is, in [0, 1]: what spoils a measurement first, what only wastes work last."""


@dataclass(frozen=True, slots=True)
class Place:
    """One readable file."""

    path: str
    label: str | None
    split: str | None


def find_findings(
    manifest: pa.Table,
    image_ids: Sequence[str],
    *,
    duplicates: DuplicatePairs,
    outliers: OutlierScores,
    graph: NeighborGraph,
    params: AnalysisParams,
    objects: pa.Table | None = None,
) -> list[Finding]:
    """Turn results into claims that lead to their images.

    Parameters
    ----------
    manifest : pyarrow.Table
        As in `Manifest.table`.
    image_ids : sequence of str, of length n_images
        The images of the run's rows.
    duplicates : DuplicatePairs
    outliers : OutlierScores
    graph : NeighborGraph
    params : AnalysisParams
        `outlier_threshold` counts here.
    objects : pyarrow.Table, optional
        As in `Manifest.objects`.

    Returns
    -------
    list of Finding
        Falling `severity` times the number of files concerned, then by kind and first path.

        - `exact_duplicates`: one for each content that stands in several places; more severe where the places carry
          different labels.
        - `leak`: a content, or a group or pair of near duplicates, with places in more than one split.
        - `near_duplicates`: one for each group, and one for each pair in no group.
        - `outlier`: one for each image whose score reaches the threshold.
        - `unreadable`: one for each file that is no usable image.
        - `annotation`: one for each image with objects that cannot be used or contradict each other; see
          `dataeval_ui.findings.contradictions`.

    Raises
    ------
    ParameterError
        Results of another number of images.
    """
    n = len(image_ids)
    if graph.n_images != n or outliers.scores.shape != (n,):
        raise ParameterError(f"The run has {n} images, but its results have {graph.n_images}.")
    places = places_by_image(manifest)
    found = [
        *_exact(places),
        *_near(duplicates, image_ids, places),
        *_odd(outliers, graph, image_ids, places, params.outlier_threshold),
        *_unreadable(manifest),
        *annotation_findings(manifest, objects),
    ]
    return ranked(found)


def places_by_image(manifest: pa.Table) -> dict[str, list[Place]]:
    """Return the readable places of every image, in the manifest's order."""
    places: dict[str, list[Place]] = defaultdict(list)
    columns = (manifest[name].to_pylist() for name in ("image_id", "path", "label", "split", "status"))
    for image_id, path, label, split, status in zip(*columns, strict=True):
        if status == "ok":
            places[image_id].append(Place(path, label, split))
    return dict(places)


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings by falling severity times files concerned, then by kind and first path."""
    return sorted(findings, key=_rank)


def _rank(finding: Finding) -> tuple[float, str, tuple[str, ...]]:
    return -finding.severity * max(len(finding.paths), 1), finding.kind, finding.paths


def _exact(places: Mapping[str, list[Place]]) -> Iterator[Finding]:
    for image_id, copies in places.items():
        if len(copies) < 2:
            continue
        labels, splits = _distinct(place.label for place in copies), _distinct(place.split for place in copies)
        paths = tuple(place.path for place in copies)
        evidence: dict[str, Any] = {"n_copies": len(copies), "labels": labels, "splits": splits}
        sentence = f"{len(copies)} files hold exactly the same image: {listed(paths)}."
        severity = SEVERITY["exact_duplicates"]
        advice = "Keep one of them, so that the image does not count several times."
        if len(labels) > 1:
            severity = SEVERITY["label_conflict"]
            sentence = f"{sentence[:-1]}; they carry different labels: {listed(labels)}."
            advice = "Decide which label is right, and keep one of the files."
        yield _finding("exact_duplicates", severity, sentence, advice, (image_id,), paths, evidence)
        if len(splits) > 1:
            sentence = f"The same image stands in {listed(splits)}: {listed(paths)}."
            yield _leak("exact_leak", sentence, (image_id,), paths, evidence)


def _near(duplicates: DuplicatePairs, image_ids: Sequence[str], places: Mapping[str, list[Place]]) -> Iterator[Finding]:
    for pairs in _grouped(duplicates):
        rows = list(
            dict.fromkeys(int(row) for pair in pairs for row in (duplicates.left[pair], duplicates.right[pair]))
        )
        ids = tuple(image_ids[row] for row in rows)
        copies = [place for image_id in ids for place in places.get(image_id, [])]
        paths = tuple(place.path for place in copies)
        labels, splits = _distinct(place.label for place in copies), _distinct(place.split for place in copies)
        evidence = {
            "n_images": len(ids),
            "pixel_similarity": round(float(duplicates.pixel_similarity[pairs].min()), 4),
            "cosine": _smallest(duplicates.cosine[pairs]),
            "hash_distance": int(duplicates.hash_distance[pairs].max()),
            "labels": labels,
            "splits": splits,
        }
        first = tuple(places[image_id][0].path for image_id in ids if image_id in places)
        sentence = (
            f"{counted(len(ids), 'image')} look the same but for size, crop, compression or light: {listed(first)}."
        )
        advice = "Compare them, and keep the best one."
        if len(labels) > 1:
            sentence = f"{sentence[:-1]}; they carry different labels: {listed(labels)}."
        yield _finding("near_duplicates", SEVERITY["near_duplicates"], sentence, advice, ids, paths, evidence)
        if len(splits) > 1:
            sentence = f"Near copies of one image stand in {listed(splits)}: {listed(first)}."
            yield _leak("near_leak", sentence, ids, paths, evidence)


def _grouped(duplicates: DuplicatePairs) -> Iterator[np.ndarray[Any, np.dtype[np.int64]]]:
    """Yield the pairs of each group, then each pair in no group."""
    for group in range(int(duplicates.groups.max(initial=-1)) + 1):
        yield np.flatnonzero(duplicates.groups == group)
    for pair in np.flatnonzero(duplicates.groups < 0):
        yield np.array([pair])


def _odd(
    outliers: OutlierScores,
    graph: NeighborGraph,
    image_ids: Sequence[str],
    places: Mapping[str, list[Place]],
    threshold: float,
) -> Iterator[Finding]:
    for row in np.flatnonzero(outliers.scores >= threshold).tolist():
        paths = tuple(place.path for place in places.get(image_ids[row], []))
        nearest = [image_ids[neighbor] for neighbor in graph.indices[row, :5].tolist()]
        score = float(outliers.scores[row])
        evidence = {
            "score": round(score, 4),
            "distance": round(float(outliers.distances[row]), 4),
            "threshold": threshold,
            "nearest_image_ids": nearest,
        }
        sentence = f"{shown_name(paths[0]) if paths else 'An image'} looks like no other image of the dataset."
        advice = "Look at it: it may be a mistake, or the only example of something that needs more."
        severity = SEVERITY["outlier"] * score
        yield _finding("outlier", severity, sentence, advice, (image_ids[row],), paths, evidence)


def _unreadable(manifest: pa.Table) -> Iterator[Finding]:
    columns = (manifest[name].to_pylist() for name in ("path", "status", "reason"))
    for path, status, reason in zip(*columns, strict=True):
        if status == "ok":
            continue
        reason = reason or "no reason was given."
        sentence = f"{shown_name(path)} is no usable image: {reason}"
        advice = "Replace the file, or take it out of the dataset."
        yield _finding("unreadable", SEVERITY["unreadable"], sentence, advice, (), (path,), {"reason": reason})


def annotation_findings(manifest: pa.Table, objects: pa.Table | None) -> Iterator[Finding]:
    """Yield a finding for each image with objects that cannot be used or contradict each other; see `find_findings`."""
    if objects is None:
        return
    columns = (manifest[name].to_pylist() for name in ("path", "image_id", "status"))
    image_of = {path: image_id for path, image_id, status in zip(*columns, strict=True) if status == "ok"}
    bad: dict[str, list[tuple[int, str]]] = defaultdict(list)
    columns = (objects[name].to_pylist() for name in ("path", "object", "status", "reason"))
    for path, number, status, reason in zip(*columns, strict=True):
        if status != "ok" and path in image_of:  # an unreadable file is a finding of its own
            bad[path].append((number, reason or "no reason was given."))
    n_unusable = {path: len(found) for path, found in bad.items()}
    for path, number, reason in find_contradictions(objects):
        if path in image_of:
            bad[path].append((number, reason))
    for path, found in sorted(bad.items()):
        number, reason = found[0]
        fault = {0: "contradict what is beside them", len(found): "cannot be used"}
        what = fault.get(n_unusable.get(path, 0), "cannot be used or contradict what is beside them")
        if len(found) == 1 and path not in n_unusable:
            what = "contradicts what is beside it"
        which = f"{counted(len(found), 'object')} of {shown_name(path)} {what}"
        sentence = f"{which}: {reason}" if len(found) == 1 else f"{which}; the first, number {number}: {reason}"
        evidence = {"objects": [number for number, _ in found], "reasons": [reason for _, reason in found]}
        advice = "Mend the annotations, or take these objects out."
        yield _finding("annotation", SEVERITY["annotation"], sentence, advice, (image_of[path],), (path,), evidence)


def _leak(
    level: str, sentence: str, image_ids: tuple[str, ...], paths: tuple[str, ...], evidence: Mapping[str, Any]
) -> Finding:
    advice = "Keep it in one split only: a model that was trained on it is not tested by it."
    return _finding("leak", SEVERITY[level], sentence, advice, image_ids, paths, {**evidence, "level": level})


def _finding(
    kind: FindingKind,
    severity: float,
    sentence: str,
    advice: str,
    image_ids: tuple[str, ...],
    paths: tuple[str, ...],
    evidence: Mapping[str, Any],
) -> Finding:
    return Finding(
        kind=kind,
        severity=severity,
        sentence=sentence,
        advice=advice,
        image_ids=image_ids,
        paths=paths,
        evidence=evidence,
    )


def _smallest(cosines: Float32) -> float | None:
    """Smallest number of a group; None where all are unknown, since JSON has no NaN."""
    known = cosines[np.isfinite(cosines)]
    return round(float(known.min()), 4) if known.size else None


def _distinct(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value is not None))
