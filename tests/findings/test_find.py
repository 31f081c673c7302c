import numpy as np
import pyarrow as pa
import pytest

from dataeval_ui.errors import ParameterError
from dataeval_ui.findings.find import find_findings
from dataeval_ui.findings.summary import count_findings
from dataeval_ui.types import AnalysisParams, DuplicatePairs, NeighborGraph, OutlierScores

PARAMS = AnalysisParams()


def manifest(*places):
    """Make a manifest of (path, image_id or None, label, split) with None for a file that is no image."""
    return pa.table(
        {
            "path": [p[0] for p in places],
            "image_id": pa.array([p[1] for p in places], pa.string()),
            "label": pa.array([p[2] for p in places], pa.string()),
            "split": pa.array([p[3] for p in places], pa.string()),
            "status": ["ok" if p[1] else "unreadable" for p in places],
            "reason": pa.array([None if p[1] else "The file is empty." for p in places], pa.string()),
        }
    )


def pairs(*rows):
    """Make pairs of (left, right, group)."""
    columns = np.array(rows, dtype=np.int32).reshape(-1, 3)
    n = len(columns)
    return DuplicatePairs(
        left=columns[:, 0],
        right=columns[:, 1],
        cosine=np.full(n, 0.9, np.float32),
        hash_distance=np.full(n, 4, np.int32),
        pixel_similarity=np.full(n, 0.97, np.float32),
        groups=columns[:, 2],
    )


def ring(n):
    indices = (np.arange(n)[:, None] + [1, 2]) % max(n, 1)
    return NeighborGraph(indices=indices.astype(np.int32), similarities=np.full((n, 2), 0.5, np.float32))


def scores(*values):
    values = np.array(values, np.float32)
    return OutlierScores(scores=values, distances=values / 2)


def found(table, *, duplicates=None, odd=None):
    ids = list(dict.fromkeys(i for i in table["image_id"].to_pylist() if i))
    odd = scores(*[0.5] * len(ids)) if odd is None else odd
    duplicates = pairs() if duplicates is None else duplicates
    findings = find_findings(table, ids, duplicates=duplicates, outliers=odd, graph=ring(len(ids)), params=PARAMS)
    return findings, count_findings(findings, duplicates=duplicates, outliers=odd, params=PARAMS)


def test_a_clean_dataset_has_no_findings():
    findings, counts = found(manifest(("a.png", "A", "x", None), ("b.png", "B", "x", None)))
    assert findings == []
    assert set(counts.values()) == {0}


def test_equal_files_are_one_finding_with_all_their_places():
    findings, counts = found(manifest(("a.png", "A", "x", None), ("b.png", "B", "x", None), ("c.png", "A", "x", None)))
    (finding,) = findings
    assert finding.kind == "exact_duplicates"
    assert finding.image_ids == ("A",)
    assert finding.paths == ("a.png", "c.png")
    assert finding.sentence == "2 files hold exactly the same image: a.png and c.png."
    assert counts["n_exact_duplicate_groups"] == 1


def test_equal_files_with_different_labels_are_worse():
    same, _ = found(manifest(("a.png", "A", "x", None), ("c.png", "A", "x", None)))
    other, _ = found(manifest(("a.png", "A", "x", None), ("c.png", "A", "y", None)))
    assert other[0].severity > same[0].severity
    assert "different labels: x and y" in other[0].sentence


def test_a_copy_in_another_split_is_a_leak_and_comes_first():
    findings, counts = found(manifest(("train/a.png", "A", None, "train"), ("test/a.png", "A", None, "test")))
    assert [f.kind for f in findings] == ["leak", "exact_duplicates"]
    assert findings[0].sentence == "The same image stands in train and test: train/a.png and test/a.png."
    assert counts["n_leaks"] == counts["n_leaked_images"] == 1


def test_a_place_without_a_split_leaks_nowhere():
    findings, _ = found(manifest(("a.png", "A", None, "train"), ("b.png", "A", None, None)))
    assert [f.kind for f in findings] == ["exact_duplicates"]


def test_a_group_of_near_duplicates_is_one_finding_and_loose_pairs_are_each_one():
    table = manifest(*[(f"{i}.png", f"I{i}", None, "train" if i < 4 else "test") for i in range(6)])
    findings, counts = found(table, duplicates=pairs((0, 1, 0), (0, 2, 0), (1, 2, 0), (2, 3, -1), (4, 5, -1)))
    near = [f for f in findings if f.kind == "near_duplicates"]
    assert [f.image_ids for f in near] == [("I0", "I1", "I2"), ("I2", "I3"), ("I4", "I5")]
    assert counts["n_near_duplicate_pairs"] == 5
    assert counts["n_near_duplicate_groups"] == 3  # as many as the Duplicates page lists
    assert counts["n_leaks"] == 0


