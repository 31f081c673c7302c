"""Every page from a fresh session: with nothing, with a finished run, with a wrong address, with hostile text."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.services.datasets import add_dataset, remove_dataset
from dataeval_ui.services.runs import list_runs, open_run
from dataeval_ui.ui import state
from tests.images import make_dataset
from tests.ui.conftest import HOSTILE_RUN, Analysed, OpenPage, failures, open_workspace, words

PAGES = (
    "datasets",
    "run",
    "explore",
    "health",
    "duplicates",
    "outliers",
    "coverage",
    "quality",
    "labels",
    "slices",
    "review",
    "compare",
    "drift",
)
OF_A_RUN = ("explore", "health", "duplicates", "outliers", "coverage", "quality", "labels", "slices", "review", "drift")


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_workspace_says_what_to_do_next(page: str, tmp_path: Path, open_page: OpenPage) -> None:
    app = open_page(open_workspace(tmp_path / "workspace"), page)
    assert failures(app) == []
    assert any("Try the demo" in button.label for button in app.button)


@pytest.mark.parametrize("page", PAGES)
def test_a_finished_run_is_shown_without_an_error(page: str, analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, page, run=analysed.run_id)
    assert failures(app) == []
    assert not app.warning


@pytest.mark.parametrize("page", OF_A_RUN)
def test_an_unknown_run_gets_a_sentence_and_a_way_on(page: str, analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, page, run="nonesuch")
    assert "There is no run" in words(app)
    assert "nonesuch" in words(app)
    assert any("Open the newest run" in link.value for link in app.page_link)


@pytest.mark.parametrize("page", OF_A_RUN)
def test_a_page_without_a_run_in_its_address_shows_the_newest(
    page: str, analysed: Analysed, open_page: OpenPage
) -> None:
    newest = list_runs(analysed.services)[0]
    app = open_page(analysed.services, page)
    assert app.selectbox(key="run_switcher").value == newest.id
    assert any(f'"{newest.id}"' in str(e.value) and "replaceState" in str(e.value) for e in app.html)
    assert "run" not in app.query_params  # which would be a step of the browser's history
    assert failures(app) == []


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("panel", ["overview", "image", "selection"])
def test_hostile_text_is_shown_letter_by_letter(page: str, panel: str, analysed: Analysed, open_page: OpenPage) -> None:
    selected, _ = state.encode_selection(np.arange(40), open_run(analysed.services, HOSTILE_RUN).n_images)
    app = open_page(analysed.services, page, run=HOSTILE_RUN, image="0", panel=panel, selected=selected, colour="label")
    assert failures(app) == []
    labels = [str(e.label) for e in (*app.button, *app.expander, *app.multiselect, *app.selectbox)]
    markdown = "\n".join([words(app), *labels, *(str(link.value) for link in app.page_link)])
    for markup in ("**x**", "<img", "$x$", ":red[a]", "`c`", "](javascript", ":material/home:", "-->", "www."):
        assert not re.search(rf"(?<!\\){re.escape(markup)}", markdown)
    assert "<img src=x" not in "\n".join(str(e.value) for e in app.html)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"colour": "no.such"}, "coloured by cluster"),
        ({"image": "999999"}, "has no image 999999"),
        ({"in__nothing": "a"}, "not filtered by it"),
        ({"selected": "!!"}, "does not fit this run"),
        ({"selected": "kept-0123"}, "no longer kept"),
        ({"range__cluster": "0..1"}, "not filtered by it"),
        ({"in__brightness": "a"}, "not filtered by it"),
    ],
)
def test_what_an_address_cannot_mean_is_said_and_the_page_goes_on(
    params: dict[str, str], sentence: str, analysed: Analysed, open_page: OpenPage
) -> None:
    app = open_page(analysed.services, "explore", run=analysed.run_id, **params)
    said = [*(w.value for w in app.warning), *(e.value for e in app.error)]
    assert sum(sentence in text.replace("\\", "") for text in said) == 1, "once"
    assert app.button(key="clear_filters"), "the map and what is above it are there"
    assert not any("Something went wrong" in text for text in said)


def test_a_filter_in_the_address_filters_and_can_be_cleared(analysed: Analysed, open_page: OpenPage) -> None:
    run = open_run(analysed.services, analysed.run_id)
    label, n = run.column("label").counts()[0]
    app = open_page(analysed.services, "explore", run=analysed.run_id, in__label=label)
    assert f"{n:,} of {run.n_images:,} images pass the filters" in words(app)
    app.button(key="show_all").click().run()
    assert "pass the filters" not in words(app)
    assert "in.label" not in app.query_params


def test_choosing_a_colour_changes_the_address(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "explore", run=analysed.run_id)
    app.selectbox(key="colour_by").select("outlier_score").run()
    assert app.query_params["colour"] == "outlier_score"
    assert failures(app) == []


def test_changing_the_run_keeps_the_colour_and_drops_the_image(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "explore", run=analysed.run_id, image="3", colour="label")
    app.selectbox(key="run_switcher").select(HOSTILE_RUN).run()
    assert app.query_params["run"] == HOSTILE_RUN
    assert app.query_params["colour"] == "label"
    assert "image" not in app.query_params


def test_leaks_come_first_and_next_goes_on(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "duplicates", run=analysed.run_id)
    assert "**1** of" in words(app)
    app.button(key="next_group").click().run()
    assert "**2** of" in words(app)
    assert app.query_params["at"] == "1"
    app.button(key="previous_group").click().run()
    assert "**1** of" in words(app)


def test_moving_the_threshold_moves_the_number_of_outliers(analysed: Analysed, open_page: OpenPage) -> None:
    scores = open_run(analysed.services, analysed.run_id).outliers.scores
    app = open_page(analysed.services, "outliers", run=analysed.run_id)
    app.slider(key="outlier_threshold_here").set_value(0.5).run()
    assert app.query_params["threshold"] == "0.5"
    assert f"**{int((scores >= 0.5).sum()):,} images** from 0.500 on" in words(app)


def test_backbones_without_weights_do_not_stand_between_the_user_and_the_start(
    analysed: Analysed, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAEVAL_UI_OFFLINE", "1")
    app = open_page(analysed.services, "run")
    (missing,) = (e for e in app.expander if "weights are not on this machine" in e.label)
    assert "Choose" in {button.label for button in missing.button}
    assert all(button.disabled for button in missing.button)
    assert app.button(key="choose_efficientnet-lite0").label == "Chosen"
    assert "choose_efficientnet-lite0" not in {button.key for button in missing.button}
    assert not app.button(key="start").disabled


def test_where_nothing_reaches_the_threshold_the_oddest_are_one_click_away(
    analysed: Analysed, open_page: OpenPage
) -> None:
    scores = np.sort(open_run(analysed.services, analysed.run_id).outliers.scores)
    app = open_page(analysed.services, "outliers", run=analysed.run_id, threshold="1")
    assert f"the highest is {scores[-1]:.3f}" in words(app)
    app.button(key="show_oddest").click().run()
    lowest = float(app.query_params["threshold"])
    assert scores[-20] - 0.005 < lowest <= scores[-20]
    assert f"**{int((scores >= lowest).sum())} images** from" in words(app)


def test_every_unreadable_file_is_listed_with_its_reason(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "outliers", run=analysed.run_id, show="unreadable")
    listed = app.dataframe[0].value
    manifest = open_run(analysed.services, analysed.run_id).manifest.to_pylist()
    expected = [(place["path"], place["reason"]) for place in manifest if place["status"] == "unreadable"]
    assert list(zip(listed["path"], listed["reason"], strict=True)) == expected
    assert expected


def test_a_folder_is_previewed_and_added(tmp_path: Path, open_page: OpenPage) -> None:
    folder = make_dataset(tmp_path / "shapes", n_per_class=5)
    services = open_workspace(tmp_path / "workspace")
    app = open_page(services)
    app.text_input(key="path_folder").set_value(str(folder)).run()
    assert failures(app) == []
    assert "**19 image files**" in words(app)
    assert "3 labels" in words(app)
    assert "2 splits" in words(app)
    app.button(key="add").click().run()
    assert [d.name for d in services.catalog.list_datasets()] == ["shapes"]


@pytest.mark.parametrize(
    ("path", "sentence"), [("/etc", "outside"), ("relative", "no absolute path"), ("~/no-such-folder-here", "")]
)
def test_a_folder_that_may_not_or_cannot_be_read_gets_one_sentence(
    path: str, sentence: str, tmp_path: Path, open_page: OpenPage
) -> None:
    app = open_page(open_workspace(tmp_path / "workspace"))
    app.text_input(key="path_folder").set_value(path).run()
    assert len(app.error) == 1
    assert sentence in app.error[0].value
    assert "Something went wrong" not in app.error[0].value


def test_a_removed_dataset_in_the_address_is_said(tmp_path: Path, open_page: OpenPage) -> None:
    services = open_workspace(tmp_path / "workspace")
    kept = add_dataset(services, make_dataset(tmp_path / "kept", n_per_class=5))
    gone = add_dataset(services, make_dataset(tmp_path / "gone", n_per_class=5))
    remove_dataset(services, gone.id)
    app = open_page(services, "run", dataset=gone.id)
    assert "was removed" in words(app)
    assert app.selectbox(key="run_dataset").value == kept.id


@pytest.mark.parametrize("colour", ["label", "outlier_score"])
def test_a_browser_without_webgl_gets_a_plotly_map(colour: str, analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "explore", run=analysed.run_id, colour=colour, image="3", in__split="train")
    app.session_state["dataeval_ui.webgl_missing"] = True
    app.run()
    assert failures(app) == []
    assert "drawn with Plotly" in words(app)
    assert len(app.get("plotly_chart")) == 1


def test_a_table_offers_its_columns_as_labels_and_splits(tmp_path: Path, open_page: OpenPage) -> None:
    folder = make_dataset(tmp_path / "shapes", n_per_class=5)
    paths = sorted(path.relative_to(tmp_path) for path in folder.rglob("*.png"))
    lines = [f"{path},{'even' if i % 2 else 'odd'},{i % 3}" for i, path in enumerate(paths)]
    (tmp_path / "list.csv").write_text("\n".join(["path,parity,third", *lines]), encoding="utf-8")
    services = open_workspace(tmp_path / "workspace")
    app = open_page(services)
    app.session_state["source"] = "CSV or Parquet"
    app.run()
    app.text_input(key="path_table").set_value(str(tmp_path / "list.csv")).run()
    assert failures(app) == []
    app.selectbox(key="label_rule").select("column:parity").run()
    app.selectbox(key="split_rule").select("column:third").run()
    assert "2 labels" in words(app)
    assert "3 splits" in words(app)
    app.button(key="add").click().run()
    (added,) = services.catalog.list_datasets()
    assert (added.name, added.kind, added.rule.label_from, added.rule.split_from) == (
        "list",
        "table",
        "parity",
        "third",
    )


def test_what_stands_alone_in_a_pages_file_is_not_written_on_the_page():
    """Streamlit would write the docstring of a constant, unless it is told not to; `AppTest` is not told."""
    for path in sorted((Path(state.__file__).parent / "app_pages").glob("*.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        alone = [node for node in body[1:] if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call)]
        assert alone == [], path.name
