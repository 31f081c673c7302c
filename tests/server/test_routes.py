import io

import numpy as np
import pytest
from PIL import Image

from dataeval_ui.server.routes import IMMUTABLE
from dataeval_ui.ui.components.frontend_files import frontend_digest

FAKE = "/api/runs/fake"


def test_points_are_a_count_then_x_then_y(client, run):
    content = client.get(f"{FAKE}/points").content
    assert np.frombuffer(content[:4], "<u4")[0] == 6
    xy = np.frombuffer(content[4:], "<f4").reshape(2, 6)
    np.testing.assert_array_equal(xy.T, run.projection.xy)


@pytest.mark.parametrize(("name", "dtype"), [("label", "u1"), ("wide", "<u2"), ("score", "<f4")])
def test_a_column_has_the_narrowest_type_that_holds_it(client, run, name, dtype):
    values = np.frombuffer(client.get(f"{FAKE}/columns/{name}").content, dtype)
    column = run.columns[name]
    np.testing.assert_array_equal(values, column.values if column.codes is None else column.codes)


@pytest.mark.parametrize("path", ["points", "columns/label", "neighbours/0", "thumbs/0", "thumbs?rows=0,3", "images/0"])
def test_data_is_kept_for_ever_and_asked_for_once(client, path):
    first = client.get(f"{FAKE}/{path}")
    assert first.status_code == 200
    assert first.headers["cache-control"] == IMMUTABLE
    assert first.headers["x-content-type-options"] == "nosniff"
    again = client.get(f"{FAKE}/{path}", headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"{FAKE}/{path}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_nearest_neighbours_of_a_row_are_sent_as_rows(client, run):
    rows = np.frombuffer(client.get(f"{FAKE}/neighbours/5").content, "<u4")
    np.testing.assert_array_equal(rows, run.graph.indices[5])


def unpacked(content):
    n = int(np.frombuffer(content[:4], "<u4")[0])
    lengths = np.frombuffer(content[4 : 4 + 4 * n], "<u4")
    assert 4 + 4 * n + lengths.sum() == len(content)
    ends = 4 + 4 * n + np.cumsum(lengths)
    return [content[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def test_thumbnails_come_together_in_the_order_that_was_asked_for(client, run):
    answer = client.get(f"{FAKE}/thumbs?rows=3,0,3")
    assert unpacked(answer.content) == [run.thumbnail(3), run.thumbnail(0), run.thumbnail(3)]
    assert answer.headers["cache-control"] == IMMUTABLE
    other = client.get(f"{FAKE}/thumbs?rows=0,3")
    assert other.headers["etag"] != answer.headers["etag"]


def test_a_lost_thumbnail_among_others_is_empty_and_is_asked_for_again(client, run):
    answer = client.get(f"{FAKE}/thumbs?rows=0,1")
    assert unpacked(answer.content) == [run.thumbnail(0), b""]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "rows", ["", "a", "-1", "0,", "0,1.5", "0;1", "9" * 30, "6", "0,6", "0%00", ",".join("0" * 201), "0," * 5000]
)
def test_rows_that_are_none_get_a_sentence(client, rows):
    answer = client.get(f"{FAKE}/thumbs?rows={rows}")
    assert answer.status_code in (400, 404)
    assert len(answer.json()["error"]) < 200


def test_different_things_have_different_tags(client):
    paths = [
        "points",
        "columns/label",
        "columns/wide",
        "neighbours/0",
        "neighbours/1",
        "thumbs/0",
        "thumbs/3",
        "images/0",
    ]
    assert len({client.get(f"{FAKE}/{path}").headers["etag"] for path in paths}) == len(paths)


def test_numbers_are_sent_without_compression(client):
    answer = client.get(f"{FAKE}/points", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "identity"


def test_a_whole_image_is_decoded_and_written_anew(client, run):
    answer = client.get(f"{FAKE}/images/0")
    assert answer.headers["content-type"] == "image/jpeg"
    image = Image.open(io.BytesIO(answer.content))
    assert image.format == "JPEG"
    assert max(image.size) <= 2048
    assert run.raw[:64] not in answer.content


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/api/runs/nope/points", 404, "There is no run named 'nope'"),
        ("/api/runs/nope/thumbs/0", 404, "There is no run named 'nope'"),
        (f"{FAKE}/columns/lable", 404, "Did you mean 'label'?"),
        (f"{FAKE}/neighbours/6", 400, "There is no image 6 in this run"),
        (f"{FAKE}/thumbs/6", 400, "There is no image 6 in this run"),
        (f"{FAKE}/thumbs/99999999999999999999", 400, "There is no image"),
        (f"{FAKE}/images/6", 400, "There is no image 6 in this run"),
        (f"{FAKE}/thumbs/1", 410, "lost this thumbnail"),
        (f"{FAKE}/images/2", 400, "is no longer in"),
        (f"{FAKE}/images/3", 410, "has changed since this run"),
        (f"{FAKE}/images/4", 403, "leaves"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(client, path, status, sentence):
    answer = client.get(path)
    assert answer.status_code == status
    assert sentence in answer.json()["error"]
    assert "cache-control" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "thumbs/-1",
        "neighbours/-1",
        "neighbours/a",
        "thumbs/a",
        "thumbs/1.5",
        "thumbs/" + "9" * 5000,
        "images/%D9%A1",
        "images/../../etc/passwd",
        "images/%2e%2e",
    ],
)
def test_a_row_is_a_whole_number_from_0(client, path):
    assert client.get(f"{FAKE}/{path}").status_code == 404


def test_the_components_modules_are_served_under_their_digest(client):
    answer = client.get(f"/api/frontend/{frontend_digest()}/map/index.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == IMMUTABLE
    for path in ("0000/map/index.js", f"{frontend_digest()}/../routes.py", f"{frontend_digest()}/%2e%2e/mount.py"):
        assert client.get(f"/api/frontend/{path}").status_code == 404


def test_health_is_answered(client):
    assert client.get("/api/health").json() == {"status": "ok"}


@pytest.mark.parametrize("query", ["", "?embed=true&x=%2F%2Fevil.example"])
def test_the_first_page_has_its_own_address_too(client, query):
    answer = client.get(f"/datasets{query}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, f"./{query}")


def test_the_server_decodes_nothing_that_no_run_has_decoded(client, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("decoded")

    monkeypatch.setattr("dataeval_ui.data.decode.open_header", refuse)
    answer = client.get(f"{FAKE}/images/3")
    assert answer.status_code == 410
