"""The run in one file: a reviewer opens it from the disk with networking off, decides, and the decisions come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataeval_ui.findings.keys import finding_key
from dataeval_ui.services.context import open_services
from dataeval_ui.services.decision_files import current_marks, import_decisions, load_marks
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.offline import export_offline
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture
def run(tmp_path: Path):
    services = open_services(load_settings({"workspace": tmp_path / "workspace"}, environment={}))
    return open_run(services, install_demo(services).id)


def save(page: Page, path: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save decisions").click()
    download.value.save_as(path)
    return path


def test_a_reviewer_decides_offline_and_the_decisions_come_back(browser: Browser, run, tmp_path: Path) -> None:
    out = tmp_path / "run.html"
    export_offline(run, out)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_offline(True)
    requests: list[str] = []
    errors: list[str] = []

    def open_page() -> Page:
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(out.as_uri())
        page.wait_for_selector("body[data-ready]")
        return page

    try:
        page = open_page()
        page.get_by_label("Your name").fill("Ann")
        page.locator("#progress").click()
        page.keyboard.press("k")
        page.keyboard.press("j")
        page.keyboard.press("x")
        page.get_by_label("Comment", exact=True).fill("<b>the same drawing</b>")
        page.keyboard.press("Tab")
        page.keyboard.press("Escape")
        page.locator("#progress").click()
        page.keyboard.press("j")
        page.keyboard.press("u")
        page.keyboard.press("z")
        at = page.evaluate(
            "() => { const b = document.getElementById('map').getBoundingClientRect();"
            " const [x, y] = place(5, b.width, b.height); return [b.left + x, b.top + y, rowAt(x, y)]; }"
        )
        page.mouse.click(at[0], at[1])
        row = int(at[2])
        assert page.locator("#path").inner_text() == run.places(row)[0].path
        shown = page.locator("#similar canvas").evaluate_all("all => all.map((c) => Number(c.dataset.row))")
        assert shown == run.graph.indices[row, :12].tolist()
        page.locator("#path").click()
        page.keyboard.press("l")
        page.get_by_label("The right label").fill("owl")
        page.keyboard.press("Tab")
        painted = page.locator(".big canvas").evaluate(
            "(c) => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
        )
        assert painted > 10, "the thumbnail is drawn"
        page.close()
        page = open_page()  # what was marked is kept without saving
        assert page.get_by_label("Your name").input_value() == "Ann"
        saved = save(page, tmp_path / "ann.json")
    finally:
        context.close()
    assert errors == []
    assert {url for url in requests if not url.startswith(("data:", "blob:"))} == {out.as_uri()}

    done = import_decisions(run, [saved.read_bytes()])
    assert (done.n_outside, done.n_known) == (0, 0)
    held = current_marks(load_marks(run))["Ann"]
    targets = [f"finding:{finding_key(finding)}" for finding in run.findings[:3]]
    assert held[targets[0]].decision == "keep"
    assert (held[targets[1]].decision, held[targets[1]].comment) == ("remove", "<b>the same drawing</b>")
    assert targets[2] not in held, "undone"
    image = held[f"image:{run.image_ids[row]}"]
    assert (image.decision, image.label) == ("relabel", "owl")
    told = {
        d.finding_key: (d.verdict, d.reviewer, d.source) for d in run.services.catalog.list_decisions(run.dataset.id)
    }
    assert told == {
        finding_key(run.findings[0]): ("keep", "Ann (file)", "import"),
        finding_key(run.findings[1]): ("remove", "Ann (file)", "import"),
    }
    again = import_decisions(run, [saved.read_bytes()])
    assert (again.n_new, again.n_known) == (0, done.n_new)
    assert json.loads(saved.read_text())["run"] == run.id
