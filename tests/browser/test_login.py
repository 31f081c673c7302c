"""The owner's password in a real browser: in by the form, out by the page Account, and out means out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataeval_ui.services.context import open_services
from dataeval_ui.services.login import set_password
from dataeval_ui.settings import load_settings
from tests.browser.serving import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

PASSWORD = "a long enough password"


def test_the_owner_logs_in_and_out_again(browser: Browser, tmp_path: Path) -> None:
    set_password(open_services(load_settings({"workspace": tmp_path / "workspace"}, environment={})), PASSWORD)
    with serving(tmp_path / "workspace", settings={"DATAEVAL_UI_LOGIN": "password"}) as server:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{server.url}/explore")
        assert "/login" in page.url
        page.get_by_label("Password").fill("not this one")
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("alert").wait_for()
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.get_by_text("No run yet").wait_for()
        page.goto(f"{server.url}/account")
        page.get_by_text("You can do everything here.").wait_for()
        before = context.cookies()
        page.get_by_role("link", name="Log out").click()
        page.get_by_label("Password").wait_for()
        assert not [cookie for cookie in context.cookies() if cookie["name"].startswith("dataeval_ui_owner_")]
        assert [cookie for cookie in before if cookie["name"].startswith("dataeval_ui_owner_")]
        page.goto(f"{server.url}/explore")
        page.get_by_label("Password").wait_for()
        context.close()
