"""From the verdict on the demo's drifted set to one of its images, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataeval_ui.services.demo import install_demo
from tests.browser.serving import Server, serving, settled
from tests.drift_sets import add_demo_set
from tests.ui.conftest import open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, str]]:
    services = open_workspace(tmp_path_factory.mktemp("drift") / "workspace")
    first = install_demo(services).id
    drifted = add_demo_set(services, "drifted")
    with serving(Path(services.workspace.root)) as running:
        yield running, first, drifted


def test_from_the_verdict_to_the_image(server: tuple[Server, str, str], browser: Browser) -> None:
    running, first, drifted = server
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{running.url}/drift?run={first}&with={drifted}")
    page.locator(".st-key-drift_start button").click()
    verdict = page.locator(".st-key-drift_verdict")
    verdict.get_by_text("Drifted: AUROC").wait_for(timeout=120_000)
    settled(page)

    page.locator(".st-key-drift_map .js-plotly-plot .point").last.wait_for()
    point = page.locator(".st-key-drift_map .trace").nth(1).locator(".point").first
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.get_by_role("link", name="Look at it on Explore").wait_for()

    bar = page.locator(".st-key-drift_chart_class .bars .point path").first
    bar.scroll_into_view_if_needed()
    bar.click()
    page.wait_for_url("**group=by_class*")
    page.locator(".st-key-drift_group_clear button").click()
    page.wait_for_url(lambda url: "group=" not in url)
    settled(page)

    picture = page.locator("a[href*='/explore?run=']:has(img)").first
    picture.locator("img").wait_for()
    picture.click()
    page.wait_for_url(f"**/explore?run={drifted}&image=*")
    page.wait_for_selector(".map[data-drawn]")
    assert errors == []
    page.context.close()
