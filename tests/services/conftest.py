"""One small finished run, made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.datasets import add_dataset
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.runs import run_here
from dataeval_ui.settings import load_settings
from dataeval_ui.types import AnalysisParams, Json, Silent
from tests.exported import prepared
from tests.images import make_dataset


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
