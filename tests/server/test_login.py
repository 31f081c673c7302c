"""The owner's password: wrong ones are slowed and logged; sessions end with a new one; roles of a provider."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

from dataeval_ui.errors import AccessDeniedError, ParameterError
from dataeval_ui.services.links import cookie_name, make_link, parse_expiry
from dataeval_ui.services.login import Gate, account_of_claims, login_mode, set_password
from tests.server.doors import Door, make_door

PASSWORD = "correct horse battery"
FAR = "203.0.113.9"
URL = "https://review.example.org"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(tmp_path: Path, clock: Clock) -> Door:
    door = make_door(tmp_path, login="password", clock=clock)
    set_password(door.services, PASSWORD)
    return door


def test_a_stranger_is_sent_to_the_login_and_sees_no_data(door):
    client = door.browser(address=FAR, base_url=URL)
    answer = client.get("/explore?run=fake", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fexplore%3Frun%3Dfake")
    assert client.get("/api/runs/fake/points").status_code == 403
    assert client.get("/login").status_code == 200


@pytest.mark.parametrize("path", ["/s/a/b", "/s/..%2f..%2f", "/s/", "/login/x", "/api/health/../runs/fake/points"])
def test_a_path_like_an_open_one_is_not_open(door, path):
    assert door.browser(address=FAR, base_url=URL).get(path).status_code in (403, 404)


def test_this_machine_needs_the_password_too_once_there_is_a_login(door):
    assert door.browser().get("/api/runs/fake/points").status_code == 403


def test_the_right_password_lets_the_owner_in_and_a_new_one_out(door):
    client = door.browser(address=FAR, base_url=URL)
    answer = client.post("/login", data={"password": PASSWORD, "next": "/explore?run=fake"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/explore?run=fake")
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=lax", "secure"))
    assert client.get("/").text == "owner None"
    set_password(door.services, PASSWORD + "2")
    assert client.get("/api/runs/fake/points").status_code == 403


def test_a_link_is_a_way_in_without_the_password(door):
    _, token = make_link(door.services, "fake", role="view", expires=parse_expiry("1d"))
    client = door.browser(address=FAR, base_url=URL)
    assert client.get(f"/s/{token}").status_code == 303
    assert client.get("/").text == "view fake"
    assert client.get("/api/runs/other/points").status_code == 403


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\nb"])
def test_a_login_leads_nowhere_else(door, wanted):
    answer = door.browser(address=FAR, base_url=URL).post("/login", data={"password": PASSWORD, "next": wanted})
    assert answer.headers["location"] == "/"


def test_a_login_is_sent_by_our_own_page(door):
    client = door.browser(address=FAR, base_url=URL)
    answer = client.post("/login", data={"password": PASSWORD}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_thousand_wrong_passwords_are_slowed_and_logged(door, clock, caplog, monkeypatch):
    from argon2 import PasswordHasher

    n_hashed = []
    verify = PasswordHasher.verify
    monkeypatch.setattr(PasswordHasher, "verify", lambda self, *args: n_hashed.append(1) or verify(self, *args))
    client = door.browser(address=FAR, base_url=URL)
    with caplog.at_level(logging.WARNING, logger="dataeval_ui.services.login"):
        answers = [client.post("/login", data={"password": f"guess number {i}"}) for i in range(1000)]
    assert [answer.status_code for answer in answers[:5]] == [401] * 5
    assert {answer.status_code for answer in answers[5:]} == {429}
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert len(n_hashed) == 5, "no work is done for those that come too soon"
    assert len(caplog.records) == 1000
    assert all(FAR in record.getMessage() and "guess" not in record.getMessage() for record in caplog.records)
    assert client.post("/login", data={"password": PASSWORD}).status_code == 429, "the right one waits as well"
    assert door.browser(address="198.51.100.1", base_url=URL).post("/login", data={"password": PASSWORD}).is_redirect
    clock.now += 2
    assert client.post("/login", data={"password": PASSWORD}).is_redirect


def test_waits_double_up_to_five_minutes(clock):
    gate, waits = Gate(clock), []
    for _ in range(20):
        clock.now += gate.wait_s("10.0.0.1")
        assert gate.take("10.0.0.1") == 0
        waits.append(gate.wait_s("10.0.0.1"))
    assert waits[:8] == [0, 0, 0, 0, 1, 2, 4, 8]
    assert max(waits) == 300


def test_one_ipv6_network_is_one_guesser(clock):
    gate = Gate(clock)
    for i in range(5):
        gate.take(f"2001:db8::{i:x}")
    assert gate.wait_s("2001:db8::ffff") > 0
    assert gate.wait_s("2001:db9::1") == 0


@pytest.mark.parametrize("cookie", ["", "9" * 12 + ".a.b", "9999999999.0." + "A" * 43, "x" * 10_000, "٣.a.b"])
def test_a_forged_owners_cookie_opens_nothing(door, cookie):
    client = door.browser(address=FAR, base_url=URL)
    answer = client.get(
        "/api/runs/fake/points",
        headers={"Cookie": f"{cookie_name(door.services, 'owner')}={cookie}".encode()},
    )
    assert answer.status_code == 403


def test_a_form_of_megabytes_is_refused(door):
    answer = door.browser(address=FAR, base_url=URL).post("/login", content=b"password=" + b"a" * 100_000)
    assert answer.status_code == 413


def test_the_password_is_kept_as_a_hash_for_this_user_alone(door):
    path = door.services.workspace.root / "password"
    assert path.read_text().startswith("$argon2id$")
    assert PASSWORD not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("password", ["", "short", "x" * 1025])
def test_a_password_has_a_length(door, password):
    with pytest.raises(ParameterError, match="10 to 1,024 characters"):
        set_password(door.services, password)


def test_the_login_is_chosen_by_the_address(tmp_path, door):
    assert login_mode(door.services, is_loopback=True) == "none"
    assert login_mode(door.services, is_loopback=False) == "password"
    bare = make_door(tmp_path / "bare").services
    with pytest.raises(AccessDeniedError, match="has no login"):
        login_mode(bare, is_loopback=False)


ROLES = {"ann@example.org": "owner", "group:Labelling": "decide", "*@example.org": "view"}


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"email": "Ann@Example.org"}, "owner"),
        ({"email": "bob@example.org"}, "view"),
        ({"email": "bob@example.org", "groups": ["labelling"]}, "decide"),
        ({"email": "eve@evil.example", "groups": ["Labelling"]}, "decide"),
        ({"email": "ann@example.org.evil.example"}, "nobody"),
        ({"email": "ann@example.org", "email_verified": False}, "nobody"),
        ({"email": ["ann@example.org"]}, "nobody"),
        ({"groups": "Labelling"}, "nobody"),
        ({}, "nobody"),
    ],
)
def test_the_greatest_role_of_the_settings_counts(claims, role):
    assert account_of_claims(ROLES, claims).role == role
