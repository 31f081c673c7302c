"""Findings of runs that an earlier version analysed: contradicting annotations are found when first asked for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.analysis import projection
from dataeval_ui.embed.embedder import Embedder
from dataeval_ui.findings import contradictions, find
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.datasets import add_dataset
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run, run_here
from dataeval_ui.settings import load_settings
from dataeval_ui.types import AnalysisParams, Silent
from tests.data.annotations import coco, coco_image, coco_object, write_json, write_photo
from tests.exported import prepared


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    workspace = prepared(tmp_path_factory.mktemp("stored") / "workspace")
    return open_services(load_settings({"workspace": workspace, "n_decoders": 1}, environment={}))


def finished(services: Services, folder: Path) -> Run:
    """Five photos; on the first two annotators disagree about one box, and an object of the last cannot be used."""
    for number in range(5):
        write_photo(folder / f"images/{number}.png", number)
    box = [5, 5, 10, 10]
    objects = [
        coco_object(0, 1, box),
        coco_object(0, 7, box),
        coco_object(1, 1, box),
        coco_object(4, 1, [500, 0, 5, 5]),
    ]
    write_json(folder / "labels.json", coco([coco_image(n, f"{n}.png") for n in range(5)], objects))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projection, "_fit_umap", lambda start, *_: start)
        patch.setattr(projection, "warm_up", lambda: None)
        patch.setattr(
            Embedder, "embed", lambda _, pixels: pixels.reshape(len(pixels), -1)[:, ::4801].astype(np.float32)
        )
        request = RunRequest(
            dataset_id=add_dataset(services, folder).id,
            backbone="efficientnet-lite0",
            params=AnalysisParams(n_neighbors=2),
        )
        return open_run(services, run_here(services, request, Silent())["run"])


def test_what_an_earlier_version_did_not_look_for_is_found_once_and_kept(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(services, tmp_path / "photos")
    folder = services.workspace.run_dir(run.id)
    now = run.findings
    sentences = [finding.sentence for finding in now if finding.kind == "annotation"]
    assert len(sentences) == 2
    assert any("has the box of object 0" in sentence for sentence in sentences)
    # as it was: findings without contradictions, and no file of annotations
    stored = json.loads((folder / "findings.json").read_text())
    early = [entry for entry in stored if "has the box of" not in entry["sentence"]]
    assert len(early) == len(stored) - 1
    (folder / "findings.json").write_text(json.dumps(early))
    (folder / "annotations-v1.json").unlink()
    assert Run(services, run.record, run.dataset).findings == now
    # kept: nothing is looked for again
    monkeypatch.setattr(find, "find_contradictions", lambda _: pytest.fail("looked for again"))
    assert Run(services, run.record, run.dataset).findings == now
    monkeypatch.setattr(find, "find_contradictions", contradictions.find_contradictions)
    # a file that is damaged, or names images of another run, is made again
    for text in ("{", json.dumps([{**early[0], "kind": "annotation", "image_ids": ["f" * 32]}]), "[1]"):
        (folder / "annotations-v1.json").write_text(text)
        assert Run(services, run.record, run.dataset).findings == now
