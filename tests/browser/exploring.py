"""What browser tests ask of the page Explore: where a point is, what a gallery shows, and what it should show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from tests.browser.serving import Server, settled

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from dataeval_ui.services.run import Run


def open_run_of(server: Server, run_id: str) -> Run:
    from dataeval_ui.services.context import open_services
    from dataeval_ui.services.runs import open_run
    from dataeval_ui.settings import load_settings

    return open_run(open_services(load_settings({"workspace": server.workspace}, environment={})), run_id)


def gallery(page: Page, label: str) -> Locator:
    return page.get_by_role("group", name=label)


def rows_in(gallery: Locator) -> list[int]:
    """Rows of a gallery's images, in the order that a person sees."""
    rows = gallery.locator("img").evaluate_all("images => images.map((image) => image.dataset.row)")
    return list(map(int, rows))


def brute_force(run: Run, row: int, k: int) -> list[tuple[int, float]]:
    """The k most similar images by cosine, computed in the plainest way."""
    x = np.asarray(run.view.embeddings, dtype=np.float64)
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    similarities = x @ x[row]
    order = [int(i) for i in np.argsort(-similarities, kind="stable") if i != row][:k]
    return [(i, float(similarities[i])) for i in order]


def assert_same_order(run: Run, row: int, shown: list[int]) -> None:
    """The gallery's order is the brute force's, but for ties within float32's resolution."""
    similar = dict(brute_force(run, row, run.n_images))
    expected = brute_force(run, row, len(shown))
    assert len(set(shown)) == len(shown)
    for got, (want, similarity) in zip(shown, expected, strict=True):
        assert got == want or abs(similar[got] - similarity) < 1e-6


def place_of(page: Page, row: int) -> tuple[float, float]:
    """Where a point of the map is on the screen."""
    x, y = page.locator(".map").evaluate("(map, row) => map.inspect.pixelOf(row)", row)
    box = page.locator(".overlay").bounding_box()
    assert box is not None
    return box["x"] + x, box["y"] + y


def drawn_map(page: Page) -> None:
    page.wait_for_selector(".map[data-drawn]")
    settled(page)


def query_param(page: Page, name: str) -> str | None:
    found = re.search(rf"[?&]{name}=([^&]*)", page.url)
    return found[1] if found else None
