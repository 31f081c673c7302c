"""The window on the map: in the address, in a copied link and in a saved view, and no step of the browser's history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.exploring import drawn_map, place_of, query_param
from tests.browser.serving import Server, serving, settled
from tests.demo import install_demo
from tests.ui.conftest import open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SEES = "map => [[0, 0], [300, 200]].flatMap(([x, y]) => map.inspect.planeOf(x, y))"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    services = open_workspace(tmp_path_factory.mktemp("window") / "workspace")
    install_demo(services)
    with serving(Path(services.workspace.root)) as running:
        yield running


def opened(browser: Browser, address: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 844}).new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    drawn_map(page)
    return page


def sees(page: Page) -> list[float]:
    corners: list[float] = page.locator(".map").evaluate(SEES)
    return corners


def moved(page: Page, wheel: int) -> str | None:
    """Zoom at a point and wait until the page knows."""
    before = query_param(page, "at")
    x, y = place_of(page, 7)
    page.mouse.move(min(max(x, 200), 600), min(max(y, 300), 600))
    page.mouse.wheel(0, wheel)
    page.wait_for_function("at => new URLSearchParams(location.search).get('at') !== at", arg=before)
    settled(page)
    return query_param(page, "at")


def test_a_window_is_opened_again_by_its_address_and_by_a_saved_view(server: Server, browser: Browser) -> None:
    page = opened(browser, f"{server.url}/explore")
    whole, n_steps = sees(page), page.evaluate("history.length")
    assert moved(page, -600) is not None
    assert moved(page, -200) is not None
    window, address = sees(page), page.url
    assert window != pytest.approx(whole, abs=1e-3)
    assert page.evaluate("history.length") == n_steps
    other = opened(browser, address)
    assert sees(other) == pytest.approx(window, rel=1e-4, abs=1e-4)
    other.reload()
    drawn_map(other)
    assert sees(other) == pytest.approx(window, rel=1e-4, abs=1e-4)
    assert other.url == address

    page.locator(".st-key-views button").first.click()
    page.get_by_role("textbox", name="Name of the page as it is now").fill("close up")
    page.get_by_role("button", name="Save").click()
    page.wait_for_timeout(300)
    settled(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show the whole map").click()
    page.wait_for_function("() => !new URLSearchParams(location.search).has('at')")
    settled(page)
    assert sees(page) == pytest.approx(whole, rel=1e-4, abs=1e-4)
    other.goto(f"{server.url}/explore")
    drawn_map(other)
    other.locator(".st-key-views button").first.click()
    other.get_by_role("link", name="close up").click()
    other.wait_for_function("() => new URLSearchParams(location.search).has('at')")
    settled(other)
    assert sees(other) == pytest.approx(window, rel=1e-4, abs=1e-4)
    for one in (page, other):
        one.context.close()
