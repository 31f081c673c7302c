"""Both parts: the owner makes a link, a reviewer opens it in a fresh browser, and is out once it is revoked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dataeval_ui.services.context import open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.settings import load_settings
from tests.browser.serving import serving, settled

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_a_reviewer_is_let_in_sees_one_run_and_is_out_at_the_next_click(browser: Browser, tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    services = open_services(load_settings({"workspace": workspace}, environment={}))
    run = install_demo(services)
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
            for n_decided in range(1, 4):
                reviewer.get_by_role("button", name="Keep").first.click()
                settled(reviewer)
                decided = services.catalog.list_decisions(run.dataset_id)
                assert [d.verdict for d in decided] == ["keep"] * n_decided
            [link] = services.catalog.list_links(run.id)
            assert {d.source for d in decided} == {f"link {link.id}"}
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
