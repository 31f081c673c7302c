"""People whom a provider has named: let in by e-mail or group, and everybody else told so in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

pytest.importorskip("authlib", reason="people log in by OpenID Connect with dataeval-ui[oidc]")

from joserfc.jwk import RSAKey

from dataeval_ui.services.context import open_services
from dataeval_ui.settings import load_settings
from tests.browser.identity_provider import CLIENT_ID, CLIENT_SECRET, Provider, providing
from tests.browser.serving import free_port, serving, settled
from tests.demo import install_demo

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ROLES = """login = "oidc"
[roles]
"ann@example.org" = "owner"
"group:labelling" = "decide"
"*@viewers.example" = "view"
"""
NO_ROLE = "You are logged in, but the owner has given you no role here."
LOG_IN = "Log in, or open the link that you were sent."


def secrets_of(provider: Provider, port: int) -> str:
    return f"""[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "{"s" * 48}"
client_id = "{CLIENT_ID}"
client_secret = "{CLIENT_SECRET}"
server_metadata_url = "{provider.url}/.well-known/openid-configuration"
"""


def log_in(browser: Browser, url: str) -> Page:
    """Come as a stranger and press Log in."""
    page = browser.new_context().new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    page.get_by_text(LOG_IN).wait_for()
    assert page.get_by_text("Colour by").count() == 0
    page.get_by_role("link", name="Log in").click()
    page.wait_for_url(lambda address: "/oauth2callback" not in address and address.startswith(url))
    page.wait_for_load_state()
    settled(page)
    return page


def visit(url: str, path: str) -> int:
    """Log in as a browser without pages would, and ask for something."""
    with httpx.Client(base_url=url, follow_redirects=True) as client:
        assert client.get("/login").status_code == 200
        return client.get(path).status_code


def status(page: Page, path: str, method: str = "GET") -> int:
    """Ask for something as the page's own scripts would."""
    options = {"cache": "no-store", "method": method, "headers": {"x-dataeval-ui": "1"}}
    return int(page.evaluate("([path, options]) => fetch(path, options).then(a => a.status)", [path, options]))


def test_a_provider_lets_in_those_who_have_a_role_and_nobody_else(browser: Browser, tmp_path: Path) -> None:
    workspace, port = tmp_path / "workspace", free_port()
    run = install_demo(open_services(load_settings({"workspace": workspace}, environment={})))
    (workspace / "settings.toml").write_text(ROLES)
    (tmp_path / ".streamlit").mkdir()
    points = f"/api/runs/{run.id}/points"
    with providing() as provider:
        (tmp_path / ".streamlit" / "secrets.toml").write_text(secrets_of(provider, port))
        with serving(workspace, port=port, cwd=tmp_path) as server:
            provider.claims = {"email": "ann@example.org", "email_verified": True}
            owner = log_in(browser, server.url)
            owner.get_by_role("heading", name="Datasets").wait_for()
            assert status(owner, points) == 200
            assert status(owner, "/api/uploads", method="POST") == 201
            [cookie] = [c for c in owner.context.cookies() if c["name"] == "_streamlit_user"]
            assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")

            provider.claims = {"email": "bo@elsewhere.example", "email_verified": True, "groups": ["labelling"]}
            decider = log_in(browser, server.url)
            decider.get_by_text("decide what to do with each finding").wait_for()
            assert status(decider, points) == 200
            assert status(decider, "/api/uploads", method="POST") == 403

            provider.claims = {"email": "eve@example.org", "email_verified": True}
            stranger = log_in(browser, server.url)
            stranger.get_by_text(NO_ROLE).wait_for()
            assert status(stranger, points) == 403

            assert visit(server.url, points) == 403
            provider.claims = {"email": "ann@example.org", "email_verified": False}
            assert visit(server.url, points) == 403
            provider.claims = {"email": "ann@example.org", "email_verified": True}
            assert visit(server.url, points) == 200, "or the next would prove nothing"
            for change in ({"audience": "another"}, {"lasts_s": -400}, {"key": RSAKey.generate_key(2048)}):
                good = {name: getattr(provider, name) for name in change}
                for name, value in change.items():
                    setattr(provider, name, value)
                n_before = provider.n_tokens
                assert visit(server.url, points) == 403
                assert provider.n_tokens == n_before + 1, "a token was asked for, and refused"
                for name, value in good.items():
                    setattr(provider, name, value)