def test_near_duplicates_across_splits_are_a_leak():
    table = manifest(("train/a.png", "A", None, "train"), ("test/b.png", "B", None, "test"))
    findings, counts = found(table, duplicates=pairs((0, 1, 0)))
    assert [f.kind for f in findings] == ["leak", "near_duplicates"]
    assert findings[0].evidence["level"] == "near_leak"
    assert counts["n_leaked_images"] == 2


def test_images_above_the_threshold_are_outliers_the_oddest_first():
    table = manifest(*[(f"{i}.png", f"I{i}", None, None) for i in range(4)])
    findings, counts = found(table, odd=scores(0.96, 0.2, 0.99, 0.5))
    assert [f.paths for f in findings] == [("2.png",), ("0.png",)]
    assert findings[0].evidence["nearest_image_ids"] == ["I3", "I0"]
    assert counts["n_outliers"] == 2


def test_every_file_that_is_no_image_is_a_finding_with_its_reason():
    findings, _ = found(manifest(("a.png", "A", None, None), ("bad.png", None, None, None)))
    assert [(f.kind, f.paths, f.image_ids) for f in findings] == [("unreadable", ("bad.png",), ())]
    assert findings[0].sentence == "bad.png is no usable image: The file is empty."


def test_findings_are_ranked_by_severity_times_files():
    copies = [(f"{i}.png", "A", None, None) for i in range(5)]
    findings, _ = found(manifest(*copies, ("b.png", "B", None, None), ("c.png", "B", None, None)))
    weights = [f.severity * len(f.paths) for f in findings]
    assert weights == sorted(weights, reverse=True)
    assert len(findings[0].paths) == 5


def test_hostile_names_stay_printable_and_short():
    name = "x\n\x1b[31m" + "y" * 10_000 + ".png"
    findings, _ = found(manifest((name, "A", "<b>\x00", None), ("b.png", "A", "z", None)))
    assert findings[0].sentence.isprintable()
    assert len(findings[0].sentence) < 400
    assert findings[0].paths[0] == name


def test_results_of_another_run_are_refused():
    table = manifest(("a.png", "A", None, None))
    with pytest.raises(ParameterError, match="run has 1 images, but its results have 3"):
        find_findings(table, ["A"], duplicates=pairs(), outliers=scores(0.5, 0.5, 0.5), graph=ring(3), params=PARAMS)


def test_unusable_objects_of_an_image_are_one_finding():
    table = manifest(("a.png", "A", "x", None), ("b.png", None, None, None))
    objects = pa.table(
        {
            "path": ["a.png", "a.png", "a.png", "b.png"],
            "object": [0, 1, 2, 0],
            "status": ["ok", "unusable", "unusable", "unusable"],
            "reason": [None, "The box has no area.", None, "Its image cannot be used."],
            "label": ["cat"] * 4,
            "is_crowd": [False] * 4,
            "mask": pa.nulls(4, pa.string()),
            **{name: [5.0, None, None, None] for name in ("x_px", "y_px", "width_px", "height_px")},
        }
    )
    findings = find_findings(
        table, ["A"], duplicates=pairs(), outliers=scores(0.5), graph=ring(1), params=PARAMS, objects=objects
    )
    assert [finding.kind for finding in findings] == ["unreadable", "annotation"]
    assert findings[1].sentence == "2 objects of a.png cannot be used; the first, number 1: The box has no area."
    assert findings[1].evidence["objects"] == [1, 2]
    assert findings[1].image_ids == ("A",)
    [one] = find_findings(
        table[:1], ["A"], duplicates=pairs(), outliers=scores(0.5), graph=ring(1), params=PARAMS, objects=objects[:2]
    )
    assert one.sentence == "1 object of a.png cannot be used: The box has no area."


def test_objects_that_contradict_each_other_are_told_beside_those_that_cannot_be_used():
    table = manifest(("a.png", "A", "x", None), ("b.png", "B", "x", None))
    objects = pa.table(
        {
            "path": ["a.png", "a.png", "b.png", "b.png", "b.png"],
            "object": [0, 1, 0, 1, 2],
            "status": ["ok", "ok", "ok", "ok", "unusable"],
            "reason": [None, None, None, None, "The box has no area."],
            "label": ["cat", "dog", "cat", "dog", "dog"],
            "is_crowd": [False] * 5,
            "mask": pa.nulls(5, pa.string()),
            **{name: [5.0, 5.0, 5.0, 5.0, None] for name in ("x_px", "y_px", "width_px", "height_px")},
        }
    )
    found = find_findings(
        table, ["A", "B"], duplicates=pairs(), outliers=scores(0.5, 0.5), graph=ring(2), params=PARAMS, objects=objects
    )
    told = {finding.paths: finding for finding in found if finding.kind == "annotation"}
    assert told[("a.png",)].sentence == (
        "1 object of a.png contradicts what is beside it: It is labelled dog and has the box of object 0, which is "
        "labelled cat."
    )
    assert told[("b.png",)].sentence.startswith(
        "2 objects of b.png cannot be used or contradict what is beside them; the first, number 2: The box has no area."
    )
    assert told[("b.png",)].evidence["objects"] == [2, 1]
