"""Attacks on links: forged, truncated, expired, revoked, re-signed and other-run tokens; each route by each role."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect
from streamlit.proto.BackMsg_pb2 import BackMsg

from dataeval_ui.server.uploads import UPLOAD_HEADER
from dataeval_ui.services.links import cookie_name, make_link, parse_expiry, sign
from dataeval_ui.store.catalog_base import now_utc
from dataeval_ui.store.catalog_sharing import LinkRecord
from dataeval_ui.store.secret import workspace_secret
from tests.server.doors import Door, make_door

DAY = timedelta(days=1)
RUN_ROUTES = ("points", "columns/label", "thumbs/0", "thumbs?rows=0,1", "images/0")
TO_UPLOAD = {UPLOAD_HEADER: "1"}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Door]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = make_door(tmp_path, catalog_url=url)
    yield made
    made.services.catalog.close()


def invite(door: Door, *, role: str = "decide", run: str = "fake", **kwargs: object) -> tuple[LinkRecord, str]:
    return make_link(door.services, run, role=role, expires=DAY, **kwargs)  # type: ignore[arg-type]


def enter(door: Door, token: str) -> TestClient:
    client = door.browser()
    assert client.get(f"/s/{token}").status_code == 303
    return client


def end(door: Door, link: LinkRecord) -> None:
    """Let a link expire."""
    from dataeval_ui.store.catalog_tables import LINKS

    door.services.catalog._update(LINKS, LINKS.c.id == link.id, {"expires_at": now_utc() - DAY})


def told(door: Door) -> bytes:
    """Everything that a database server holds of the catalog."""
    from dataeval_ui.store.catalog_tables import METADATA

    return repr([door.services.catalog._rows(table.select()) for table in METADATA.tables.values()]).encode()


def test_the_first_visit_changes_the_token_for_a_cookie_that_scripts_cannot_read(door):
    _, token = invite(door)
    client = door.browser()
    answer = client.get(f"/s/{token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/explore?run=fake")
    set_cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in set_cookie
    assert "samesite=lax" in set_cookie
    assert "secure" not in set_cookie
    assert token.split(".")[1] not in set_cookie
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert client.get("/explore").text == "decide fake"


def test_the_cookie_is_secure_over_https(door):
    _, token = invite(door)
    client = door.browser(base_url="https://127.0.0.1:8501")
    assert "secure" in client.get(f"/s/{token}").headers["set-cookie"].lower()


def mutations(token: str) -> dict[str, str]:
    link_id, random, signature = token.split(".")
    other = "A" if signature[0] != "A" else "B"
    return {
        "truncated": token[:-1],
        "cut to its head": f"{link_id}.{random}",
        "forged signature": f"{link_id}.{random}.{other}{signature[1:]}",
        "other random part": f"{link_id}.{'A' * 22}.{signature}",
        "other link": f"{'0' * 16}.{random}.{signature}",
        "empty signature": f"{link_id}.{random}.",
        "longer": token + "A",
        "upper case": token.upper(),
        "a hash": hashlib.sha256(token.encode()).hexdigest(),
        "10,000 characters": "A" * 10_000,
        "NUL": token[:-1] + "%00",
        "path": "..%2f..%2fsecret.key",
        "not ASCII": "é" * 40,
    }


@pytest.mark.parametrize("kind", list(mutations("a.b.c")))
def test_a_token_that_we_did_not_make_opens_nothing(door, kind):
    _, token = invite(door)
    client = door.browser()
    answer = client.get(f"/s/{mutations(token)[kind]}")
    assert answer.status_code in (403, 404) or answer.text == "owner None", "a path that is no link's"
    assert "set-cookie" not in answer.headers
    assert token not in answer.text
    assert door.services.catalog.list_links()[0].n_uses == 0


def test_a_token_signed_anew_with_the_right_secret_needs_the_catalog_too(door):
    link, _ = invite(door)
    body = f"{link.id}.{'A' * 22}"
    forged = f"{body}.{sign(door.services, 'link', body)}"
    assert door.browser().get(f"/s/{forged}").status_code == 403


def test_a_token_of_another_workspace_opens_nothing(door, tmp_path_factory):
    _, token = invite(make_door(tmp_path_factory.mktemp("elsewhere")))
    assert door.browser().get(f"/s/{token}").status_code == 403


def test_a_token_is_no_cookie_and_a_cookie_no_token(door):
    _, token = invite(door, max_uses=1)
    client = enter(door, token)
    name = cookie_name(door.services, "guest")
    cookie = client.cookies[name]
    fresh = door.browser()
    assert fresh.get(f"/s/{cookie}").status_code == 403
    fresh.cookies.set(name, token)
    assert fresh.get("/explore").status_code == 403


def test_an_expired_link_lets_nobody_in_and_ends_those_who_are_in(door):
    link, token = invite(door)
    client = enter(door, token)
    end(door, link)
    assert client.get("/api/runs/fake/points").status_code == 403
    answer = door.browser().get(f"/s/{token}")
    assert answer.status_code == 403
    assert "This link has expired." in answer.text


def test_a_revoked_link_ends_at_the_next_request(door):
    link, token = invite(door)
    client = enter(door, token)
    assert client.get("/api/runs/fake/points").status_code == 200
    door.services.catalog.revoke_link(link.id)
    for route in RUN_ROUTES:
        assert client.get(f"/api/runs/fake/{route}").status_code == 403
    page = client.get("/explore", headers={"Accept": "text/html"})
    assert page.status_code == 403
    assert "This link was revoked." in page.text
    assert "was revoked" in door.browser().get(f"/s/{token}").text


def test_a_link_lets_in_as_many_browsers_as_it_may_and_those_stay(door):
    _, token = invite(door, max_uses=2)
    first, second = enter(door, token), enter(door, token)
    assert first.get(f"/s/{token}").status_code == 303, "the same browser again is no use"
    refused = door.browser().get(f"/s/{token}")
    assert refused.status_code == 403
    assert "as often as it may be" in refused.text
    assert first.get("/api/runs/fake/points").status_code == second.get("/api/runs/fake/points").status_code == 200
    assert door.services.catalog.list_links()[0].n_uses == 2


def test_a_look_ahead_is_no_visit(door):
    _, token = invite(door, max_uses=1)
    answer = door.browser().get(f"/s/{token}", headers={"Sec-Purpose": "prefetch;prerender"})
    assert answer.status_code == 403
    assert door.services.catalog.list_links()[0].n_uses == 0


@pytest.mark.parametrize("role", ["view", "comment", "decide"])
def test_each_route_by_each_role(door, role):
    client = enter(door, invite(door, role=role)[1])
    assert client.get("/explore").text == f"{role} fake"
    for route in RUN_ROUTES:
        assert client.get(f"/api/runs/fake/{route}").status_code == 200, route
        assert client.get(f"/api/runs/other/{route}").status_code == 403, f"{route} of another run"
    assert client.get("/api/runs/fake/columns/overlap.other").status_code == 403
    assert client.get("/api/runs/fake/thumbs/999999").status_code == 400
    assert client.get("/api/runs/fake/images/4").status_code == 403, "a link out of the root"
    assert client.post("/api/uploads", headers=TO_UPLOAD).status_code == 403
    assert client.delete("/api/uploads/0123456789abcdef", headers=TO_UPLOAD).status_code == 403
    assert client.put("/_stcore/upload_file/a/b", content=b"x").status_code == 403


@pytest.mark.parametrize("path", ["..%2fother", "%2e%2e/other", "/etc/passwd", "other%00", "fake%2f..%2fother", "FAKE"])
def test_no_spelling_of_a_path_leads_out_of_the_scope(door, path):
    client = enter(door, invite(door)[1])
    answer = client.get(f"/api/runs/{path}/points")
    assert answer.status_code in (403, 404) or answer.text == "decide fake", answer.status_code
    assert b"\x06\x00\x00\x00" not in answer.content


def test_the_owner_may_everything_and_is_a_guest_after_opening_a_link(door):
    client = door.browser()
    assert client.get("/").text == "owner None"
    assert client.post("/api/uploads", headers=TO_UPLOAD).status_code == 201
    client.get(f"/s/{invite(door)[1]}")
    assert client.get("/").text == "decide fake"
    assert client.get("/leave").status_code == 303
    assert client.get("/").text == "owner None"


def test_a_forged_cookie_makes_nobody_even_of_this_machine(door):
    client = door.browser()
    client.cookies.set(cookie_name(door.services, "guest"), "0" * 16 + "." + "0" * 16 + "." + "A" * 43)
    assert client.get("/api/runs/fake/points").status_code == 403


def test_another_machine_needs_a_login_even_with_a_link(door):
    _, token = invite(door)
    assert door.browser(address="192.168.1.7").get(f"/s/{token}").status_code == 403


def test_a_web_socket_of_a_guest_runs_no_callback_after_its_link_has_ended(door):
    link, token = invite(door)
    client = enter(door, token)
    click = BackMsg()
    click.rerun_script.widget_states.widgets.add(id="decide", trigger_value=True)
    click.rerun_script.fragment_id = "fragment"
    name = cookie_name(door.services, "guest")
    headers = {"Host": "127.0.0.1:8501", "Cookie": f"{name}={client.cookies[name]}"}
    with client.websocket_connect("/_stcore/stream", headers=headers) as socket:
        socket.send_bytes(click.SerializeToString())
        assert socket.receive_bytes() == click.SerializeToString()
        door.services.catalog.revoke_link(link.id)
        socket.send_bytes(click.SerializeToString())
        passed = BackMsg.FromString(socket.receive_bytes())
    assert passed.WhichOneof("type") == "rerun_script"
    assert len(passed.rerun_script.widget_states.widgets) == 0
    assert passed.rerun_script.fragment_id == ""
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client.websocket_connect("/_stcore/stream", headers=headers),
    ):
        pass


def test_no_browser_can_say_that_it_came_through_the_door(door):
    seen = []

    async def app(scope, receive, send):
        seen.extend(value for name, value in scope["headers"] if name == b"x-dataeval-ui-door")

    from dataeval_ui.server.access import AccessMiddleware

    client = TestClient(
        AccessMiddleware(app, services=lambda: door.services, login="password"), client=("10.0.0.1", 1),
        raise_server_exceptions=False,
    )  # fmt: skip
    client.get("/login", headers={"X-Dataeval-Ui-Door": "local"})
    assert seen == [b"remote"]


def test_the_catalog_holds_no_token_and_the_secret_is_this_users_alone(door):
    _, token = invite(door)
    catalog = door.services.workspace.root / "catalog.sqlite"
    stored = b"".join(path.read_bytes() for path in catalog.parent.glob("catalog.sqlite*")) or told(door)
    assert hashlib.sha256(token.encode()).hexdigest().encode() in stored
    assert token.split(".")[1].encode() not in stored
    secret = door.services.workspace.root / "secret.key"
    assert secret.read_bytes() == workspace_secret(door.services.workspace)
    if os.name == "posix":
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


@pytest.mark.parametrize(("text", "length"), [("30m", timedelta(minutes=30)), ("7d", 7 * DAY), ("2W", 14 * DAY)])
def test_a_time_is_a_number_and_a_unit(text, length):
    assert parse_expiry(text) == length


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "0d", "367d", "1.5d", "9" * 100 + "d", "7d7d", "٣d"])
def test_other_times_are_refused_in_one_sentence(text):
    with pytest.raises(ValueError, match="A link expires after 1m to 366d"):
        parse_expiry(text)
