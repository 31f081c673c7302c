"""Drift between runs and splits of the demo."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dataeval_ui.errors import InputError
from dataeval_ui.services.context import open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.drift import append_history, compare_runs_for_drift
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The demo's run."""
    workspace = tmp_path_factory.mktemp("drift") / "workspace"
    services = open_services(load_settings({"workspace": workspace, "n_decoders": 1}, environment={}))
    return {"first": open_run(services, install_demo(services).id)}


def test_undrifted_splits_are_not_found(demo: dict[str, Run]) -> None:
    told = compare_runs_for_drift(demo["first"], demo["first"], splits=("train", "test"), n_permutations=199)
    assert not told["drifted"], told["verdict"]


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
