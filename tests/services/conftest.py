"""One small finished run, made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dataeval_ui.services.access import OWNER, Viewer
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.datasets import add_dataset
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.review import undo
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run, run_here
from dataeval_ui.settings import load_settings
from dataeval_ui.types import AnalysisParams, Json, Silent
from tests.demo import install_demo
from tests.exported import prepared
from tests.images import make_dataset
from tests.postgres import emptied


@dataclass(frozen=True)
class Finished:
    """A workspace with a finished run of `folder`."""

    services: Services
    folder: Path
    summary: Json


def run_folder(services: Services, folder: Path, *, backbone: str = "efficientnet-lite0", **kwargs: object) -> Json:
    """Add a folder and run it here."""
    dataset = add_dataset(services, folder)
    request = RunRequest(dataset_id=dataset.id, backbone=backbone, params=AnalysisParams(), **kwargs)
    return run_here(services, request, Silent())


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A finished run, shared: tests must not change its workspace or folder."""
    base = tmp_path_factory.mktemp("finished")
    folder = make_dataset(base / "shapes")
    services = open_services(
        load_settings({"workspace": prepared(base / "workspace"), "n_decoders": 1}, environment={})
    )
    return Finished(services=services, folder=folder, summary=run_folder(services, folder))


@dataclass(frozen=True)
class Demo:
    """A workspace with the demo's run, and the address of its catalog, empty for SQLite."""

    folder: Path
    catalog_url: str

    def open(self) -> Services:
        given = {"workspace": self.folder, "data_roots": [self.folder.parent], "catalog_url": self.catalog_url}
        return open_services(load_settings(given, environment={}))


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    url = "" if request.param == "sqlite" else emptied(request.getfixturevalue("postgres_server"))
    made = Demo(tmp_path_factory.mktemp("review") / "workspace", url)
    install_demo(made.open())
    return made


@pytest.fixture
def run(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("DATAEVAL_UI_CATALOG_URL", demo.catalog_url)
    services = demo.open()
    run = open_run(services, services.catalog.list_runs()[0].id)
    for viewer in (OWNER, Viewer(role="decide", name="link bob", link_id="bob")):
        while undo(run, viewer=viewer):
            pass
    yield run
    services.catalog.close()
