"""Words on the Explore page: search, classes, and a backbone that knows none."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from dataeval_ui.services import runs as run_services
from dataeval_ui.services import words as word_services
from dataeval_ui.services.cluster_names import name_clusters
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.runs import open_run
from dataeval_ui.services.words import classes_name
from dataeval_ui.types import Silent
from dataeval_ui.ui.panels.cluster_names import items_of
from tests.second_run import add_second_run, register_tiny
from tests.ui.conftest import HOSTILE, Analysed, OpenPage, failures, open_workspace, words


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analysed]:
    """The demo, and as "second" under a backbone that knows colours."""
    services = open_workspace(tmp_path_factory.mktemp("worded") / "workspace")
    run = install_demo(services)
    with pytest.MonkeyPatch.context() as monkeypatch:
        register_tiny(monkeypatch, services, words=True)
        monkeypatch.setattr(word_services, "_text_embedders", {})
        add_second_run(services, run.id)
        yield Analysed(services=services, run_id=run.id)


def open_words(app: AppTest) -> None:
    """Open the popover: its fields are drawn while it is open."""
    assert not [field for field in app.text_input if field.key in ("search_words", "typed_classes")]
    app.session_state["words"] = True
    app.run()


def test_typed_words_are_searched_for_and_stand_in_the_address(worded: Analysed, open_page: OpenPage) -> None:
    app = open_page(worded.services, "explore", run="second")
    open_words(app)
    app.text_input(key="search_words").set_value("white -red").run()
    assert failures(app) == []
    assert app.query_params["text"] == "white -red"
    assert "Images for **white \\-red**" in words(app)
    assert "Best fit first" in words(app)
    app.text_input(key="search_words").set_value("").run()
    assert "text" not in app.query_params
    assert "Images for" not in words(app)


def test_typed_classes_colour_the_map_and_can_be_taken_away(worded: Analysed, open_page: OpenPage) -> None:
    app = open_page(worded.services, "explore", run="second")
    open_words(app)
    app.text_input(key="typed_classes").set_value("red, green, blue").run()
    assert failures(app) == []
    assert app.query_params["colour"] == classes_name(("red", "green", "blue"))
    assert app.selectbox(key="colour_by").value == classes_name(("red", "green", "blue"))
    assert app.text_input(key="typed_classes").value == "red, green, blue"
    app.text_input(key="typed_classes").set_value("").run()
    assert app.selectbox(key="colour_by").value == "cluster"


def test_one_class_alone_is_refused_in_a_sentence(worded: Analysed, open_page: OpenPage) -> None:
    app = open_page(worded.services, "explore", run="second")
    open_words(app)
    app.text_input(key="typed_classes").set_value("red").run()
    assert any("2 to 50 classes" in error.replace("\\", "") for error in failures(app))
    assert "colour" not in app.query_params


@pytest.mark.parametrize("params", [{"text": "dog"}, {"colour": classes_name(("cat", "dog"))}])
def test_a_backbone_without_words_names_one_that_has_them(
    params: dict[str, str], worded: Analysed, open_page: OpenPage
) -> None:
    app = open_page(worded.services, "explore", run=worded.run_id, **params)
    said = [text.replace("\\", "") for text in failures(app)]
    assert said
    assert all("efficientnet-lite0 has no text tower" in text for text in said)
    assert "Something went wrong" not in " ".join(said)


def test_only_words_to_subtract_are_refused(worded: Analysed, open_page: OpenPage) -> None:
    app = open_page(worded.services, "explore", run="second", text="-red")
    assert any("Type what to look for" in error for error in failures(app))


def test_hostile_words_are_shown_letter_by_letter(worded: Analysed, open_page: OpenPage) -> None:
    app = open_page(worded.services, "explore", run="second", text=HOSTILE, colour=classes_name((HOSTILE, "a")))
    assert failures(app) == []
    for markup in ("**x**", "<img", "$x$", ":red[a]"):
        assert not re.search(rf"(?<!\\){re.escape(markup)}", words(app))


def test_clusters_are_named_by_a_job_and_shown_with_examples(
    worded: Analysed, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_services, "ensure_worker", lambda services: None)
    monkeypatch.setattr("dataeval_ui.ui.panels.job_list.ensure_worker", lambda services: None)
    app = open_page(worded.services, "explore", run="second")
    app.button(key="name_clusters").click().run()
    assert failures(app) == []
    (job,) = worded.services.catalog.list_jobs(states=("queued",))
    assert (job.kind, job.payload["run"]) == ("names", "second")
    assert "cluster names of" in words(app)
    worded.services.catalog.request_cancel(job.id)
    names = name_clusters(worded.services, open_run(worded.services, "second"), Silent())
    app = open_page(worded.services, "explore", run="second")
    assert failures(app) == []
    assert "fits the first word best" in words(app)
    assert len(items_of(names)) == 2 * min(30, len(names))


def test_a_backbone_without_words_offers_no_names(worded: Analysed, open_page: OpenPage) -> None:
    app = open_page(worded.services, "explore", run=worded.run_id)
    assert failures(app) == []
    assert not [button for button in app.button if button.key == "name_clusters"]
