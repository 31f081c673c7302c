"""From the scorecard to the images of each kind of finding on the map, and back, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.serving import Server, serving, settled
from tests.demo import install_demo
from tests.ui.conftest import open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    services = open_workspace(tmp_path_factory.mktemp("health") / "workspace")
    install_demo(services)
    with serving(Path(services.workspace.root)) as running:
        yield running


def test_each_kind_leads_from_its_card_to_its_images_and_back(server: Server, browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/health")
    for kind in ("leaks", "duplicates", "outliers", "label_error", "quality"):
        page.locator(f".st-key-health_{kind} button").click()
        page.wait_for_url(f"**kind={kind}*")
        settled(page)
        page.locator(".st-key-finding_0 img").first.wait_for()
        page.get_by_role("link", name="Show on the map").first.click()
        page.wait_for_url("**/explore?*")
        page.wait_for_selector(".map[data-drawn]")
        assert "image=" in page.url or "selected=" in page.url
        settled(page)
        page.go_back()
        page.wait_for_url(f"**/health?*kind={kind}*")
        page.get_by_role("link", name="Show on the map").first.wait_for()
    page.context.close()


LEVEL = """() => {
    const boxes = [...document.querySelectorAll('.st-key-health_cards > *')].map(card => card.getBoundingClientRect());
    const seen = boxes.filter(box => box.height > 0);
    const row = top => seen.filter(box => Math.round(box.top) === top).map(box => box.height);
    return seen.length >= 6 && seen.every(box => Math.abs(Math.max(...row(Math.round(box.top))) - box.height) < 2);
}"""


def test_cards_of_one_row_are_equally_high(server: Server, browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/health")
    settled(page)
    cards = page.locator(".st-key-health_cards > *")
    cards.first.wait_for()
    page.wait_for_function(LEVEL)  # lines of text are set again when the fonts are there
    page.context.close()


def test_coverage_and_quality_lead_from_their_lists_to_an_image_and_back(server: Server, browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/coverage?among=all")
    page.get_by_text("Completeness").first.wait_for()
    settled(page)
    page.get_by_role("link", name="Show on the map").first.click()
    page.wait_for_url("**/explore?*selected=*")
    page.wait_for_selector(".map[data-drawn]")
    page.go_back()
    page.wait_for_url("**/coverage?*")
    page.get_by_role("link", name="Show on the map").first.wait_for()
    page.goto(f"{server.url}/quality?measure=blurry")
    before = page.get_by_text("below").first.inner_text()
    slider = page.get_by_role("slider")
    slider.focus()
    for _ in range(5):
        slider.press("ArrowRight")
    page.wait_for_url("**threshold=*")
    settled(page)
    assert page.get_by_text("below").first.inner_text() != before
    page.locator(".st-key-quality_gallery button").first.wait_for()
    moved = page.url
    page.go_back()
    page.wait_for_url(lambda url: url != moved)
    page.context.close()


def test_the_card_of_suspected_labels_leads_to_its_page_to_an_image_and_back(server: Server, browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/health")
    page.get_by_role("link", name="Open Labels").first.click()
    page.wait_for_url("**/labels?*")
    page.locator(".st-key-label_gallery button").nth(1).click()
    page.wait_for_url("**image=*")
    settled(page)
    page.locator(".st-key-label_suggested button").first.wait_for()
    page.get_by_role("link", name="Show it on the map").click()
    page.wait_for_url("**/explore?*image=*")
    page.wait_for_selector(".map[data-drawn]")
    page.go_back()
    page.wait_for_url("**/labels?*image=*")
    page.get_by_text("Difficulty", exact=True).click()
    page.wait_for_url("**show=difficulty*")
    settled(page)
    cell = page.locator(".st-key-label_confusion .scatterlayer .point").first
    cell.wait_for(state="attached")
    box = cell.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**cell=0-0*")
    settled(page)
    page.locator(".st-key-label_cell_gallery button").first.click()
    page.wait_for_url("**/explore?*image=*")
    page.context.close()


def test_a_threshold_is_judged_with_single_keys(server: Server, browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/quality?measure=bright")
    page.locator(".st-key-check_threshold button:visible").click()
    page.get_by_text("0 of 30 images answered").wait_for()
    for at, key in enumerate("nnu", start=1):
        settled(page)
        page.keyboard.press(key)
        page.get_by_text(f"{at} of 30 images answered").wait_for()
    page.keyboard.press("z")
    page.get_by_text("2 of 30 images answered").wait_for()
    page.reload()
    page.get_by_text("2 of 30 images answered").wait_for()
    page.keyboard.press("?")
    page.locator("table.keys").get_by_text("Judging the threshold").wait_for()
    page.context.close()
