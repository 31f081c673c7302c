"""Workspaces that pages are shown: an empty one, and the demo's finished run with and without hostile text."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pyarrow as pa
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dataeval_ui.services import shared
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.settings import load_settings
from dataeval_ui.store.manifests import load_manifest, save_manifest
from dataeval_ui.types import Manifest

MAIN = Path(__file__).parents[2] / "dataeval_ui" / "ui" / "main.py"
HOSTILE = "**x** <img src=x onerror=alert(1)> $x$ :red[a] `c` [l](javascript:alert(1)) :material/home: --> www.a.b"
HOSTILE_RUN = "hostile"

OpenPage = Callable[..., AppTest]


@dataclass(frozen=True)
class Analysed:
    """A workspace with the demo's run, and the same run with hostile labels, paths and names."""

    services: Services
    run_id: str


def open_workspace(folder: Path) -> Services:
    return open_services(load_settings({"workspace": folder, "data_roots": [folder.parent]}, environment={}))


@pytest.fixture(scope="session")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    """Shared by all tests, which must not change it."""
    services = open_workspace(tmp_path_factory.mktemp("analysed") / "workspace")
    run = install_demo(services)
    add_hostile(services)
    return Analysed(services=services, run_id=run.id)


def add_hostile(services: Services) -> None:
    """Copy the demo's dataset and run; one label, one path, the split's and the dataset's name are hostile."""
    catalog, workspace = services.catalog, services.workspace
    run = catalog.list_runs()[0]
    dataset = catalog.get_dataset(run.dataset_id)
    table = load_manifest(workspace, run.manifest_digest).table
    first = table["label"][0].as_py()
    labels = [HOSTILE if label == first else label for label in table["label"].to_pylist()]
    paths = [f"{HOSTILE}/{path}" if i % 7 == 0 else path for i, path in enumerate(table["path"].to_pylist())]
    reasons = [None if reason is None else HOSTILE for reason in table["reason"].to_pylist()]
    for name, values in (("label", labels), ("path", paths), ("reason", reasons)):
        table = table.set_column(table.column_names.index(name), name, pa.array(values, pa.string()))
    table = table.append_column(f"meta.{HOSTILE}", pa.array([HOSTILE] * table.num_rows, pa.string()))
    manifest = Manifest(table=table, digest="hostile")
    save_manifest(workspace, manifest)
    shutil.copytree(workspace.run_dir(run.id), workspace.run_dir(HOSTILE_RUN))
    copy = {f.name: getattr(dataset, f.name) for f in fields(dataset)}
    added = catalog.add_dataset(**{**copy, "id": "hostile", "name": HOSTILE, "source": HOSTILE})
    copy = {f.name: getattr(run, f.name) for f in fields(run)}
    changes = {"id": HOSTILE_RUN, "dataset_id": added.id, "name": HOSTILE, "manifest_digest": manifest.digest}
    catalog.add_run(**{**copy, **changes})


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    """Open a page of a workspace in a fresh session."""

    def open_(services: Services, page: str = "datasets", **params: str | list[str]) -> AppTest:
        monkeypatch.setenv("DATAEVAL_UI_WORKSPACE", str(services.workspace.root))
        monkeypatch.setenv("DATAEVAL_UI_DATA_ROOTS", str(services.workspace.root.parent))
        shared.shared_services.cache_clear()
        shared._opened.cache_clear()
        st.cache_data.clear()
        app = AppTest.from_file(MAIN, default_timeout=60).run()
        for name, value in params.items():
            app.query_params[name.replace("__", ".")] = value
        return app.switch_page(f"app_pages/{page}.py").run() if page != "datasets" or params else app

    yield open_
    shared.shared_services.cache_clear()
    shared._opened.cache_clear()


def failures(app: AppTest) -> list[str]:
    """Everything that a page says went wrong."""
    return [error.value for error in app.error] + [error.message for error in app.exception]


def words(app: AppTest) -> str:
    """All text of a page that is Markdown, in one string."""
    return "\n".join(str(e.value) for e in (*app.markdown, *app.caption, *app.subheader, *app.error, *app.warning))
