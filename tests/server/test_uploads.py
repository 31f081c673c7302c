import asyncio
import contextlib
import errno
import io
import struct

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect

from dataeval_ui.errors import InputError, StorageError
from dataeval_ui.server.access import AccessMiddleware
from dataeval_ui.server.uploads import RecordReader, upload_routes
from dataeval_ui.services.uploads import (
    ABANDONED_S,
    UploadWriter,
    begin_upload,
    remove_abandoned,
    source_of_upload,
    uploads_dir,
)

OURS = {"X-DataEval-UI": "1"}


def record(name, content, *, n_bytes=None):
    encoded = name if isinstance(name, bytes) else name.encode()
    return struct.pack("<IQ", len(encoded), len(content) if n_bytes is None else n_bytes) + encoded + content


@pytest.fixture
def upload(client):
    return client.post("/api/uploads", headers=OURS).json()["id"]


def send(client, upload, body):
    return client.post(f"/api/uploads/{upload}/files", headers=OURS, content=body)


def left_over(settings):
    return [path.name for path in uploads_dir(settings).iterdir()] if uploads_dir(settings).exists() else []


def test_files_arrive_under_their_names_and_become_a_source(client, settings, upload):
    send(client, upload, record("pets/cat/1.png", b"one") + record("pets/dog/2.png", b""))
    assert send(client, upload, record("pets/dog/3.png", b"three")).json() == {"n_files": 3, "n_bytes": 8}
    done = client.post(f"/api/uploads/{upload}/done", headers=OURS)
    assert done.json() == {"id": upload, "n_files": 3, "n_bytes": 8}
    source = source_of_upload(settings, upload)
    assert source.name == "pets"
    assert (source / "cat" / "1.png").read_bytes() == b"one"
    assert (source / "dog" / "2.png").read_bytes() == b""
    assert left_over(settings) == [upload]


def test_an_archive_is_its_own_source(client, settings, upload):
    send(client, upload, record("pets.zip", b"PK"))
    client.post(f"/api/uploads/{upload}/done", headers=OURS)
    assert source_of_upload(settings, upload).name == "pets.zip"


def test_the_pieces_of_the_stream_do_not_matter(settings):
    stream = record("a.png", b"first") + record("b.png", b"") + record("c/d.png", b"the third")
    for size in (1, 2, 5, 12, 13, len(stream)):
        upload = begin_upload(settings)
        reader = RecordReader(UploadWriter(settings, upload))
        for start in range(0, len(stream), size):
            reader.feed(stream[start : start + size])
        reader.finish()
        folder = reader.writer.folder
        assert (folder / "a.png").read_bytes() == b"first"
        assert (folder / "b.png").read_bytes() == b""
        assert (folder / "c" / "d.png").read_bytes() == b"the third"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (record("../evil.png", b"x"), "leaves its folder"),
        (record("a/../../evil.png", b"x"), "leaves its folder"),
        (record("..\\evil.png", b"x"), "leaves its folder"),
        (record("/etc/passwd", b"x"), "is absolute"),
        (record("C:\\evil.png", b"x"), "is absolute"),
        (record("a\0.png", b"x"), "NUL"),
        (record(b"\xff\xfe.png", b"x"), "not UTF-8"),
        (record("a.png", b"x") + record("a.png", b"y"), "came twice"),
        (record("a", b"x") + record("a/b.png", b"y"), "came twice"),
        (record("", b"x"), "damaged"),
        (struct.pack("<IQ", 2**31, 1), "damaged"),
        (record("a.png", b"half", n_bytes=50), "broke off"),
        (b"\x01", "broke off"),
        (record("a.png", b"x" * 1001), "at most 1,000 bytes"),
        (record("a.png", b"", n_bytes=2**63), "at most 1,000 bytes"),
        (record("a.png", b"x" * 600) + record("b.png", b"x" * 600), "at most 1,000 bytes"),
        (b"".join(record(f"{k}.png", b"x") for k in range(6)), "at most 5 files"),
    ],
)
def test_a_bad_batch_is_refused_in_a_sentence_and_leaves_nothing(client, settings, upload, body, sentence):
    answer = send(client, upload, body)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert left_over(settings) == []
    assert client.post(f"/api/uploads/{upload}/done", headers=OURS).status_code == 400


def test_limits_hold_over_all_batches_together(client, settings, upload):
    assert send(client, upload, record("a.png", b"x" * 600)).status_code == 200
    assert send(client, upload, record("b.png", b"x" * 600)).status_code == 400
    assert left_over(settings) == []


def test_hidden_files_are_passed_over(client, settings, upload):
    send(client, upload, record(".DS_Store", b"junk") + record("__MACOSX/a.png", b"junk") + record("a.png", b"x"))
    assert client.post(f"/api/uploads/{upload}/done", headers=OURS).json()["n_files"] == 1


