"""Both parts: the owner makes a link, a reviewer opens it in a fresh browser, and is out once it is revoked."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataeval_ui.services.context import open_services
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings
from tests.browser.serving import serving, settled
from tests.demo import install_demo

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = pytest.mark.browser
VERDICT_OF = {"k": "keep", "x": "remove", "u": "unsure"}
KEYS = "kxku" * 5


def decisions_that_the_owner_downloads(owners: BrowserContext, address: str) -> list[dict[str, str]]:
    page = owners.new_page()
    page.goto(address)
    settled(page)
    page.get_by_role("button", name="Download").nth(1).click()
    with page.expect_download() as download:
        page.get_by_test_id("stPopoverBody").get_by_role("button", name="CSV").click()
    with Path(download.value.path()).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    page.close()
    return rows


def test_a_reviewer_is_let_in_sees_one_run_and_is_out_at_the_next_click(browser: Browser, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    services = open_services(load_settings({"workspace": workspace}, environment={}))
    run = install_demo(services)
    assert open_run(services, run.id).keyed_findings  # kept in the run's folder: no page waits for them
    with serving(workspace) as server:
        owners, reviewers = browser.new_context(), browser.new_context()
        try:
            owner, reviewer = owners.new_page(), reviewers.new_page()
            owner.goto(f"{server.url}/share?run={run.id}")
            settled(owner)
            owner.get_by_role("textbox", name="For whom").fill("Ann")
            owner.get_by_role("button", name="Make the link").click()
            address = owner.locator('[data-testid="stCode"]').inner_text().strip()
            assert address.startswith(f"{server.url}/s/")

            reviewer.goto(address)
            settled(reviewer)
            assert reviewer.url == f"{server.url}/explore?run={run.id}"
            [cookie] = [c for c in reviewers.cookies() if c["name"].startswith("dataeval_ui_guest_")]
            assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
            reviewer.get_by_text("Colour by").wait_for()
            shown = reviewer.locator("header, nav").all_inner_texts()
            assert any("Duplicates" in text for text in shown)
            assert not any(name in text for text in shown for name in ("Datasets", "Compare", "Share"))
            assert reviewer.evaluate("fetch('/api/runs/other/points').then((r) => r.status)") == 403
            assert reviewer.evaluate(f"fetch('/api/runs/{run.id}/points').then((r) => r.status)") == 200

            reviewer.goto(f"{server.url}/review?run={run.id}")
            settled(reviewer)
            reviewer.get_by_text("0 by anybody").wait_for()
            settled(reviewer)
            for n_decided, key in enumerate(KEYS, start=1):
                reviewer.keyboard.press(key)
                reviewer.get_by_text(f"{n_decided} by anybody").wait_for(timeout=10_000)
                reviewer.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]')
            [link] = services.catalog.list_links(run.id)
            rows = decisions_that_the_owner_downloads(owners, f"{server.url}/review?run={run.id}&show=results")
            assert [row["verdict"] for row in rows] == [VERDICT_OF[key] for key in KEYS]
            assert len({row["finding_key"] for row in rows}) == len(KEYS)
            assert {row["source"] for row in rows} == {f"link {link.id}"}
            kept = services.catalog.list_decisions(run.dataset_id)
            assert [row["id"] for row in rows] == [d.id for d in kept]
            reviewer.goto(f"{server.url}/explore?run={run.id}")
            settled(reviewer)

            owner.get_by_role("button", name="Revoke").click()
            settled(owner)
            reviewer.get_by_text("Image", exact=True).first.click()
            reviewer.get_by_text("This link was revoked.").wait_for()
            assert reviewer.get_by_text("Colour by").count() == 0
            assert (
                reviewer.evaluate(f"fetch('/api/runs/{run.id}/points', {{cache: 'no-store'}}).then((r) => r.status)")
                == 403
            )
        finally:
            owners.close()
            reviewers.close()
