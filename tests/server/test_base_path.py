"""A server below a path: what it sends browsers to, which paths are whose, and that no path opens more than before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dataeval_ui.errors import ParameterError
from dataeval_ui.server.access import AccessMiddleware, viewer_of
from dataeval_ui.server.door import door_routes
from dataeval_ui.services.context import Services
from dataeval_ui.services.links import make_link
from dataeval_ui.services.login import LoginMode, set_password
from dataeval_ui.services.sharing import link_url
from dataeval_ui.settings import load_settings
from tests.server.doors import make_door

BASE = "/lab/data"
PASSWORD = "correct horse battery"
URL = "https://review.example.org"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return make_door(tmp_path).services


def browser(services: Services, *, login: LoginMode = "none", far: bool = False) -> TestClient:
    def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{request.url.path} {viewer_of(request).role}")

    routes = [
        *door_routes(lambda: services, login=login, base_path=BASE),
        Route("/api/seen", page),
        Route(BASE + "/{rest:path}", page),
    ]
    access = Middleware(AccessMiddleware, services=lambda: services, login=login, base_path=BASE)
    address, url = ("203.0.113.9", URL) if far else ("127.0.0.1", "http://127.0.0.1:8501")
    app = Starlette(routes=routes, middleware=[access])
    return TestClient(app, base_url=url, client=(address, 50000), follow_redirects=False)


@pytest.mark.parametrize("before", ["", BASE])
def test_a_path_is_understood_with_and_without_the_proxys(services: Services, before: str) -> None:
    client = browser(services)
    assert client.get(f"{before}/api/seen").text == "/api/seen owner"
    assert client.get(f"{before}/explore").text == f"{BASE}/explore owner"
    assert client.get(f"{before}/").text == f"{BASE}/ owner"


def test_a_link_opens_below_the_path_and_its_cookie_is_for_it_alone(services: Services) -> None:
    _, token = make_link(services, "fake", role="view", expires=timedelta(days=1))
    client = browser(services)
    answer = client.get(f"{BASE}/s/{token}")
    assert answer.headers["location"] == f"{BASE}/explore?run=fake"
    assert f"Path={BASE};" in answer.headers["set-cookie"]
    assert client.get(f"{BASE}/explore").text.endswith(" view")
    answer = client.get(f"{BASE}/leave")
    assert answer.headers["location"] == f"{BASE}/"
    assert client.get(f"{BASE}/explore").text.endswith(" owner")


def test_the_login_returns_to_the_page_and_never_above_the_path(services: Services) -> None:
    set_password(services, PASSWORD)
    client = browser(services, login="password", far=True)
    answer = client.get(f"{BASE}/explore?run=fake", headers={"Accept": "text/html"})
    assert answer.headers["location"] == f"{BASE}/login?next=%2Flab%2Fdata%2Fexplore%3Frun%3Dfake"
    assert f'action="{BASE}/login"' in client.get(f"{BASE}/login").text
    for wanted, landed in (
        (f"{BASE}/explore?run=fake", f"{BASE}/explore?run=fake"),
        ("/elsewhere", f"{BASE}/"),
        ("//evil.example", f"{BASE}/"),
        (f"{BASE}evil", f"{BASE}/"),
        ("", f"{BASE}/"),
    ):
        answer = client.post(f"{BASE}/login", data={"password": PASSWORD, "next": wanted})
        assert (answer.status_code, answer.headers["location"]) == (303, landed)
    assert client.get(f"{BASE}/explore").text.endswith(" owner")
    answer = client.get(f"{BASE}/logout")
    assert answer.headers["location"] == f"{BASE}/login"
    assert client.get(f"{BASE}/explore").status_code == 403


@pytest.mark.parametrize(
    "path", ["/api/seen", "/explore", "/login/x", "/lab/data/login/x", "/lab/data/lab/data/login", "/lab/dataset/login"]
)
def test_no_path_is_more_open_than_without_the_base(services: Services, path: str) -> None:
    set_password(services, PASSWORD)
    assert browser(services, login="password", far=True).get(path).status_code == 403


def test_who_came_from_a_provider_is_taken_out_there_as_well(services: Services) -> None:
    assert browser(services, login="oidc", far=True).get(f"{BASE}/logout").headers["location"] == f"{BASE}/auth/logout"


def test_links_that_the_command_line_prints_begin_with_the_path(tmp_path: Path) -> None:
    settings = load_settings({"workspace": tmp_path, "base_path": BASE}, environment={})
    from dataeval_ui.services.context import open_services

    assert link_url(open_services(settings), "abc") == f"http://127.0.0.1:8501{BASE}/s/abc"


@pytest.mark.parametrize("wrong", ["lab", "/lab/", "/", "//evil.example", "/lab/../x", '/"><script>', "/a b", "/lab\n"])
def test_a_base_path_is_a_plain_path(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ParameterError, match="base_path"):
        load_settings({"workspace": tmp_path, "base_path": wrong}, environment={})
