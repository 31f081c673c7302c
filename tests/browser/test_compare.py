"""The Compare page in a real browser: what is done on one map is seen on the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dataeval_ui.services.compare import Comparison, compare_runs
from dataeval_ui.services.demo import install_demo, install_demo_runs
from tests.browser.exploring import rows_in
from tests.browser.serving import Server, serving, settled
from tests.second_run import add_second_run, register_tiny
from tests.ui.conftest import open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Compared:
    """A server on a workspace with two runs, and their comparison."""

    server: Server
    comparison: Comparison

    @property
    def address(self) -> str:
        first, second = self.comparison.run_ids
        return f"{self.server.url}/compare?run={first}&with={second}"


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compared]:
    services = open_workspace(tmp_path_factory.mktemp("compared") / "workspace")
    run = install_demo(services)
    with pytest.MonkeyPatch.context() as monkeypatch:
        register_tiny(monkeypatch, services)
        add_second_run(services, run.id)
    with serving(Path(services.workspace.root)) as server:
        yield Compared(server=server, comparison=compare_runs(services, [run.id, "second"]))


def opened(browser: Browser, address: str, width_px: int = 1280) -> Page:
    page = browser.new_context(viewport={"width": width_px, "height": 1000}).new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    page.locator(".map[data-drawn]").nth(1).wait_for()
    settled(page)
    return page


def place_of(page: Page, which: int, row: int) -> tuple[float, float]:
    """Where a point of one of the maps is on the screen."""
    page.locator(".overlay").nth(which).scroll_into_view_if_needed()
    x, y = page.locator(".map").nth(which).evaluate("(map, row) => map.inspect.pixelOf(row)", row)
    box = page.locator(".overlay").nth(which).bounding_box()
    assert box is not None
    return box["x"] + x, box["y"] + y


def places_of(page: Page, which: int, n: int) -> np.ndarray:
    """Where all points of one of the maps are on the screen, shape (n, 2); asked at once."""
    corner = np.array(place_of(page, which, 0))
    every = "(map, n) => Array.from({ length: n }, (_, row) => [...map.inspect.pixelOf(row)])"
    pixels = np.array(page.locator(".map").nth(which).evaluate(every, n))
    return pixels - pixels[0] + corner


def test_a_click_in_the_second_map_shows_the_image_and_its_nearest_by_both(
    compared: Compared, browser: Browser
) -> None:
    page = opened(browser, compared.address)
    page.mouse.click(*place_of(page, 1, 40))
    page.wait_for_url("**image=*")
    settled(page)
    row = int(page.url.split("image=")[1].split("&")[0])
    (place,) = np.flatnonzero(compared.comparison.rows[0] == row)
    for which, score in enumerate(compared.comparison.scores):
        grid = page.get_by_role("group", name=f"Nearest images by {score.name}")
        grid.get_by_role("button").first.wait_for()
        expected = compared.comparison.rows[which][compared.comparison.neighbors[which][place][:12]]
        assert rows_in(grid) == expected.tolist()
    page.context.close()


def lasso_left_half(page: Page, places: np.ndarray) -> int:
    """Draw a lasso around the left half of a map's points; returns how many these are."""
    middle = float(np.median(places[:, 0]))
    left, top, bottom = places[:, 0].min() - 8, places[:, 1].min() - 8, places[:, 1].max() + 8
    page.mouse.move(left, top)
    page.mouse.down()
    for corner in [(middle, top), (middle, bottom), (left, bottom), (left, top)]:
        page.mouse.move(*corner, steps=8)
    page.mouse.up()
    page.wait_for_url("**selected=*")
    settled(page)
    return int((places[:, 0] < middle).sum())


def test_a_lasso_in_one_map_selects_in_both(compared: Compared, browser: Browser) -> None:
    page = opened(browser, compared.address)
    page.get_by_role("button", name="Select with a lasso").nth(1).click()
    n = lasso_left_half(page, places_of(page, 1, len(compared.comparison.image_ids)))
    page.get_by_text(f"{n} images selected").wait_for()
    page.context.close()


def test_the_page_is_not_wider_than_a_narrow_screen(compared: Compared, browser: Browser) -> None:
    page = opened(browser, f"{compared.address}&image=3", width_px=390)
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("node => node.scrollWidth <= node.clientWidth")
    page.context.close()


def selected_in(page: Page, which: int) -> int:
    """How many points of one of the maps are marked as selected."""
    return int(page.locator(".map").nth(which).evaluate("map => map.inspect.selected()"))


def test_the_demo_opens_filled_and_one_selection_marks_both_maps(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser
) -> None:
    services = open_workspace(tmp_path_factory.mktemp("demo") / "workspace")
    run = install_demo_runs(services)
    with serving(Path(services.workspace.root)) as server:
        page = opened(browser, f"{server.url}/compare?run={run.id}")
        page.get_by_text("choose efficientnet-lite0").wait_for()
        cells = page.locator(".st-key-compare_table tbody td").all_inner_texts()
        assert len(cells) == 10 * 3
        assert not [cell for cell in cells if cell in ("", "–")]
        assert page.get_by_role("button", name="Measure with planted copies").count() == 0
        page.get_by_role("button", name="Select with a lasso").nth(0).click()
        places = places_of(page, 0, 620)
        n = lasso_left_half(page, places)
        page.get_by_text(f"{n} images selected").wait_for()
        assert (selected_in(page, 0), selected_in(page, 1)) == (n, n)
        page.context.close()
