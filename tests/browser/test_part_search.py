"""Search by part in a real browser: a box is drawn, and the images that have the part come first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataeval_ui.services.parts import compute_parts
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.types import Silent
from tests.browser.exploring import rows_in
from tests.browser.serving import Server, serving, settled
from tests.exported import prepared
from tests.planted_parts import BOX, CARRIERS, SOURCE, write_planted
from tests.services.conftest import run_folder
from tests.tiny_models import record_tiny
from tests.ui.conftest import open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Run]]:
    base = tmp_path_factory.mktemp("parts")
    services = open_workspace(prepared(base / "workspace"))
    images = write_planted(base / "images")
    run = open_run(services, run_folder(services, images, backbone=record_tiny(services.workspace))["run"])
    compute_parts(services, run, Silent())
    with serving(Path(services.workspace.root)) as server:
        yield server, run


def row_of(run: Run, path: str) -> int:
    (row,) = [row for row in range(run.n_images) if run.places(row)[0].path == path]
    return row


def opened(browser: Browser, planted: tuple[Server, Run], width_px: int) -> Page:
    server, run = planted
    page = browser.new_context(viewport={"width": width_px, "height": 1000}).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/parts?run={run.id}&image={row_of(run, SOURCE)}")
    page.locator(".stage img").wait_for()
    settled(page)
    return page


def found_rows(page: Page) -> list[int]:
    grid = page.get_by_role("group", name="Images with a similar part")
    grid.get_by_role("button").first.wait_for()
    return rows_in(grid)


@pytest.mark.parametrize("width_px", [1280, 390])
def test_a_drawn_box_finds_the_images_with_the_part_first(
    planted: tuple[Server, Run], browser: Browser, width_px: int
) -> None:
    page = opened(browser, planted, width_px)
    page.locator(".stage img").scroll_into_view_if_needed()
    image = page.locator(".stage img").bounding_box()
    assert image is not None
    left, top, width, height = BOX
    # from its upper right corner, which the box that is there at first does not cover
    page.mouse.move(image["x"] + (left + width) * image["width"], image["y"] + top * image["height"])
    page.mouse.down()
    page.mouse.move(image["x"] + left * image["width"], image["y"] + (top + height) * image["height"], steps=5)
    page.mouse.up()
    settled(page)
    page.get_by_role("button", name="Find this part").click()
    settled(page)
    rows = found_rows(page)
    assert set(rows[:3]) == {row_of(planted[1], name) for name in CARRIERS}
    page.get_by_role("group", name="Images with a similar part").locator("canvas").first.wait_for()
    page.context.close()


def test_keys_move_the_box_and_a_counter_example_is_taken_away_again(
    planted: tuple[Server, Run], browser: Browser
) -> None:
    page = opened(browser, planted, 1280)
    box = page.locator(".frame[role=application]")
    box.focus()
    before = box.get_attribute("aria-label")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.wait_for_timeout(700)
    settled(page)
    after = box.get_attribute("aria-label")
    assert before == "Box, 30 % from the left, 30 % from the top, 40 % wide, 40 % high"
    assert after == "Box, 38 % from the left, 30 % from the top, 40 % wide, 42 % high"
    page.get_by_role("button", name="Find this part").click()
    settled(page)
    first = found_rows(page)
    page.get_by_role("group", name="Images with a similar part").get_by_role("button").last.click()
    settled(page)
    page.get_by_role("button", name="Unlike this").click()
    settled(page)
    assert found_rows(page) != first
    page.get_by_role("button", name="−").click()
    settled(page)
    assert found_rows(page) == first
    page.context.close()
