"""The page Duplicates shows what is known at once, and looks for mirrored and turned copies when it is asked to."""

from __future__ import annotations

from pathlib import Path

from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.runs import open_run
from dataeval_ui.services.turned import are_known
from tests.ui.conftest import OpenPage, failures, open_workspace


def test_opening_the_page_does_not_look_for_turned_copies_but_offers_to(tmp_path: Path, open_page: OpenPage) -> None:
    services = open_workspace(tmp_path / "workspace")
    run = install_demo(services)
    app = open_page(services, "duplicates", run=run.id)
    assert failures(app) == []
    assert not are_known(open_run(services, run.id))
    assert app.button(key="look_for_turned").label == "Look for mirrored and turned copies"
    assert app.button(key="next_group")