def test_an_upload_of_nothing_is_refused(client, upload):
    answer = client.post(f"/api/uploads/{upload}/done", headers=OURS)
    assert answer.status_code == 400
    assert "No file was sent" in answer.json()["error"]


def test_a_cancelled_upload_leaves_nothing(client, settings, upload):
    send(client, upload, record("a.png", b"x"))
    assert client.delete(f"/api/uploads/{upload}", headers=OURS).status_code == 200
    assert left_over(settings) == []


def test_a_finished_upload_takes_no_more_and_cannot_be_cancelled(client, settings, upload):
    send(client, upload, record("a.png", b"x"))
    client.post(f"/api/uploads/{upload}/done", headers=OURS)
    assert send(client, upload, record("b.png", b"x")).status_code == 400
    client.delete(f"/api/uploads/{upload}", headers=OURS)
    assert source_of_upload(settings, upload).read_bytes() == b"x"


@pytest.mark.parametrize("upload_id", ["0" * 32, "..", "%2e%2e", "0" * 31])
def test_an_upload_that_was_not_begun_is_not_known(client, upload_id):
    assert send(client, upload_id, record("a.png", b"x")).status_code in (400, 404, 405)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**OURS, "Origin": "http://evil.example"},
        {**OURS, "Origin": "null"},
        {**OURS, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1:8501"},
    ],
    ids=["no-header", "other-origin", "no-origin", "cross-site", "same-origin-without-header"],
)
def test_another_sites_page_cannot_upload(client, settings, headers):
    assert client.post("/api/uploads", headers=headers).status_code == 403
    assert left_over(settings) == []


def test_a_full_disk_is_said_before_a_byte_is_written(client, settings, upload, monkeypatch):
    monkeypatch.setattr("dataeval_ui.services.uploads.SPARE_BYTES", 2**62)
    answer = send(client, upload, record("a.png", b"x"))
    assert answer.status_code == 507
    assert "no room" in answer.json()["error"]
    assert left_over(settings) == []


def test_uploads_that_nobody_goes_on_with_are_removed(settings):
    old = begin_upload(settings)
    assert remove_abandoned(settings) == 0
    UploadWriter(settings, old)
    import time

    assert remove_abandoned(settings, now=time.time() + ABANDONED_S + 60) == 1
    with pytest.raises(InputError, match="no upload"):
        UploadWriter(settings, old)


class _FullDisk(io.BytesIO):
    def close(self):
        super().close()
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_with_the_last_bytes_is_a_sentence_and_leaves_nothing(client, settings, upload, monkeypatch):
    monkeypatch.setattr(UploadWriter, "create", lambda *_: _FullDisk())
    answer = send(client, upload, record("a.png", b"image"))
    assert answer.status_code == 507
    assert "No space left on device" in answer.json()["error"]
    assert left_over(settings) == []


def call(settings, upload, pieces, *, then):
    """Send a batch in pieces, as a server would hand it to the route; `then` comes after the last."""
    sent = []
    waiting = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]

    async def receive():
        if waiting:
            return waiting.pop(0)
        return await then()

    async def send_back(message):
        sent.append(message)

    headers = [(b"host", b"127.0.0.1:8501"), (b"x-dataeval-ui", b"1")]
    path = f"/api/uploads/{upload}/files"
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    scope |= {"headers": headers, "client": ("127.0.0.1", 5), "server": ("127.0.0.1", 8501), "scheme": "http"}
    app = AccessMiddleware(Starlette(routes=upload_routes(settings)))
    with contextlib.suppress(asyncio.CancelledError, ClientDisconnect):
        asyncio.run(app({**scope, "root_path": "", "http_version": "1.1"}, receive, send_back))
    return sent


def test_an_upload_that_falls_silent_is_dropped(settings, monkeypatch):
    monkeypatch.setattr("dataeval_ui.server.uploads.SILENCE_S", 0.05)
    upload = begin_upload(settings)
    sent = call(settings, upload, [record("a.png", b"image")[:-2]], then=lambda: asyncio.sleep(60))
    assert sent[0]["status"] == 400
    assert b"Nothing came for 0.05 s" in sent[1]["body"]
    assert left_over(settings) == []


def test_an_upload_whose_server_stops_leaves_nothing(settings):
    async def stop():
        raise asyncio.CancelledError

    upload = begin_upload(settings)
    call(settings, upload, [record("a.png", b"image")[:-2]], then=stop)
    assert left_over(settings) == []


def test_an_upload_whose_browser_leaves_leaves_nothing(settings):
    async def leave():
        return {"type": "http.disconnect"}

    upload = begin_upload(settings)
    call(settings, upload, [record("a.png", b"image")[:-2]], then=leave)
    assert left_over(settings) == []


def test_uploads_under_way_are_counted(settings, monkeypatch):
    monkeypatch.setattr("dataeval_ui.services.uploads.MAX_OPEN", 2)
    begin_upload(settings)
    begin_upload(settings)
    with pytest.raises(StorageError, match="2 uploads are under way already"):
        begin_upload(settings)
