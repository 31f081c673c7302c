"""What the pages tell the holder of a link to one run, whatever its address says: nothing of any other run."""

from __future__ import annotations

import shutil
from dataclasses import fields
from datetime import timedelta

import pytest

from dataeval_ui.services.access import OWNER, Viewer
from dataeval_ui.services.context import open_services
from dataeval_ui.services.links import make_link
from dataeval_ui.services.review import decide, review_queue
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings
from dataeval_ui.ui.panels.door import GUESTS_PAGES
from tests.demo import install_demo
from tests.ui.conftest import Analysed, failures, words

SECRET = "hidden-elsewhere"
OTHER = "elsewhere"


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    """The demo, and a run of the same embeddings in the same dataset, with a view and a decision of its own."""
    folder = tmp_path_factory.mktemp("two") / "workspace"
    services = open_services(load_settings({"workspace": folder}, environment={}))
    run = install_demo(services)
    shutil.copytree(services.workspace.run_dir(run.id), services.workspace.run_dir(OTHER))
    copy = {f.name: getattr(run, f.name) for f in fields(run)}
    services.catalog.add_run(**{**copy, "id": OTHER, "name": SECRET})
    services.catalog.save_view(run_id=OTHER, name=SECRET, page="explore", address={"colour": ["label"]})
    other = open_run(services, OTHER)
    decide(other, review_queue(other)[0], "remove", viewer=OWNER, comment=SECRET)
    return Analysed(services=services, run_id=run.id)


@pytest.fixture
def guest(two_runs, monkeypatch):
    """Look at every page as the holder of a link."""

    def become(role):
        link, _ = make_link(two_runs.services, two_runs.run_id, role=role, expires=timedelta(days=1))
        viewer = Viewer(role=role, name=f"link {link.id}", run_id=two_runs.run_id, link_id=link.id)
        monkeypatch.setattr("dataeval_ui.ui.viewer.current_viewer", lambda: viewer)
        for panel in ("review_results", "label_decision"):
            monkeypatch.setattr(f"dataeval_ui.ui.panels.{panel}.current_viewer", lambda: viewer)

    return become


def told(app):
    """Everything that a page shows or offers."""
    options = [option for box in app.selectbox for option in box.options]
    tables = [frame.value.to_csv() for frame in app.dataframe]
    return "\n".join([words(app), *options, *tables, *(each.value for each in (*app.info, *app.success))])


ASKED = {
    "explore": {"colour": f"overlap:{OTHER}", "image": "99999999"},
    "outliers": {"show": "reference", "reference": OTHER},
    "review": {"show": "results"},
}


@pytest.mark.parametrize("page", GUESTS_PAGES)
def test_no_page_tells_a_guest_of_another_run(page, two_runs, guest, open_page):
    guest("decide")
    app = open_page(two_runs.services, page, run=two_runs.run_id, **ASKED.get(page, {}))
    assert app.exception == []
    assert len(told(app)) > 50, "the page is drawn"
    assert SECRET not in told(app)
    assert str(two_runs.services.catalog.get_run(two_runs.run_id).dataset_id) not in told(app)


@pytest.mark.parametrize(
    ("page", "address"),
    [
        ("explore", {"image": "5"}),
        ("duplicates", {"left": "3", "right": "4"}),
        ("outliers", {"image": "5"}),
        ("labels", {"image": "5"}),
        ("health", {"kind": "leaks"}),
        ("review", {"show": "agreement"}),
    ],
)
def test_a_page_that_shows_an_image_opens_for_a_guest(page, address, two_runs, guest, open_page):
    """A link to a page that a guest has not is an error of Streamlit's, where it is drawn."""
    guest("view")
    app = open_page(two_runs.services, page, run=two_runs.run_id, **address)
    assert failures(app) == []


def test_the_owner_is_told_or_the_test_above_proves_nothing(two_runs, open_page):
    assert SECRET in told(open_page(two_runs.services, "explore", run=two_runs.run_id))
    assert SECRET in told(open_page(two_runs.services, "outliers", run=two_runs.run_id, **ASKED["outliers"]))


@pytest.mark.parametrize("page", ["drift", "compare", "parts", "share", "run", "datasets"])
def test_an_owners_page_does_not_open_for_a_guest(page, two_runs, guest, open_page):
    guest("decide")
    with pytest.raises(ValueError, match="Could not find a navigation page"):
        open_page(two_runs.services, page, run=two_runs.run_id)


@pytest.mark.parametrize("verdict", ["keep", "remove"])
def test_a_button_that_a_viewer_must_not_press_decides_nothing(verdict, two_runs, guest, open_page):
    """The browser is the guest's: it may send a click on a button that is disabled."""
    dataset_id = two_runs.services.catalog.get_run(two_runs.run_id).dataset_id
    for role, n_more in (("view", 0), ("comment", 0), ("decide", 1)):
        guest(role)
        app = open_page(two_runs.services, "review", run=two_runs.run_id)
        button = next(each for each in app.button if each.key == f"review_{verdict}")
        assert button.disabled == (role != "decide")
        button.proto.disabled = False
        n_before = len(two_runs.services.catalog.list_decisions(dataset_id))
        button.click().run()
        assert len(two_runs.services.catalog.list_decisions(dataset_id)) == n_before + n_more
