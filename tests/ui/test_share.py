"""The page Share, saved views, and what a guest sees."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dataeval_ui.services.access import Viewer
from dataeval_ui.services.context import open_services
from dataeval_ui.services.demo import install_demo, install_demo_runs
from dataeval_ui.services.links import make_link
from dataeval_ui.settings import load_settings
from tests.ui.conftest import HOSTILE, Analysed, failures, words


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    services = open_services(
        load_settings({"workspace": tmp_path_factory.mktemp("mine") / "workspace"}, environment={})
    )
    return Analysed(services=services, run_id=install_demo(services).id)


def test_a_link_is_made_listed_and_revoked(mine, open_page):
    app = open_page(mine.services, "share", run=mine.run_id)
    assert failures(app) == []
    note = next(field for field in app.text_input if field.label == "For whom")
    note.set_value(HOSTILE)
    next(button for button in app.button if button.label == "Make the link").click().run()
    assert failures(app) == []
    [link] = mine.services.catalog.list_links(mine.run_id)
    assert (link.role, link.note) == ("decide", HOSTILE)
    assert f"/s/{link.id}." in app.code[0].value
    assert "onerror=alert(1)>" not in words(app)
    install_demo_runs(mine.services)
    other = next(run.id for run in mine.services.catalog.list_runs() if run.id != mine.run_id)
    app.query_params["run"] = other
    assert len(app.run().code) == 0, "it is the link of another run"
    app.query_params["run"] = mine.run_id
    assert len(app.run().code) == 1
    next(button for button in app.button if button.label == "Revoke").click().run()
    assert mine.services.catalog.list_links(mine.run_id)[0].revoked_at is not None
    assert len(app.code) == 0, "a revoked link is not shown any longer"


def test_a_view_is_saved_and_opened_again_exactly(mine, open_page):
    app = open_page(mine.services, "explore", run=mine.run_id, colour="label", image="7", k="12", in__split="test")
    next(field for field in app.text_input if field.key == "view_name").set_value("Test, by label")
    next(button for button in app.button if button.label == "Save").click().run()
    assert failures(app) == []
    [view] = mine.services.catalog.list_views(mine.run_id)
    assert (view.name, view.page) == ("Test, by label", "explore")
    again = open_page(mine.services, "explore", run=mine.run_id, view=view.id)
    assert failures(again) == []
    for name, value in (("colour", "label"), ("image", "7"), ("k", "12"), ("in.split", "test"), ("run", mine.run_id)):
        assert again.query_params[name] in (value, [value])
    assert "view" not in again.query_params


def test_a_view_that_is_gone_is_said_so(mine, open_page):
    app = open_page(mine.services, "explore", run=mine.run_id, view="0123456789abcdef")
    assert failures(app) == []
    assert any("saved view was removed" in warning.value for warning in app.warning)


def test_a_guest_starts_at_a_welcome_and_sees_its_run_alone(mine, analysed, open_page, monkeypatch):
    link, _ = make_link(analysed.services, analysed.run_id, role="decide", expires=timedelta(days=1))
    viewer = Viewer(role="decide", name=f"link {link.id}", run_id=analysed.run_id, link_id=link.id)
    monkeypatch.setattr("dataeval_ui.ui.viewer.current_viewer", lambda: viewer)
    app = open_page(analysed.services)
    assert failures(app) == []
    assert "You are invited to look at a dataset" in words(app)
    assert "hostile" not in words(app)
    app = open_page(analysed.services, "explore", run="hostile")
    assert any("There is no run" in error for error in failures(app))


def test_nobody_sees_why(mine, open_page, monkeypatch):
    monkeypatch.setattr(
        "dataeval_ui.ui.viewer.current_viewer", lambda: Viewer(role="nobody", reason="This link ended.")
    )
    app = open_page(mine.services)
    assert "This link ended" in words(app)
    assert len(app.button) == 0
