"""Boxes of COCO, YOLO and VOC sets: their faults, and drift of where they lie, for runs of images and of objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.analysis import projection
from dataeval_ui.analysis.drift.frames import GRID
from dataeval_ui.cli import build_parser, main
from dataeval_ui.errors import ParameterError
from dataeval_ui.services.boxes import localization, run_boxes
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.datasets import add_dataset
from dataeval_ui.services.drift import answer_for_drift
from dataeval_ui.services.drift_frames import cell_drift, frame_drift
from dataeval_ui.services.drift_places import images_at
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run, run_here
from dataeval_ui.settings import load_settings
from dataeval_ui.store.cells import CELLS_VERSION, CellParts
from dataeval_ui.types import AnalysisParams, Silent
from tests.data.annotations import write_coco, write_photo, write_voc, write_yolo
from tests.exported import prepared
from tests.scenes import write_scenes


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    workspace = prepared(tmp_path_factory.mktemp("boxes") / "workspace")
    return open_services(load_settings({"workspace": workspace, "n_decoders": 1}, environment={}))


def finished(services: Services, folder: Path, *, objects: bool = False) -> Run:
    params = AnalysisParams(objects=objects, n_neighbors=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projection, "_fit_umap", lambda start, *_: start)
        patch.setattr(projection, "warm_up", lambda: None)
        request = RunRequest(dataset_id=add_dataset(services, folder).id, backbone="efficientnet-lite0", params=params)
        return open_run(services, run_here(services, request, Silent())["run"])


@pytest.fixture(scope="module")
def scenes(services: Services, tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Run]:
    """The scenes as a run of images and as one of objects."""
    folder = write_scenes(tmp_path_factory.mktemp("scenes") / "scenes")
    return {objects: finished(services, folder, objects=objects) for objects in (False, True)}


@pytest.mark.parametrize(
    ("write", "images"), [(write_coco, "train2017"), (write_yolo, "images/train"), (write_voc, "")]
)
def test_the_faults_of_the_same_boxes_are_the_same_in_every_format(
    services: Services, tmp_path: Path, write: Callable[[Path], Path], images: str
) -> None:
    folder = write(tmp_path / write.__name__)
    for seed in range(3, 7):
        write_photo(folder / (images or "JPEGImages") / f"more{seed}.{'png' if images else 'jpg'}", seed)
    run = finished(services, folder)
    told = localization(run)
    assert told is not None
    assert told["n_boxes"] == 3
    faults = {fault["name"]: fault for fault in told["faults"]}
    assert {name: fault["n_boxes"] for name, fault in faults.items()} == {
        "tiny": 3, "cut": 2, "full": 0, "sliver": 0, "overlap": 0, "twice": 0,
    }  # fmt: skip
    assert faults["cut"]["share"] == pytest.approx(2 / 3, abs=1e-6)
    assert [Path(path).stem in ("1", "a1") for path in faults["tiny"]["paths"]] == [True]
    assert faults["tiny"]["n_rows"] == 1


def test_boxes_of_images_and_of_objects_are_the_same(scenes: dict[bool, Run]) -> None:
    images, objects = (run_boxes(run, np.arange(run.n_images)) for run in (scenes[False], scenes[True]))
    assert images is not None
    assert objects is not None
    assert (len(images), images.n_images, objects.n_images) == (28, 14, 14)
    for name in ("pixels", "sizes"):
        first, second = (getattr(side, name) for side in (images, objects))
        np.testing.assert_allclose(np.sort(first, axis=0), np.sort(second, axis=0))
    assert {scenes[True].places(int(row))[0].path.split("#")[0] for row in objects.rows} == {
        scenes[False].places(int(row))[0].path for row in images.rows
    }


def test_cats_lie_left_of_dogs(scenes: dict[bool, Run]) -> None:
    run = scenes[True]
    told = answer_for_drift(run, run, filters=("label = cat", "rest"), n_permutations=99).told["boxes"]
    assert told["drifted"]
    assert "Boxes have drifted" in told["sentence"]
    tests = {test["name"]: test for test in told["tests"]}
    assert tests["across"]["effect_size"] == 1
    assert tests["across"]["p_value"] == 0.01
    assert tests["count"]["p_value"] == 1
    assert np.array(told["maps"]["centres"]["test"])[:, :4].sum() == 0
    json.dumps(told)


@pytest.mark.parametrize("of_objects", [False, True])
@pytest.mark.parametrize("kind", ["centres", "coverage"])
def test_a_cell_leads_to_the_images_whose_boxes_lie_there(scenes: dict[bool, Run], of_objects: bool, kind: str) -> None:
    run = scenes[of_objects]
    rows = np.arange(run.n_images // 2), np.arange(run.n_images // 2, run.n_images)
    told = frame_drift(run, run, rows, n_permutations=19)
    assert told is not None
    grids = told["maps"][kind]
    for cell in np.ndindex(GRID, GRID):
        found = images_at(run, run, rows, kind, cell)
        assert found is not None
        for side, own, name in ((found.reference, rows[0], "reference"), (found.test, rows[1], "test")):
            assert set(side.tolist()) <= set(own.tolist())
            assert (len(side) > 0) == (grids[name][cell[0]][cell[1]] > 0)
    boxes = run_boxes(run, rows[0])
    assert boxes is not None
    middle = (boxes.pixels[0, :2] + boxes.pixels[0, 2:] / 2) / boxes.sizes[0]
    across, down = np.floor(middle * GRID).astype(int).tolist()
    found = images_at(run, run, rows, kind, (down, across))
    assert found is not None
    assert int(boxes.rows[0]) in found.reference.tolist()


@pytest.mark.parametrize(
    ("argv", "test"),
    [
        (["one", "--split", "train", "test"], None),
        (["--split", "train", "test", "one"], None),
        (["one", "one", "--split", "train", "test"], "one"),
        (["one", "--split", "train", "test", "one"], "one"),
        (["one", "--json", "two", "--permutations", "99"], "two"),
        (["--json", "one", "two"], "two"),
    ],
)
def test_the_second_run_may_stand_anywhere_or_be_left_out(argv: list[str], test: str | None) -> None:
    parsed = build_parser().parse_args(["drift", *argv])
    assert (parsed.reference, parsed.test) == ("one", test)


def test_a_word_too_many_is_refused() -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["drift", "one", "two", "three"])


def test_one_run_is_compared_within_itself_or_not_at_all(
    services: Services, scenes: dict[bool, Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run = scenes[True]
    where = ["--workspace", str(services.workspace.root), "--permutations", "19", "--json"]
    assert main(["drift", run.id, "--where", "label = cat", "rest", *where]) == 0
    once = json.loads(capsys.readouterr().out)
    assert main(["drift", run.id, run.id, "--where", "label = cat", "rest", *where]) == 0
    assert json.loads(capsys.readouterr().out) == once
    assert main(["drift", run.id, *where]) == 2
    assert "Name a second run, or compare within this one" in capsys.readouterr().err


def test_images_of_one_source_have_no_drift_of_boxes_and_too_few_have_no_answer(scenes: dict[bool, Run]) -> None:
    run = scenes[False]
    told = answer_for_drift(run, run, filters=("path ~ '*0[0-6].png'", "rest"), n_permutations=39).told
    assert told["cells"] is None  # no parts are computed
    assert told["boxes"]["n_images"] == [7, 7]
    assert not told["boxes"]["drifted"]
    assert frame_drift(run, run, (np.arange(10), np.arange(10, 14)), n_permutations=19) is None


def test_cells_are_compared_once_the_parts_are_stored(scenes: dict[bool, Run]) -> None:
    run = scenes[False]
    cells = CellParts(run.services.workspace, "f" * 16)
    card = {**asdict(run.record.key), "dataset": run.record.dataset_id, "version": CELLS_VERSION}
    cells.save_axes(np.zeros(6, np.float32), np.eye(3, 6, dtype=np.float32), card)
    codes = np.random.default_rng(0).integers(-50, 50, (14, 9, 3))
    codes[7:, 4] += 60
    cells.append(run.image_ids, codes.astype(np.int8))
    halves = np.arange(7), np.arange(7, 14)
    told = cell_drift(run, run, halves, n_permutations=99)
    assert told is not None
    assert told["n_images"] == [7, 7]
    grid = np.array(told["map"]["p_values"])
    assert grid.shape == (3, 3)
    assert grid.argmin() == 4
    assert told["p_value"] == pytest.approx(grid.min())
    assert "1 of 9 cells differ" in told["sentence"]
    found = images_at(run, run, halves, "cells", (1, 1))
    assert found is not None
    assert set(found.reference.tolist()) == set(range(7))
    # of the test set those first whose cell lies farthest along the difference, which is that of the means
    apart = codes[:, 4] - codes[:, 4].mean(axis=0)
    along = (apart / apart.std(axis=0)) @ (apart[7:].mean(axis=0) / apart.std(axis=0))
    assert found.test.tolist() == (7 + np.argsort(-along[7:])).tolist()
    with pytest.raises(ParameterError, match="3 by 3 cells"):
        images_at(run, run, halves, "cells", (3, 0))
    assert cell_drift(run, run, (halves[0], np.arange(7, 10)), n_permutations=19) is None
    assert cell_drift(scenes[True], scenes[True], halves, n_permutations=19) is None


def test_the_command_prints_the_faults(scenes: dict[bool, Run], capsys: pytest.CaptureFixture[str]) -> None:
    workspace = str(scenes[False].services.workspace.root)
    assert main(["boxes", scenes[False].id, "--workspace", workspace, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == localization(scenes[False])
    assert main(["boxes", scenes[True].id, "--workspace", workspace]) == 0
    assert "Tiny" in capsys.readouterr().out
