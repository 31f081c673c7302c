"""The whole story in a real browser: a zip becomes a map that answers questions, and a reload changes nothing."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.browser.exploring import (
    assert_same_order,
    brute_force,
    drawn_map,
    gallery,
    open_run_of,
    place_of,
    query_param,
    rows_in,
)
from tests.browser.serving import Server, serving, settled
from tests.exported import prepared
from tests.images import make_dataset

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

RUN_TAKES_AT_MOST_S = 420
"""Compiling the map's kernels takes most of it, on a machine that has not done so before."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(prepared(tmp_path_factory.mktemp("story") / "workspace")) as running:
        yield running


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("zipped")
    folder = make_dataset(base / "shapes", n_per_class=19)
    return Path(shutil.make_archive(str(base / "shapes"), "zip", folder))


def test_a_zip_becomes_a_map_that_answers_questions_and_a_reload_changes_nothing(
    server: Server, zipped: Path, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(60_000)
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))

    # a zip, dropped in the browser
    page.goto(server.url)
    page.get_by_role("tab", name="Upload").click()
    page.locator(".zone input[type=file]").first.set_input_files(zipped)
    page.get_by_text("61 image files").wait_for()
    page.get_by_role("button", name="Add dataset").click()

    # a run, watched
    page.get_by_role("button", name="Run shapes with").click()
    page.get_by_role("progressbar").first.wait_for()
    opened = page.get_by_role("link", name="Open the map")
    opened.wait_for(timeout=RUN_TAKES_AT_MOST_S * 1_000)
    opened.click()
    drawn_map(page)
    run_id = query_param(page, "run")
    assert run_id is not None
    run = open_run_of(server, run_id)

    # a click on a point: its nearest neighbours, in order
    row = 7
    page.mouse.click(*place_of(page, row))
    page.wait_for_url("**image=*")
    settled(page)
    clicked = int(query_param(page, "image") or -1)
    assert np.linalg.norm(np.subtract(place_of(page, clicked), place_of(page, row))) < 12  # points may overlap
    neighbours = gallery(page, "Most similar images")
    neighbours.locator("img").nth(23).wait_for()
    shown = rows_in(neighbours)
    assert len(shown) == 24
    assert_same_order(run, clicked, shown)
    badges = neighbours.locator(".badge").all_inner_texts()
    assert badges == [f"{similarity:.2f}" for _, similarity in brute_force(run, clicked, 24)]

    # a click on a neighbour makes it the query
    neighbours.get_by_role("button").nth(2).click()
    page.wait_for_url(f"**image={shown[2]}&**")
    settled(page)
    assert_same_order(run, shown[2], rows_in(neighbours))

    # the browser's own back button goes back to the first
    page.go_back()
    page.wait_for_url(f"**image={clicked}&**")
    settled(page)
    assert rows_in(neighbours) == shown
    page.go_forward()
    page.wait_for_url(f"**image={shown[2]}&**")
    settled(page)

    # a lasso: exactly the points inside it
    page.get_by_role("button", name="Select with a lasso").click()
    places = np.array([place_of(page, i) for i in range(run.n_images)])
    middle = np.median(places[:, 0])
    left, top = places[:, 0].min() - 8, places[:, 1].min() - 8
    bottom = places[:, 1].max() + 8
    corners = [(left, top), (middle, top), (middle, bottom), (left, bottom), (left, top)]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=12)
    page.mouse.up()
    page.wait_for_url("**selected=*")
    settled(page)
    expected = sorted(int(i) for i in np.flatnonzero(places[:, 0] < middle))
    page.get_by_text(f"{len(expected)} images selected").wait_for()
    assert sorted(rows_in(gallery(page, "Selected images"))) == expected

    # the selection as a table
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    with Path(download.value.path()).open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [line["image_id"] for line in table] == [run.image_ids[i] for i in expected]
    page.keyboard.press("Escape")

    # a reload restores run, image and selection
    page.reload()
    drawn_map(page)
    assert query_param(page, "run") == run_id
    page.get_by_text(f"{len(expected)} images selected").wait_for()
    assert sorted(rows_in(gallery(page, "Selected images"))) == expected
    page.get_by_role("radio", name="Image").click()
    settled(page)
    assert_same_order(run, shown[2], rows_in(neighbours))

    # an image of one's own: its neighbours, itself first
    page.get_by_role("radio", name="Overview").click()
    own = run.image_path(clicked)
    page.locator(".zone input[type=file]").first.set_input_files(own)
    page.get_by_alt_text(f"Your image {own.name}").wait_for()
    settled(page)
    assert rows_in(neighbours)[0] == clicked
    assert neighbours.locator(".badge").first.inner_text() == "1.00"
    assert failures == []
    context.close()
