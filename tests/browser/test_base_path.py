"""The whole product below a path of a proxy's: map, thumbnails, links, decisions, and the way out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from dataeval_ui.services.context import open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.links import make_link
from dataeval_ui.services.sharing import link_url
from dataeval_ui.settings import load_settings
from tests.browser.exploring import drawn_map, gallery, place_of, rows_in
from tests.browser.proxy import proxying
from tests.browser.serving import serving, settled

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

PATH = "/lab/dataeval"
SIMILAR = "Most similar images, the most similar first"


def test_everything_works_below_a_path_that_a_proxy_takes_away_or_leaves(browser: Browser, tmp_path: Path) -> None:
    services = open_services(load_settings({"workspace": tmp_path / "workspace"}, environment={}))
    run = install_demo(services)
    _, token = make_link(services, run.id, role="decide", expires=timedelta(days=1))
    with serving(tmp_path / "workspace", settings={"DATAEVAL_UI_BASE_PATH": PATH}) as server:
        port = urlsplit(server.url).port or 0
        context = browser.new_context(viewport={"width": 1280, "height": 844})
        page = context.new_page()
        page.set_default_timeout(60_000)
        with proxying(port, PATH, strips=True) as proxy:
            page.goto(link_url(services, token, base=proxy.url))
            drawn_map(page)
            assert page.url == f"{proxy.url}/explore?run={run.id}"
            [cookie] = [c for c in context.cookies() if c["name"].startswith("dataeval_ui_guest_")]
            assert cookie["path"] == PATH
            page.mouse.click(*place_of(page, 7))
            similar = gallery(page, SIMILAR)
            similar.locator("img").nth(5).wait_for()
            settled(page)
            assert len(rows_in(similar)) == 24
            page.wait_for_function(
                "image => image.complete && image.naturalWidth > 0", arg=similar.locator("img").first.element_handle()
            )
            page.goto(f"{proxy.url}/review?run={run.id}")
            page.get_by_text("0 by anybody").wait_for()
            settled(page)
            page.keyboard.press("k")
            page.get_by_text("1 by anybody").wait_for()
            assert [d.verdict for d in services.catalog.list_decisions(run.dataset_id)] == ["keep"]
            page.goto(f"{proxy.url}/leave")
            settled(page)
            assert page.url.startswith(f"{proxy.url}/")
            assert not [c for c in context.cookies() if c["name"].startswith("dataeval_ui_guest_")]
            assert [path for path in proxy.astray if path != "/favicon.ico"] == []
        with proxying(port, PATH, strips=False) as proxy:
            page.goto(link_url(services, token, base=proxy.url))
            drawn_map(page)
            assert [path for path in proxy.astray if path != "/favicon.ico"] == []
        context.close()
