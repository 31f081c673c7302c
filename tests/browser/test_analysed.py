"""Pages of an analysed set in a real browser: hostile text, a browser without WebGL, two narrow screens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataeval_ui.services.demo import install_demo
from tests.browser.serving import Server, serving, settled
from tests.chromium import FLAGS
from tests.ui.conftest import HOSTILE, HOSTILE_RUN, add_hostile, open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

ADDRESSES = (
    "/",
    "/run?dataset=hostile",
    f"/explore?run={HOSTILE_RUN}&colour=label",
    f"/explore?run={HOSTILE_RUN}&image=0",
    f"/health?run={HOSTILE_RUN}",
    f"/duplicates?run={HOSTILE_RUN}",
    f"/outliers?run={HOSTILE_RUN}",
    f"/outliers?run={HOSTILE_RUN}&show=unreadable",
)

IS_SHOWN = """() => document.body.innerText.includes("**x** <img")
    || [...document.querySelectorAll("input")].some((input) => input.value.startsWith("**x** <img"))"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    services = open_workspace(tmp_path_factory.mktemp("analysed") / "workspace")
    install_demo(services)
    add_hostile(services)
    with serving(Path(services.workspace.root)) as running:
        yield running


def opened(browser: Browser, address: str, *, width_px: int = 1280) -> Page:
    page = browser.new_context(viewport={"width": width_px, "height": 844}).new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    settled(page)
    return page


def test_hostile_text_is_text_on_every_page(server: Server, browser: Browser) -> None:
    alerts: list[str] = []
    for address in ADDRESSES:
        page = opened(browser, server.url + address)
        page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
        page.wait_for_function(IS_SHOWN)
        for made in ("img[src=x]", ".katex", "a[href^=javascript]", "strong:text-is('x')"):
            assert page.locator(made).count() == 0, f"{address} made {made} of {HOSTILE}"
        page.context.close()
    assert alerts == []


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_page_is_wider_than_a_narrow_screen(address: str, server: Server, browser: Browser) -> None:
    page = opened(browser, server.url + address, width_px=390)
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("node => node.scrollWidth <= node.clientWidth")
    page.context.close()


def test_a_narrow_screen_shows_the_name_and_every_count(server: Server, browser: Browser) -> None:
    page = opened(browser, f"{server.url}/explore?run={HOSTILE_RUN}", width_px=390)
    assert page.locator('[data-testid="stHeaderLogo"]').is_visible()
    facts = page.locator(".st-key-facts").locator("a:visible, button:visible")
    facts.nth(5).wait_for()
    settled(page)
    boxes = [box for fact in facts.all() if (box := fact.bounding_box()) is not None]
    assert len(boxes) >= 6
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    page.context.close()


def test_the_menu_of_a_narrow_screen_closes_when_a_page_is_chosen(server: Server, browser: Browser) -> None:
    page = opened(browser, f"{server.url}/explore?run={HOSTILE_RUN}", width_px=390)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Duplicates").click()
    page.wait_for_url("**/duplicates*")
    page.locator('[data-testid="stSidebar"][data-collapsed="true"]').wait_for(state="attached")
    page.context.close()


def test_from_page_to_page_the_run_stays_and_back_is_one_step(server: Server, browser: Browser) -> None:
    page = opened(browser, f"{server.url}/explore?run={HOSTILE_RUN}&colour=label")
    for section, name in (("Findings", "Duplicates"), ("Findings", "Outliers"), ("Explore", "Explore")):
        page.get_by_test_id("stTopNavSection").filter(has_text=section).click()
        page.get_by_test_id("stTopNavDropdownLink").filter(has_text=name).click()
        page.wait_for_url(f"**/{name.lower()}?run={HOSTILE_RUN}")
    for address in ("outliers", "duplicates", "explore"):
        settled(page)
        page.go_back()
        page.wait_for_url(f"**/{address}?run={HOSTILE_RUN}*")
    settled(page)
    assert page.url.endswith("colour=label")
    page.context.close()


def test_a_browser_without_webgl_gets_a_map_that_answers_a_click(
    server: Server, browser: Browser, chromium: str
) -> None:
    flags = [flag for flag in FLAGS if "gl" not in flag and "gpu" not in flag] + ["--disable-gpu", "--disable-3d-apis"]
    without = browser.browser_type.launch(executable_path=chromium, args=flags)
    page = opened(without, f"{server.url}/explore")
    page.get_by_text("drawn with Plotly").wait_for()
    settled(page)
    point = page.locator(".scatterlayer .points path").nth(40)
    point.wait_for()
    box = point.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(300)  # Plotly takes a click only on what it has seen hovered
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**image=*")
    page.get_by_role("group", name="Most similar images").get_by_role("button").first.wait_for()
    without.close()
