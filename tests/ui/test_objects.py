"""The pages over a run of objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataeval_ui.services.datasets import add_dataset
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.runs import run_here
from dataeval_ui.types import AnalysisParams, Silent
from tests.exported import prepared
from tests.scenes import write_scenes
from tests.ui.conftest import Analysed, OpenPage, failures, open_workspace, words

PAGES = ("datasets", "run", "explore", "duplicates", "outliers")


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    base = tmp_path_factory.mktemp("objects")
    services = open_workspace(prepared(base / "workspace"))
    dataset = add_dataset(services, write_scenes(base / "scenes"))
    request = RunRequest(
        dataset_id=dataset.id, backbone="efficientnet-lite0", params=AnalysisParams(objects=True, n_neighbors=5)
    )
    return Analysed(services=services, run_id=run_here(services, request, Silent())["run"])


@pytest.mark.parametrize("page", PAGES)
def test_a_run_of_objects_is_shown_without_an_error(page: str, objects: Analysed, open_page: OpenPage) -> None:
    app = open_page(objects.services, page, run=objects.run_id)
    assert failures(app) == []
    assert not app.warning


def test_an_object_leads_to_its_image_and_to_the_other_objects_of_it(objects: Analysed, open_page: OpenPage) -> None:
    app = open_page(objects.services, "explore", run=objects.run_id, image="3", colour="object_area")
    assert failures(app) == []
    assert "Object 1 of its image, counted from 0" in words(app)
    labels = [str(e.label) for e in (*app.button, *app.page_link)]
    assert "**28** objects" in labels
    assert "**1** unusable" in labels
    assert any(f"/api/runs/{objects.run_id}/boxes/3" in str(html.value) for html in app.html)
    [button] = [button for button in app.button if button.key == "objects_beside"]
    assert button.label == "Select the 2 objects of this image"
    button.click()
    app.run()
    assert failures(app) == []
    assert "**2 images** selected" in words(app)


def test_the_margin_is_asked_for_with_objects_alone(objects: Analysed, open_page: OpenPage) -> None:
    app = open_page(objects.services, "run")
    assert "object_margin" not in {number.key for number in app.number_input}
    app.toggle(key="objects").set_value(True)
    app.run()
    assert failures(app) == []
    assert app.number_input(key="object_margin").value == pytest.approx(0.1)


def test_the_form_asks_how_annotations_are_written(objects: Analysed, open_page: OpenPage) -> None:
    app = open_page(objects.services, "datasets")
    app.text_input(key="path_folder").set_value(str(Path(objects.services.workspace.root.parent) / "scenes"))
    app.run()
    assert failures(app) == []
    assert "29 objects" in words(app)
    assert "1 of them unusable" in words(app)
    app.selectbox(key="source_format").set_value("folder")
    app.run()
    assert "29 objects" not in words(app)
