"""A server with two runs, to be attacked: a workspace, its routes behind the door, and browsers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from dataeval_ui.server.access import AccessMiddleware, viewer_of
from dataeval_ui.server.door import door_routes
from dataeval_ui.server.routes import data_routes
from dataeval_ui.server.uploads import upload_routes
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.login import Gate, LoginMode
from dataeval_ui.settings import load_settings
from dataeval_ui.types import AnalysisParams, LabelRule
from tests.fake_run import FakeRun
from tests.fakes import KEY

RUNS = ("fake", "other")


@dataclass(frozen=True)
class Door:
    """A workspace with two runs, and how to open browsers on its server."""

    services: Services
    browser: Callable[..., TestClient]
    gate: Gate


def make_door(
    folder: Path, *, login: LoginMode = "none", clock: Callable[[], float] | None = None, catalog_url: str = ""
) -> Door:
    given = {"workspace": folder / "workspace", "login": "auto", "catalog_url": catalog_url}
    services = open_services(load_settings(given, environment={}))
    dataset = services.catalog.add_dataset(
        name="cats", source="s", root=str(folder), rule=LabelRule(), kind="folder", manifest_digest="ab"
    )
    for run_id in RUNS:
        services.catalog.add_run(
            id=run_id, dataset_id=dataset.id, name=run_id, backbone="tiny", key=KEY, manifest_digest="ab",
            params=AnalysisParams(),
        )  # fmt: skip
    runs = {run_id: FakeRun(folder) for run_id in RUNS}
    gate = Gate(clock) if clock else Gate()

    def page(request: Request) -> PlainTextResponse:
        viewer = viewer_of(request)
        return PlainTextResponse(f"{viewer.role} {viewer.run_id}")

    async def stream(socket: Any) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await socket.send_bytes(await socket.receive_bytes())

    routes = [
        *data_routes(runs.__getitem__, services.settings),
        *upload_routes(services.settings),
        *door_routes(lambda: services, gate, login=login),
        Route("/_stcore/upload_file/{session}/{file}", page, methods=["PUT"]),
        WebSocketRoute("/_stcore/stream", stream),
        Route("/{rest:path}", page),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(AccessMiddleware, services=lambda: services, login=login)])

    def browser(*, address: str = "127.0.0.1", base_url: str = "http://127.0.0.1:8501") -> TestClient:
        return TestClient(app, base_url=base_url, client=(address, 50000), follow_redirects=False)

    return Door(services=services, browser=browser, gate=gate)
