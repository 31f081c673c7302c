"""From the scorecard to a mirrored pair, whose second picture is turned back, and back to the scorecard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.serving import Server, serving, settled
from tests.exported import prepared
from tests.services.conftest import run_folder
from tests.services.test_turned import save_drawings
from tests.ui.conftest import open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

MEAN_DIFFERENCE = """(images) => {
  const [a, b] = images.map((image) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 64;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, 64, 64);
    return context.getImageData(0, 0, 64, 64).data;
  });
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += Math.abs(a[i] - b[i]);
  return sum / a.length;
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("turned")
    services = open_workspace(prepared(base / "workspace"))
    save_drawings(base / "images")
    run_folder(services, base / "images")
    with serving(Path(services.workspace.root)) as running:
        yield running


def difference(page: Page, turn: str) -> float:
    """Wait for the second picture as it is drawn by a matrix, and compare it with the first."""
    page.locator(f'figure[data-place="1"][data-turn="{turn}"]').wait_for()
    page.wait_for_timeout(700)  # the picture is loaded, drawn and takes the place of the last one
    return float(page.locator("figure[data-place] img").evaluate_all(MEAN_DIFFERENCE))


def test_the_scorecard_leads_to_a_mirrored_pair_that_is_turned_back_and_back(server: Server, browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/health")
    card = page.locator(".st-key-health_cards > *", has_text="Duplicate groups").last
    card.get_by_text("2 mirrored or turned").wait_for()
    settled(page)
    card.get_by_role("link", name="Open Duplicates").click()
    page.wait_for_url("**/duplicates?*")
    page.get_by_role("radio", name="Mirrored or turned 2").click()
    page.wait_for_url("**show=turned*")
    settled(page)
    page.get_by_text("2 images show the same picture, mirrored", exact=True).or_(
        page.get_by_text("2 images show the same picture, turned by 90°")
    ).first.wait_for()
    if not page.get_by_text("2 images show the same picture, mirrored", exact=True).is_visible():
        page.get_by_role("button", name="Next").click()
        page.get_by_text("2 images show the same picture, mirrored", exact=True).wait_for()
    settled(page)
    assert difference(page, "-1 0 0 1") < 6
    page.get_by_text("Turn the second back").click()
    assert difference(page, "1 0 0 1") > 15
    page.go_back()
    while "/health" not in page.url:
        page.go_back()
    page.get_by_text("2 mirrored or turned").first.wait_for()
    page.context.close()
