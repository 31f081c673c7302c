"""Review in a real browser: a key a decision, undo, a second session that sees it, the list to take away."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataeval_ui.services.context import open_services
from dataeval_ui.services.links import make_link
from dataeval_ui.settings import load_settings
from dataeval_ui.store.catalog import open_catalog
from dataeval_ui.store.catalog_decisions import DecisionRecord
from dataeval_ui.store.workspace import open_workspace as open_folder
from tests.browser.serving import Server, serving, settled
from tests.demo import install_demo
from tests.ui.conftest import open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    services = open_workspace(tmp_path_factory.mktemp("review") / "workspace")
    install_demo(services)
    with serving(Path(services.workspace.root)) as running:
        yield running


def opened(browser: Browser, address: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 844}).new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    settled(page)
    return page


def guest_address(server: Server) -> str:
    """Address of a link for another reviewer, at the page Review."""
    services = open_services(load_settings({"workspace": server.workspace}, environment={}))
    [run] = [run for run in services.catalog.list_runs() if run.base_run_id is None][:1]
    view = services.catalog.save_view(run_id=run.id, name="review", page="review", address={})
    _, token = make_link(services, run.id, role="decide", expires=timedelta(days=1), view_id=view.id)
    return f"{server.url}/s/{token}"


def decisions(server: Server) -> list[DecisionRecord]:
    catalog = open_catalog(open_folder(server.workspace).catalog_url)
    found = [d for dataset in catalog.list_datasets() for d in catalog.list_decisions(dataset.id)]
    catalog.close()
    return found


def test_decisions_by_key_are_kept_undone_seen_by_others_and_taken_away(server: Server, browser: Browser) -> None:
    page, other = opened(browser, f"{server.url}/review"), opened(browser, guest_address(server))
    page.get_by_text("0 of", exact=False).first.wait_for()
    page.keyboard.press("x")
    page.get_by_text("1 of", exact=False).first.wait_for()
    other.get_by_text("1 by anybody").wait_for(timeout=15_000)
    other.get_by_text("owner: remove").wait_for(timeout=15_000)  # in its place, of the finding that is looked at
    settled(page)
    page.keyboard.press("k")
    page.get_by_text("2 by anybody").wait_for()
    assert [d.verdict for d in decisions(server)] == ["remove", "keep"]
    settled(page)
    page.keyboard.press("z")
    page.get_by_text("1 by anybody").wait_for()
    other.get_by_text("1 by anybody").wait_for(timeout=15_000)
    assert decisions(server)[-1].retracts == decisions(server)[1].id
    page.reload()
    page.get_by_text("1 by anybody").wait_for()
    page.goto(f"{server.url}/review?show=results")
    settled(page)
    page.get_by_role("button", name="Download").first.click()
    with page.expect_download() as download:
        page.get_by_test_id("stPopoverBody").get_by_role("button", name="CSV").click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as stream:
        removed = [row for row in csv.DictReader(stream) if row["action"] == "remove"]
    assert removed
    page.context.close()
    other.context.close()
