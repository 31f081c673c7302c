"""Kinds of findings from the scorecard to the image and back, each taken away as a table, in a real browser."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from dataeval_ui.findings.find import find_findings
from dataeval_ui.services.context import Services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.runs import open_run
from dataeval_ui.store.manifests import save_manifest
from dataeval_ui.store.results import save_json
from dataeval_ui.types import Manifest
from tests.browser.serving import Server, serving, settled
from tests.ui.conftest import open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.browser

RUN = "planted"
N_BOXES = 3


def add_planted(services: Services, run_id: str) -> None:
    """Copy a run: cluster 0 stands in the split "test" alone, and one image has three boxes, two of them one place."""
    run = open_run(services, run_id)
    assert run.all_findings  # kept in the run's folder, which is copied: no page waits for them
    cluster_of = dict(zip(run.image_ids, run.clustering.cluster_labels.tolist(), strict=True))
    table = run.manifest
    ids, splits = table["image_id"].to_pylist(), table["split"].to_pylist()
    moved = ["test" if cluster_of.get(i) == 0 else split for i, split in zip(ids, splits, strict=True)]
    table = table.set_column(table.column_names.index("split"), "split", pa.array(moved, pa.string()))
    box = {"path": run.places(0)[0].path, "x_px": 2.0, "y_px": 2.0, "width_px": 20.0, "height_px": 20.0}
    rows = [
        {**box, "object": number, "label": label, "x_px": x, "is_crowd": False, "mask": None, "status": "ok"}
        for number, (label, x) in enumerate((("cat", 2.0), ("dog", 2.0), ("cat", 30.0)))
    ]
    objects = pa.Table.from_pylist(rows).append_column("reason", pa.nulls(N_BOXES, pa.string()))
    objects = objects.set_column(objects.column_names.index("mask"), "mask", pa.nulls(N_BOXES, pa.string()))
    manifest = Manifest(table=table, digest=RUN, objects=objects)
    save_manifest(services.workspace, manifest)
    shutil.copytree(services.workspace.run_dir(run_id), services.workspace.run_dir(RUN))
    found = find_findings(
        table, run.image_ids, duplicates=run.duplicates, outliers=run.outliers, graph=run.graph,
        params=run.record.params, objects=objects,
    )  # fmt: skip
    save_json(services.workspace, RUN, "findings", [finding.to_json() for finding in found])
    copy = {f.name: getattr(run.record, f.name) for f in fields(run.record)}
    services.catalog.add_run(**{**copy, "id": RUN, "name": RUN, "manifest_digest": RUN})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    services = open_workspace(tmp_path_factory.mktemp("findings") / "workspace")
    add_planted(services, install_demo(services).id)
    with serving(Path(services.workspace.root)) as running:
        yield running


@pytest.fixture
def page(server: Server, browser: Browser) -> Iterator[Page]:
    """The scorecard of the planted run."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    opened.goto(f"{server.url}/health?run={RUN}")
    settled(opened)
    yield opened
    context.close()


def card(page: Page, title: str) -> Locator:
    """A card of the scorecard by its title."""
    return page.locator(".st-key-health_cards > *").filter(has=page.get_by_text(title, exact=True))


def table_of(page: Page) -> list[dict[str, str]]:
    """What the page's first download gives as CSV."""
    page.get_by_role("button", name="Download").first.click()
    with page.expect_download() as download:
        page.get_by_test_id("stPopoverBody").get_by_role("button", name="CSV").click()
    page.keyboard.press("Escape")
    with Path(download.value.path()).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def to_the_map_and_back(page: Page) -> None:
    """Follow the first way to the map, see an image there, and return with the browser's own button."""
    before = page.url.partition("?")[0]
    page.get_by_role("link", name="Show on the map").first.click()
    page.wait_for_url("**/explore?*")
    page.wait_for_selector(".map[data-drawn]")
    settled(page)
    if "selected=" in page.url:
        page.get_by_role("group", name="Selected images").get_by_role("button").first.click()
        page.wait_for_url("**image=*")
        page.go_back()
        page.wait_for_url(lambda url: "image=" not in url)
        settled(page)
    else:
        assert "image=" in page.url
    page.go_back()
    page.wait_for_url(f"{before}?*")
    page.get_by_role("link", name="Show on the map").first.wait_for()


def test_contradicting_annotations_lead_to_their_image_and_back(page: Page) -> None:
    assert card(page, "Annotation errors").get_by_text("1", exact=True).count() == 1
    page.locator(".st-key-health_annotations button").click()
    page.wait_for_url("**kind=annotations*")
    settled(page)
    page.get_by_text("has the box of object 0, which is labelled cat").wait_for()
    [row] = table_of(page)
    assert row["kind"] == "annotation"
    to_the_map_and_back(page)
    assert "kind=annotations" in page.url


def test_slices_lead_from_their_card_to_an_image_and_back(page: Page) -> None:
    card(page, "Slices").get_by_role("link", name="Open Slices").click()
    page.wait_for_url("**/slices?*")
    page.get_by_text("times over-represented in test").first.wait_for()
    assert "cluster 0" in {row["slice"] for row in table_of(page)}
    to_the_map_and_back(page)
    page.go_back()
    page.wait_for_url("**/health?*")
    card(page, "Slices").wait_for()


def test_unreadable_files_are_named_with_their_reasons_and_taken_away(page: Page) -> None:
    page.locator(".st-key-health_unreadable button").click()
    page.wait_for_url("**kind=unreadable*")
    settled(page)
    rows = table_of(page)
    assert {row["kind"] for row in rows} == {"unreadable"}
    page.get_by_text("is no usable image").nth(len(rows) - 1).wait_for()
    card(page, "Unreadable files").get_by_role("link", name="Open Quality").click()
    page.wait_for_url("**/quality?*")
    page.get_by_test_id("stDataFrame").wait_for()
    page.go_back()
    page.wait_for_url("**/health?*kind=unreadable*")
    page.get_by_text("is no usable image").first.wait_for()
