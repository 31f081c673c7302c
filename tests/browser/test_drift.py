"""From the verdict on two splits that differ to one of their images, and over time, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataeval_ui.services.demo import install_demo
from tests.browser.serving import Server, serving, settled
from tests.drift_sets import add_sorted_run
from tests.exported import prepared
from tests.ui.conftest import open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    services = open_workspace(prepared(tmp_path_factory.mktemp("drift") / "workspace"))
    install_demo(services)
    run = add_sorted_run(services)
    with serving(Path(services.workspace.root)) as running:
        yield running, run


def test_from_the_verdict_to_the_image(server: tuple[Server, str], browser: Browser) -> None:
    running, run = server
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(90_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{running.url}/drift?run={run}&over=when&cut=month")
    page.locator(".st-key-drift_start button").click()
    page.locator(".st-key-drift_verdict").get_by_text("AUROC").first.wait_for(timeout=200_000)
    assert "No drift" not in page.locator(".st-key-drift_verdict").inner_text()
    settled(page)

    point = page.locator(".st-key-drift_map .trace.scatter").nth(1).locator(".point").first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.get_by_role("link", name="Look at it on Explore").wait_for()

    page.get_by_text("1 of 4 chunks").wait_for()
    last = page.locator(".st-key-drift_chunks .point").last
    last.scroll_into_view_if_needed()
    box = last.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.get_by_text("drifted, a change point").wait_for()

    picture = page.locator("a[href*='/explore?run=']:has(img)").first
    picture.scroll_into_view_if_needed()
    picture.click()
    page.wait_for_url(f"**/explore?run={run}&image=*")
    page.wait_for_selector(".map[data-drawn]")
    assert errors == []
    page.context.close()
