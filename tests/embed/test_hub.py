"""The real client of the hub against a small hub on this machine."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from dataeval_ui.cli import main
from dataeval_ui.embed import hub
from dataeval_ui.embed.backbones import get_backbone
from dataeval_ui.embed.checkpoints import find_weights, resolve_checkpoint
from dataeval_ui.embed.named_backbones import resolve_name
from dataeval_ui.embed.pins import Pin, pin_of
from dataeval_ui.errors import BackboneUnavailableError
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import Workspace, open_workspace

MAE = get_backbone("mae-base")  # the registry pins no commit
REPOSITORY = "timm/vit_base_patch16_224.mae"
FIRST, SECOND = "a" * 40, "b" * 40
BODIES = {FIRST: bytes(range(256)) * 40, SECOND: bytes(range(256)) * 40 + b"more"}
NAMED = {
    "owner/vit/config.json": {FIRST: b"{}", SECOND: b"{}"},
    "owner/vit/preprocessor_config.json": {FIRST: b'{"size": 32}', SECOND: b'{"size": 64}'},
    "owner/vit/model.safetensors": BODIES,
}
"""A repository of transformers whose second commit prepares images otherwise."""


class _Hub(BaseHTTPRequestHandler):
    """A hub with files of two commits; `main` is where its branch stands."""

    behaviour = "ok"
    main = FIRST
    files: ClassVar[dict[str, dict[str, bytes]]] = {f"{REPOSITORY}/model.safetensors": BODIES, **NAMED}

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        body = self._answer()
        if self.behaviour in ("ok", "wrong"):
            self.wfile.write(body)

    def _answer(self) -> bytes:
        if self.behaviour == "slow":
            time.sleep(1.0)
        found = re.fullmatch(r"/([\w./-]+)/resolve/(\w+)/([\w.]+)", self.path)
        commit = self.main if found is not None and found[2] == "main" else found[2] if found is not None else ""
        bodies = {} if found is None else self.files.get(f"{found[1]}/{found[3]}", {})
        status = int(self.behaviour) if self.behaviour.isdigit() else 200 if commit in bodies else 404
        body = bodies.get(commit, b"")
        if self.behaviour == "wrong":
            body = bytes(len(body))
        self.send_response(status)
        if self.behaviour in ("ok", "wrong"):
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", commit)
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Content-Length", "0")
        self.end_headers()
        return body


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
    monkeypatch.setattr(_Hub, "behaviour", "ok")
    monkeypatch.setattr(_Hub, "main", FIRST)
    yield server
    server.shutdown()
    server.server_close()


def test_weights_come_from_the_hub_once(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = open_workspace(tmp_path / "workspace")
    settings = Settings(workspace=workspace.root)
    first = resolve_checkpoint(MAE, settings=settings, workspace=workspace)
    assert first.path.read_bytes() == BODIES[FIRST]
    monkeypatch.setattr(_Hub, "behaviour", "500")
    assert resolve_checkpoint(MAE, settings=settings, workspace=workspace) == first


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("401", "status 401 for timm/vit_base_patch16_224.mae: it is gated or private; accept its terms at"),
        ("403", "status 403 for timm/vit_base_patch16_224.mae: it is gated or private; accept its terms at"),
        ("404", "the hub answers with status 404 for timm/vit_base_patch16_224.mae"),
        ("500", "the hub answers with status 500 for timm/vit_base_patch16_224.mae"),
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
        resolve_checkpoint(MAE, settings=Settings(workspace=workspace.root), workspace=workspace)
    assert why in str(caught.value)


def test_a_hub_that_is_away_is_told_in_one_sentence(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.shutdown()
    server.server_close()
    workspace = open_workspace(tmp_path / "workspace")
    with pytest.raises(BackboneUnavailableError, match="the hub cannot be reached"):
        resolve_checkpoint(MAE, settings=Settings(workspace=workspace.root), workspace=workspace)


@pytest.fixture
def workspace(server: ThreadingHTTPServer, tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


def fetched(workspace: Workspace) -> bytes:
    settings = Settings(workspace=workspace.root)
    return resolve_checkpoint(MAE, settings=settings, workspace=workspace).path.read_bytes()


def told(workspace: Workspace, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, object]:
    assert main(["backbones", "mae-base", "--json", *options, "--workspace", str(workspace.root)]) == 0
    (row,) = json.loads(capsys.readouterr().out)["backbones"]
    return dict(row)


def test_the_first_use_pins_the_commit_and_the_file(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert pin_of(MAE, workspace) is None
    assert told(workspace, capsys)["revision"] == "pinned at first use"
    fetched(workspace)
    assert pin_of(MAE, workspace) == Pin(revision=FIRST, sha256=hashlib.sha256(BODIES[FIRST]).hexdigest())
    assert told(workspace, capsys)["revision"] == FIRST


def test_what_is_pinned_is_used_and_fetched_again_when_the_hub_goes_on(
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fetched(workspace)
    monkeypatch.setattr(_Hub, "main", SECOND)
    assert hub.fetch_file(MAE.hub or "").read_bytes() == BODIES[SECOND]  # another program follows the branch
    assert fetched(workspace) == BODIES[FIRST]
    shutil.rmtree(tmp_path / "cache")
    with caplog.at_level(logging.WARNING):
        assert fetched(workspace) == BODIES[FIRST]
    assert f"the hub has gone on to {SECOND}; {FIRST}, which is pinned, is used" in caplog.text
    row = told(workspace, capsys, "--newest")
    assert (row["revision"], row["newest"]) == (FIRST, SECOND)


def test_another_file_at_the_pinned_commit_is_refused_and_not_kept(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched(workspace)
    shutil.rmtree(tmp_path / "cache")
    monkeypatch.setattr(_Hub, "behaviour", "wrong")
    with pytest.raises(BackboneUnavailableError, match="is another file than is pinned"):
        fetched(workspace)
    assert find_weights(MAE, settings=Settings(workspace=workspace.root), workspace=workspace) is None
    monkeypatch.setattr(_Hub, "behaviour", "ok")
    assert fetched(workspace) == BODIES[FIRST]


def test_damaged_pins_are_made_anew(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched(workspace)
    pins = workspace.models_dir / "pinned-weights.json"
    for damage in ("{", "[]", json.dumps({MAE.hub: {"revision": "../..", "sha256": "x"}})):
        pins.write_text(damage, encoding="utf-8")
        assert pin_of(MAE, workspace) is None
        fetched(workspace)
        assert pin_of(MAE, workspace) is not None


def test_what_somebody_laid_into_the_folder_is_not_pinned(workspace: Workspace) -> None:
    place = workspace.root / "weights" / "mae-base.safetensors"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"mine")
    assert fetched(workspace) == b"mine"
    assert pin_of(MAE, workspace) is None


def test_a_named_repository_prepares_images_as_the_commit_of_its_weights_does(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers", reason="needs the extra hf")
    settings = Settings(workspace=workspace.root)
    name = "hf:owner/vit"
    backbone = resolve_name(name, settings=settings, workspace=workspace)
    assert backbone.preprocessing.input_px == 32
    assert pin_of(backbone, workspace) == Pin(revision=FIRST, sha256="")
    monkeypatch.setattr(_Hub, "main", SECOND)  # between the configuration and the weights
    checkpoint = resolve_checkpoint(backbone, settings=settings, workspace=workspace)
    assert checkpoint.path.read_bytes() == BODIES[FIRST]
    pinned = Pin(revision=FIRST, sha256=hashlib.sha256(BODIES[FIRST]).hexdigest())
    assert pin_of(backbone, workspace) == pinned
    shutil.rmtree(tmp_path / "cache")
    hub.fetch_file("owner/vit/preprocessor_config.json")  # another program follows the branch
    assert resolve_name(name, settings=settings, workspace=workspace) == backbone
    assert resolve_checkpoint(backbone, settings=settings, workspace=workspace) == checkpoint
    assert pin_of(backbone, workspace) == pinned
    fresh = resolve_name(name, settings=settings, workspace=open_workspace(tmp_path / "another"))
    assert fresh.preprocessing.input_px == 64
