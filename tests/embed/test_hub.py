"""The real client of the hub against a small hub on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dataeval_ui.embed import hub
from dataeval_ui.embed.backbones import get_backbone
from dataeval_ui.embed.checkpoints import resolve_checkpoint
from dataeval_ui.errors import BackboneUnavailableError
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import open_workspace

FILE = "/timm/resnet50.a1_in1k/resolve/main/model.safetensors"
BODY = bytes(range(256)) * 40


class _Hub(BaseHTTPRequestHandler):
    behaviour = "ok"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()
        if self.behaviour == "ok":
            self.wfile.write(BODY)

    def _answer(self) -> None:
        if self.behaviour == "slow":
            time.sleep(1.0)
        status = int(self.behaviour) if self.behaviour.isdigit() else 200 if self.path == FILE else 404
        self.send_response(status)
        if self.behaviour == "ok":
            self.send_header("ETag", '"1234"')
            self.send_header("X-Repo-Commit", "a" * 40)
            self.send_header("Content-Length", str(len(BODY)))
        else:
            self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
        address + "/{repo_id}/resolve/{revision}/{filename}",
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hub, "TIMEOUT_S", 0.3)
    yield server
    server.shutdown()
    server.server_close()


def test_weights_come_from_the_hub_once(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = open_workspace(tmp_path / "workspace")
    settings = Settings(workspace=workspace.root)
    monkeypatch.setattr(_Hub, "behaviour", "ok")
    first = resolve_checkpoint(get_backbone("resnet50"), settings=settings, workspace=workspace)
    assert first.path.read_bytes() == BODY
    monkeypatch.setattr(_Hub, "behaviour", "500")
    assert resolve_checkpoint(get_backbone("resnet50"), settings=settings, workspace=workspace) == first


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("401", "status 401 for timm/resnet50.a1_in1k: it is gated or private; accept its terms at"),
        ("403", "status 403 for timm/resnet50.a1_in1k: it is gated or private; accept its terms at"),
        ("404", "the hub answers with status 404 for timm/resnet50.a1_in1k"),
        ("500", "the hub answers with status 500 for timm/resnet50.a1_in1k"),
        ("page", "what answers is no model hub"),
        ("slow", "the hub cannot be reached"),
    ],
)
def test_a_hub_that_fails_is_told_in_one_sentence(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, why: str
) -> None:
    monkeypatch.setattr(_Hub, "behaviour", behaviour)
    workspace = open_workspace(tmp_path / "workspace")
    with pytest.raises(BackboneUnavailableError, match="efficientnet-lite0 works now") as caught:
        resolve_checkpoint(get_backbone("resnet50"), settings=Settings(workspace=workspace.root), workspace=workspace)
    assert why in str(caught.value)


def test_a_hub_that_is_away_is_told_in_one_sentence(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.shutdown()
    server.server_close()
    workspace = open_workspace(tmp_path / "workspace")
    with pytest.raises(BackboneUnavailableError, match="the hub cannot be reached"):
        resolve_checkpoint(get_backbone("resnet50"), settings=Settings(workspace=workspace.root), workspace=workspace)
