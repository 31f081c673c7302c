"""Drift between runs and splits of the demo."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.errors import InputError
from dataeval_ui.services.context import open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.drift import answer_for_drift, append_history, compare_runs_for_drift
from dataeval_ui.services.drift_images import told_with_images
from dataeval_ui.services.drift_map import drift_map
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings
from tests.demo_truth import TRUTH
from tests.drift_sets import add_demo_set
from tests.exported import prepared


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The demo's run, and those of its two later sets."""
    workspace = prepared(tmp_path_factory.mktemp("drift") / "workspace")
    services = open_services(load_settings({"workspace": workspace, "n_decoders": 1}, environment={}))
    first = install_demo(services).id
    sets = {name: add_demo_set(services, name) for name in ("fresh", "drifted")}
    return {"first": open_run(services, first), **{name: open_run(services, run) for name, run in sets.items()}}


def test_undrifted_splits_are_not_found(demo: dict[str, Run]) -> None:
    told = compare_runs_for_drift(demo["first"], demo["first"], splits=("train", "test"), n_permutations=199)
    assert not told["drifted"], told["verdict"]


def test_the_demos_drifted_set_is_found_and_where(demo: dict[str, Run]) -> None:
    answer = answer_for_drift(demo["first"], demo["drifted"], n_permutations=199)
    told = answer.told
    assert told["drifted"], told["verdict"]
    assert told["verdict"].startswith("Drifted: AUROC 0.9")
    by_name = {test["name"]: test for test in told["tests"] + told["distances"]}
    for name in ("mmd", "energy", "classifier", "neighbors", "ks", "mwu", "statistics", "kid", "hp_tree"):
        assert by_name[name]["p_value"] <= 0.05, name
    assert all(0 < test["p_value"] <= 1 for test in by_name.values())
    changed = {row["path"] for row in TRUTH["drifted"]["images"]}
    assert {image["path"] for image in told["most_shifted"] + told["new_in_test"]} <= changed
    shares = {group["name"]: group for group in told["by_class"]}
    assert shares["flags"]["lift"] > 1.3 > 0.5 > shares["birds"]["lift"]
    assert len(answer.scores[0]) == len(answer.rows[0]) == told["n_reference"]
    assert answer.ratios[1].mean() > answer.ratios[0].mean()


def test_the_demos_fresh_set_is_not_drifted_in_its_embeddings(demo: dict[str, Run]) -> None:
    told = compare_runs_for_drift(demo["first"], demo["fresh"], n_permutations=199)
    assert not told["drifted"], told["verdict"]


def test_a_test_image_is_placed_by_itself_as_among_all(demo: dict[str, Run]) -> None:
    answer = answer_for_drift(demo["first"], demo["drifted"], n_permutations=19)
    together = drift_map(demo["first"], demo["drifted"], answer)
    one = replace(answer, rows=(answer.rows[0], answer.rows[1][7:8]))
    alone = drift_map(demo["first"], demo["drifted"], one)
    np.testing.assert_allclose(alone.test_xy[0], together.test_xy[7], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(together.reference_xy, demo["first"].projection.xy)


def test_json_has_what_the_map_and_the_galleries_say(demo: dict[str, Run]) -> None:
    first, drifted = demo["first"], demo["drifted"]
    answer = answer_for_drift(first, drifted, n_permutations=19)
    told = json.loads(json.dumps(told_with_images(first, drifted, answer)))
    assert told["map"] == {"n_test": told["n_test"], "n_unsure": int(drift_map(first, drifted, answer).is_unsure.sum())}
    for name, of, other in (("new_in_test", drifted, first), ("vanished", first, drifted)):
        assert [image["image_id"] for image in told[name]] == [image["image_id"] for image in answer.told[name]]
        image, near = told[name][0], told[name][0]["nearest"][0]
        row, beside = of.row_of[image["image_id"]], other.row_of[near["image_id"]]
        vectors, query = np.asarray(other.view.embeddings), np.asarray(of.view.embeddings[row])
        cosines = vectors @ query / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
        assert near["similarity"] == pytest.approx(cosines.max(), abs=1e-5)
        assert near["similarity"] == pytest.approx(cosines[beside], abs=1e-5)
    assert answer.told["vanished"][0].keys() == {"image_id", "path", "score"}


def test_runs_of_other_embeddings_are_refused_with_the_way_to_run_again(demo: dict[str, Run]) -> None:
    other = demo["first"]
    changed = Run(other.services, replace(other.record, key=replace(other.record.key, layer="other")), other.dataset)
    with pytest.raises(InputError, match="--backbone efficientnet-lite0"):
        compare_runs_for_drift(demo["first"], changed)


def test_the_same_images_twice_and_an_unknown_split_get_a_sentence(demo: dict[str, Run]) -> None:
    with pytest.raises(InputError, match="are the same images"):
        compare_runs_for_drift(demo["first"], demo["first"])
    with pytest.raises(InputError, match="Known: test, train"):
        compare_runs_for_drift(demo["first"], demo["first"], splits=("train", "val"))


def test_a_history_grows_by_a_line_and_names_a_file_that_cannot_be_written(
    demo: dict[str, Run], tmp_path: Path
) -> None:
    told = compare_runs_for_drift(demo["first"], demo["first"], splits=("train", "test"), n_permutations=19)
    for _ in range(2):
        append_history(tmp_path / "history.jsonl", told, reference="a", test="b")
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["drift_p_value"] for line in lines] == [told["drift_p_value"]] * 2
    with pytest.raises(InputError, match="Name another file"):
        append_history(tmp_path, told, reference="a", test="b")
