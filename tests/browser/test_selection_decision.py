"""One decision for all images that are selected on the map, taken back as one, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.held_decisions import held_decisions
from dataeval_ui.services.image_decisions import verdicts_of
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.ui import state
from tests.browser.serving import Server, serving, settled
from tests.ui.conftest import open_workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
ROWS = np.arange(100, 140)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Run]]:
    services = open_workspace(tmp_path_factory.mktemp("decide") / "workspace")
    run = open_run(services, install_demo(services).id)
    with serving(Path(services.workspace.root)) as server:
        yield server, run


def held_of(run: Run) -> dict[str, int]:
    return verdicts_of(run, np.arange(run.n_images), held_decisions(run.services.catalog, run.dataset.id))


@pytest.mark.parametrize("width_px", [1280, 390])
def test_all_selected_images_are_decided_on_at_once_and_undone(
    served: tuple[Server, Run], browser: Browser, width_px: int
) -> None:
    server, run = served
    selected, _ = state.encode_selection(ROWS, run.n_images)
    page = browser.new_context(viewport={"width": width_px, "height": 1000}).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.url}/explore?run={run.id}&selected={selected}&panel=selection")
    page.get_by_text("40 images selected").wait_for()
    page.get_by_text("Decide for all 40").click()
    page.get_by_label("Comment").fill("out of focus")
    page.get_by_label("Comment").press("Enter")
    settled(page)
    page.get_by_role("button", name="Remove").click()
    page.get_by_text("Decided: 40 remove").wait_for()
    settled(page)
    assert held_of(run) == {"remove": 40}
    decided = run.services.catalog.list_decisions(run.dataset.id)[-40:]
    assert {decision.comment for decision in decided} == {"out of focus"}
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("node => node.scrollWidth <= node.clientWidth")
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Decided: 40 remove").wait_for(state="detached")
    settled(page)
    assert held_of(run) == {}
    page.context.close()
