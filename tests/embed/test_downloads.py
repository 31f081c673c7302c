"""A file at one address, from a small server on this machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dataeval_ui.embed import downloads
from dataeval_ui.embed.downloads import fetch_url
from dataeval_ui.embed.hub import HubError

BODY = bytes(range(256)) * 64


class _Server(BaseHTTPRequestHandler):
    behaviour = "ok"
    asked: list[str] = []  # noqa: RUF012 - shared on purpose

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.asked.append(wanted)
        if self.behaviour.isdigit():
            self.send_error(int(self.behaviour))
            return
        body = b"<html>log in first</html>" if self.behaviour == "page" else BODY
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.behaviour != "whole" else 0
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : start + 1000] if self.behaviour == "cut" else body[start:])


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(_Server, "asked", [])
    monkeypatch.setattr(_Server, "behaviour", "ok")
    monkeypatch.setattr(downloads, "TIMEOUT_S", 2.0)
    yield f"http://127.0.0.1:{server.server_address[1]}/w.pth"
    server.shutdown()
    server.server_close()


def test_a_file_comes_whole_and_is_checked(address: str, tmp_path: Path) -> None:
    digest = hashlib.sha256(BODY).hexdigest()[:8]
    path = fetch_url(address, tmp_path / "new" / "w.pth", sha256=digest)
    assert path.read_bytes() == BODY
    assert [p.name for p in path.parent.iterdir()] == ["w.pth"]


@pytest.mark.parametrize("then", ["ok", "whole"])
def test_a_cut_download_goes_on_where_it_ended(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    monkeypatch.setattr(_Server, "behaviour", "cut")
    with pytest.raises(HubError, match=r"127\.0\.0\.1 stopped answering; the next try goes on"):
        fetch_url(address, tmp_path / "w.pth")
    assert not (tmp_path / "w.pth").exists()
    monkeypatch.setattr(_Server, "behaviour", then)  # "whole": a server that knows no ranges sends all of it
    assert fetch_url(address, tmp_path / "w.pth").read_bytes() == BODY
    assert _Server.asked == ["", "bytes=1000-"]


def test_a_download_that_was_ended_before_its_last_step_is_not_fetched_again(address: str, tmp_path: Path) -> None:
    (tmp_path / "w.pth.part").write_bytes(BODY)
    assert fetch_url(address, tmp_path / "w.pth").read_bytes() == BODY


@pytest.mark.parametrize(
    ("behaviour", "sha256", "why"),
    [
        ("404", "", "127.0.0.1 answers with status 404"),
        ("page", "", "gives is another file than expected"),
        ("ok", "00000000", "gives is another file than expected"),
    ],
)
def test_a_server_that_fails_is_told_and_leaves_nothing(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str, sha256: str, why: str
) -> None:
    monkeypatch.setattr(_Server, "behaviour", behaviour)
    with pytest.raises(HubError, match=why):
        fetch_url(address, tmp_path / "w.pth", sha256=sha256)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(HubError, match=r"127\.0\.0\.1 cannot be reached"):
        fetch_url("http://127.0.0.1:9/w.pth", tmp_path / "w.pth")
