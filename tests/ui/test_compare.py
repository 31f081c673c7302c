"""The Compare page: what it says without two runs, and what one map's click means for the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.services import runs as run_services
from dataeval_ui.services.compare import compare_runs
from dataeval_ui.services.demo import install_demo, install_demo_runs
from dataeval_ui.services.runs import open_run
from dataeval_ui.ui import state
from dataeval_ui.ui.panels.compare_maps import place_of
from tests.second_run import NAME, add_second_run, register_tiny
from tests.ui.conftest import Analysed, OpenPage, add_hostile, failures, open_workspace, words


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analysed]:
    """The demo under its own backbone, and under the tiny one as "second"."""
    services = open_workspace(tmp_path_factory.mktemp("two") / "workspace")
    run = install_demo(services)
    (services.workspace.run_dir(run.id) / "planted.json").unlink()
    with pytest.MonkeyPatch.context() as monkeypatch:
        register_tiny(monkeypatch, services)
        add_second_run(services, run.id)
        yield Analysed(services=services, run_id=run.id)


def test_one_run_says_how_to_get_a_second(tmp_path: Path, open_page: OpenPage) -> None:
    services = open_workspace(tmp_path / "workspace")
    install_demo(services)
    app = open_page(services, "compare")
    assert failures(app) == []
    assert "Run its dataset with another backbone" in words(app)
    assert [link.page for link in app.page_link] == ["run"]


def test_the_demos_runs_leave_no_number_of_the_table_open(tmp_path: Path, open_page: OpenPage) -> None:
    services = open_workspace(tmp_path / "workspace")
    run = install_demo_runs(services)
    app = open_page(services, "compare", run=run.id)
    assert failures(app) == []
    table = app.table[0].value
    names = [str(name).replace("\\", "") for name in table.columns]
    assert names[1:] == ["efficientnet-lite0 · conv_head avg", "efficientnet-lite0 · blocks.1 mean"]
    assert [line[1:3].tolist() for line in table.values[:1]] == [["**58%** (54% to 62%)", "40% (36% to 44%)"]]
    assert table.shape == (10, 3)
    assert not table.isin(["", "–"]).any(axis=None)
    assert [button.key for button in app.button if button.key == "measure_planted"] == []


def test_the_other_backbone_of_the_same_dataset_is_proposed(two: Analysed, open_page: OpenPage) -> None:
    app = open_page(two.services, "compare", run=two.run_id)
    assert failures(app) == []
    assert not app.warning
    assert app.multiselect(key="compared_runs").value == [two.run_id, "second"]
    assert "choose efficientnet\\-lite0\\." in words(app)
    table = app.table[0].value
    assert list(table.columns)[1:] == ["efficientnet\\-lite0", NAME]
    assert "Copies found again\\, mirrored" in list(table.iloc[:, 0])


def test_runs_of_other_datasets_come_last(tmp_path: Path, open_page: OpenPage) -> None:
    services = open_workspace(tmp_path / "workspace")
    install_demo(services)
    add_hostile(services)
    mine = services.catalog.list_runs()[0]
    copy = {f.name: getattr(mine, f.name) for f in fields(mine)}
    later = datetime(2100, 1, 1, tzinfo=UTC)
    services.catalog.add_run(
        **{**copy, "id": "older", "backbone": "resnet50", "created_at": datetime(2000, 1, 1, tzinfo=UTC)}
    )
    services.catalog.add_run(**{**copy, "id": "newest", "dataset_id": "hostile", "created_at": later})
    app = open_page(services, "compare", run=mine.id, **{"with": "none"})
    options = app.multiselect(key="compared_runs").options
    assert options[0].startswith("demo · efficientnet")
    assert options[1].startswith("resnet50")
    assert len(options) == 4


def test_a_run_of_another_dataset_is_not_proposed(tmp_path: Path, open_page: OpenPage) -> None:
    services = open_workspace(tmp_path / "workspace")
    install_demo(services)
    add_hostile(services)
    app = open_page(services, "compare", run=services.catalog.list_runs()[0].id)
    assert len(app.multiselect(key="compared_runs").value) == 1
    assert "A comparison needs two runs" in words(app)
    assert failures(app) == []


def test_taking_a_run_away_asks_for_another_one(two: Analysed, open_page: OpenPage) -> None:
    app = open_page(two.services, "compare", run=two.run_id, **{"with": "second"})
    app.multiselect(key="compared_runs").unselect("second").run()
    assert failures(app) == []
    assert "Choose two to four runs" in words(app)


def test_an_image_and_a_selection_of_the_address_are_shown_for_every_run(two: Analysed, open_page: OpenPage) -> None:
    n = open_run(two.services, two.run_id).n_images
    selected, _ = state.encode_selection(np.arange(30), n)
    app = open_page(
        two.services, "compare", run=two.run_id, **{"with": "second"}, image="5", selected=selected, colour="label"
    )
    assert failures(app) == []
    assert "**30 images** selected, mean overlap" in words(app)
    assert "Nearest by efficientnet\\-lite0" in words(app)
    assert f"Nearest by {NAME}" in words(app)
    app.button(key="clear_compared").click().run()
    assert "selected" not in app.query_params


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"with": "nonesuch"}, "There is no run"),
        ({"with": "second", "colour": "nothing"}, "Not all of these runs have a column"),
        ({"with": "second", "image": "99999"}, "Image 99999 is not in all"),
        ({"with": "second", "selected": "!!"}, "does not fit this run"),
    ],
)
def test_what_an_address_cannot_mean_is_said(
    params: dict[str, str], sentence: str, two: Analysed, open_page: OpenPage
) -> None:
    app = open_page(two.services, "compare", run=two.run_id, **params)
    said = [*(w.value for w in app.warning), *(e.value for e in app.error)]
    assert any(sentence in text.replace("\\", "") for text in said)
    assert not any("Something went wrong" in text for text in said)


def test_measuring_queues_a_job_a_run_and_shows_it(
    two: Analysed, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_services, "ensure_worker", lambda services: None)
    monkeypatch.setattr("dataeval_ui.ui.panels.job_list.ensure_worker", lambda services: None)
    app = open_page(two.services, "compare", run=two.run_id, **{"with": "second"})
    app.button(key="measure_planted").click().run()
    assert failures(app) == []
    jobs = two.services.catalog.list_jobs(states=("queued",))
    assert {job.payload["run"] for job in jobs} == {two.run_id, "second"}
    assert "planted copies of" in words(app)
    for job in jobs:
        two.services.catalog.request_cancel(job.id)


def test_a_row_of_one_run_is_the_same_image_in_the_other(two: Analysed) -> None:
    comparison = compare_runs(two.services, [two.run_id, "second"])
    runs = [open_run(two.services, run_id) for run_id in comparison.run_ids]
    place = place_of(comparison, 1, 17)
    assert place is not None
    assert runs[0].image_ids[comparison.rows[0][place]] == runs[1].image_ids[17]
    assert place_of(comparison, 0, 10**6) is None
