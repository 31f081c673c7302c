import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from dataeval_ui.server.access import AccessMiddleware, Viewer, host_name, is_loopback, is_same_origin, may
from dataeval_ui.services.access import OWNER


def test_the_person_at_this_machine_may_everything():
    for action in ("view", "comment", "decide", "upload", "manage"):
        assert may(OWNER, action, "run").allowed


def test_everyone_else_may_nothing_and_is_told_why():
    permission = may(Viewer(role="nobody"), "view", "run")
    assert not permission.allowed
    assert permission.reason == "Log in, or open the link that you were sent."


@pytest.mark.parametrize(
    "name", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_these_names_are_this_machine(name):
    assert is_loopback(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "0.0.0.0",
        "192.168.1.4",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example",
        "::",
        "2130706433",
    ],
)
def test_these_are_not(name):
    assert not is_loopback(name)


@pytest.mark.parametrize(
    ("header", "name"),
    [("localhost:8501", "localhost"), ("[::1]:8501", "::1"), ("127.0.0.1", "127.0.0.1"), ("", ""), ("[::1", "")],
)
def test_a_host_header_is_read_without_its_port(header, name):
    assert host_name(header) == name


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8501", "127.0.0.1.evil.example", "user@evil.example", ""]
)
@pytest.mark.parametrize("path", ["/api/health", "/api/runs/fake/points", "/"])
def test_another_host_name_is_refused_everywhere(client, host, path):
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert answer.text == "Open this server by the address that it printed."


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:9", "[::1]:8501"])
def test_names_of_this_machine_are_answered(client, host):
    assert client.get("/api/health", headers={"Host": host}).status_code == 200


def test_another_machine_is_refused_even_by_the_right_name(connect):
    answer = connect(address="192.168.1.7").get("/api/runs/fake/points")
    assert answer.status_code == 403
    assert answer.text == "This server answers its own machine alone."


def test_a_request_through_a_proxy_is_not_local(client):
    assert client.get("/api/health", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 403


def test_answers_cannot_be_framed_by_other_sites(client):
    headers = client.get("/api/health").headers
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["referrer-policy"] == "same-origin"


def test_a_page_may_load_from_this_server_alone(client):
    policy = client.get("/api/health").headers["content-security-policy"]
    sources = {word for part in policy.split("; ") for word in part.split()[1:]}
    assert sources <= {
        "'self'", "'none'", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:", "ws://127.0.0.1:8501",
        "wss://127.0.0.1:8501",
    }  # fmt: skip


@pytest.mark.parametrize("host", ["localhost; script-src *", "127.0.0.1 https://evil.example", "localhost/evil"])
def test_a_host_header_cannot_write_into_the_policy(client, host):
    answer = client.get("/api/health", headers={"Host": host})
    assert answer.status_code == 403
    assert "content-security-policy" not in answer.headers


def test_a_web_socket_of_another_host_name_is_closed_before_it_opens():
    async def echo(socket):
        await socket.accept()
        await socket.send_text("open")
        await socket.close()

    app = AccessMiddleware(Starlette(routes=[WebSocketRoute("/stream", echo)]))
    with TestClient(app, client=("127.0.0.1", 1)).websocket_connect("/stream", headers={"Host": "localhost"}) as socket:
        assert socket.receive_text() == "open"
    client = TestClient(app, client=("127.0.0.1", 1))
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client.websocket_connect("/stream", headers={"Host": "evil.example"}),
    ):
        pass


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"host": "localhost:8501", "origin": "http://localhost:8501"}, True),
        ({"host": "localhost:8501"}, True),
        ({"host": "localhost:8501", "origin": "http://localhost:9999"}, False),
        ({"host": "localhost:8501", "origin": "http://evil.example"}, False),
        ({"host": "localhost:8501", "origin": "null"}, False),
        ({"host": "localhost:8501", "sec-fetch-site": "cross-site"}, False),
        ({"host": "localhost:8501", "origin": "http://localhost:8501", "sec-fetch-site": "same-origin"}, True),
    ],
)
def test_a_post_comes_from_our_own_page_or_from_a_program(headers, same):
    assert is_same_origin(headers) is same


@pytest.mark.parametrize(
    ("origin", "opens"),
    [
        ("http://localhost:8501", True),
        (None, True),
        ("http://localhost:3000", False),
        ("http://127.0.0.1:8501", False),
        ("http://evil.example", False),
        ("null", False),
    ],
)
def test_a_web_socket_is_opened_by_our_own_pages_alone(origin, opens):
    async def echo(socket):
        await socket.accept()
        await socket.send_text("open")
        await socket.close()

    app = AccessMiddleware(Starlette(routes=[WebSocketRoute("/stream", echo)]))
    client = TestClient(app, client=("127.0.0.1", 1))
    headers = {"Host": "localhost:8501"} | ({} if origin is None else {"Origin": origin})
    if opens:
        with client.websocket_connect("/stream", headers=headers) as socket:
            assert socket.receive_text() == "open"
        return
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client.websocket_connect("/stream", headers=headers),
    ):
        pass


@pytest.mark.parametrize("name", ["Via", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto", "CF-Connecting-IP"])
def test_no_proxy_passes_for_this_machine(client, name):
    assert client.get("/api/health", headers={name: "127.0.0.1"}).status_code == 403


def test_other_sites_cannot_embed_an_image(client):
    assert client.get("/api/health").headers["cross-origin-resource-policy"] == "same-origin"
