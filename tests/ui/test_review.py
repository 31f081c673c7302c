"""The Review page's reviewers: parts that the owner gives, progress, and the queue filtered by them."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dataeval_ui.services.access import OWNER, Viewer
from dataeval_ui.services.assignments import assign_parts
from dataeval_ui.services.context import Services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.review import decide, review_queue
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from tests.ui.conftest import HOSTILE, OpenPage, failures, open_workspace, words

ANN = Viewer(role="decide", name=f"ann {HOSTILE}")


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return open_workspace(tmp_path / "workspace")


@pytest.fixture
def run(services: Services) -> Run:
    return open_run(services, install_demo(services).id)


def button(app: AppTest, label: str) -> AppTest:
    return next(b for b in app.button if b.label == label).click().run()


def test_the_owner_divides_the_findings_and_takes_them_back(services: Services, run: Run, open_page: OpenPage) -> None:
    items = review_queue(run)
    decide(run, items[0], "keep", viewer=ANN)
    app = open_page(services, "review", run=run.id, show="agreement")
    assert failures(app) == []
    app.multiselect[0].set_value(["owner", ANN.name]).run()
    app.slider[0].set_value(50).run()
    app = button(app, "Divide the findings")
    assert failures(app) == []
    parts = services.catalog.list_assignments(run.id)
    assert set(parts) == {item.key for item in items}
    assert sum(len(names) == 2 for names in parts.values()) == (len(items) - 1) // 2
    assert parts[items[0].key] == (ANN.name,)
    assert any(f"{len(items)} findings are divided" in message.value for message in app.success)
    progress = app.dataframe[0].value
    assert list(progress["Decided in all"]) == [1, 0] or list(progress["Decided in all"]) == [0, 1]
    app = button(app, "Take the parts back")
    assert services.catalog.list_assignments(run.id) == {}
    assert failures(app) == []


def test_the_queue_shows_a_part_first_and_another_reviewers_on_request(
    services: Services, run: Run, open_page: OpenPage
) -> None:
    items = review_queue(run)
    assign_parts(run, items, ["owner", ANN.name], viewer=OWNER, overlap=0)
    n_mine = sum("owner" in names for names in services.catalog.list_assignments(run.id).values())
    app = open_page(services, "review", run=run.id)
    assert failures(app) == []
    assert f"**1** of {n_mine}" in words(app)
    others = open_page(services, "review", run=run.id, who=ANN.name, state="all")
    assert f"**1** of {len(items) - n_mine}" in words(others)
    everybody = open_page(services, "review", run=run.id, who="*", state="all")
    assert f"**1** of {len(items)}" in words(everybody)
    unknown = open_page(services, "review", run=run.id, who="nobody at all", state="all")
    assert failures(unknown) == []
    assert f"**1** of {len(items)}" in words(unknown)


def test_the_results_are_offered_in_four_formats(services: Services, run: Run, open_page: OpenPage) -> None:
    app = open_page(services, "review", run=run.id, show="results")
    assert failures(app) == []
    labels = [element.proto.label for element in app.get("download_button")]
    assert labels == ["CSV", "Parquet", "JSON", "COCO"] * 2
