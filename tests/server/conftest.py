from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from dataeval_ui.server.access import AccessMiddleware
from dataeval_ui.server.routes import data_routes
from dataeval_ui.server.uploads import upload_routes
from dataeval_ui.settings import Settings
from tests.fake_run import FakeRun, open_fake_run

Connect = Callable[..., TestClient]


@pytest.fixture
def run(tmp_path: Path) -> FakeRun:
    return FakeRun(tmp_path)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(workspace=tmp_path / "workspace", max_upload_bytes=1000, max_archive_files=5)


@pytest.fixture
def connect(run: FakeRun, settings: Settings) -> Connect:
    """Make a client of the routes, by default one at this machine."""
    app = Starlette(
        routes=[*data_routes(open_fake_run(run), settings), *upload_routes(settings)],
        middleware=[Middleware(AccessMiddleware, hosts=())],
    )

    def client(*, base_url: str = "http://127.0.0.1:8501", address: str = "127.0.0.1") -> TestClient:
        return TestClient(app, base_url=base_url, client=(address, 50000))

    return client


@pytest.fixture
def client(connect: Connect) -> TestClient:
    return connect()
