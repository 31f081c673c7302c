"""The Drift page of the demo: what it says before a test, the verdict on its splits, and where there is one set."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from dataeval_ui.services.drift import answer_for_drift, compare_runs_for_drift
from dataeval_ui.services.drift_images import galleries, splits_of
from dataeval_ui.services.drift_map import drift_map
from dataeval_ui.services.drift_places import CellImages
from dataeval_ui.services.drift_sets import chosen_rows
from dataeval_ui.services.drift_time import Chunk, drift_over_time
from dataeval_ui.services.runs import open_run
from dataeval_ui.ui import cached
from dataeval_ui.ui.panels import drift_choice, drift_frames
from dataeval_ui.ui.panels.drift_result import group_sentences
from dataeval_ui.ui.text import plain
from tests.ui.conftest import HOSTILE, HOSTILE_RUN, Analysed, OpenPage, failures, words


def test_the_verdict_on_the_demos_splits_is_shown_as_not_drifted(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "drift", run=analysed.run_id)
    assert "Is test different from train?" in words(app)
    assert not app.dataframe
    app.button(key="drift_start").click().run()
    assert failures(app) == []
    assert "No drift found" in words(app)
    assert "Drifted" not in words(app)
    run = open_run(analysed.services, analysed.run_id)
    told = compare_runs_for_drift(run, run, splits=("train", "test"))
    table = next(frame.value for frame in app.dataframe if "Test" in frame.value and "Effect size" in frame.value)
    assert list(table["Test"]) == [test["title"] for test in told["tests"]]
    assert list(table["p-value"]) == [f"{test['p_value']:.3g}" for test in told["tests"]]
    assert len(app.get("plotly_chart")) == 3
    assert plain(told["agreement"], max_chars=600) in words(app)
    assert app.query_params["tested"] == "1"


def test_a_drifted_set_is_said_in_a_word_and_where(
    analysed: Analysed, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(analysed.services, analysed.run_id)
    answer = answer_for_drift(run, run, splits=("train", "test"), n_permutations=19)
    told = answer.told
    group = {**told["by_class"][0], "name": HOSTILE, "lift": None, "p_value": 0.001}
    told = {**told, "drifted": True, "verdict": f"Drifted: mostly class {HOSTILE!r}.", "by_class": [group]}
    answer = replace(answer, told=told)
    shown = galleries(run, run, answer)
    monkeypatch.setattr(cached, "drift", lambda *_: (answer, shown, drift_map(run, run, answer)))
    app = open_page(analysed.services, "drift", run=analysed.run_id, tested="1")
    assert failures(app) == []
    assert "Drifted" in words(app)
    assert "No drift found" not in words(app)
    assert "new in the test set" in words(app)
    assert not re.search(r"(?<!\\)\*\*x\*\*", words(app).replace(f"**{plain(told['verdict'], max_chars=600)}**", ""))


def test_another_choice_takes_the_answer_away(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "drift", run=analysed.run_id, tested="1")
    assert app.dataframe
    app.selectbox(key="drift_with").select(HOSTILE_RUN).run()
    assert failures(app) == []
    assert "tested" not in app.query_params
    assert not app.dataframe


def test_one_split_twice_and_an_unknown_run_get_a_sentence(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "drift", run=analysed.run_id, reference="test", test="test", tested="1")
    assert app.button(key="drift_start").disabled
    assert "the same split" in app.info[0].value
    app = open_page(analysed.services, "drift", run=analysed.run_id, **{"with": "nonesuch"}, tested="1")
    assert "choose from the list" in app.warning[0].value
    assert not app.dataframe


def test_without_a_second_set_the_page_says_what_to_do(
    analysed: Analysed, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_choice, "splits_of", lambda run: ())
    monkeypatch.setattr(drift_choice, "list_runs", lambda services: [])
    app = open_page(analysed.services, "drift", run=analysed.run_id)
    assert failures(app) == []
    assert "Drift needs two sets of images" in words(app)
    assert any("Run another dataset" in link.value for link in app.page_link)


def test_nearest_images_are_of_the_reference_split_and_the_most_similar(analysed: Analysed) -> None:
    run = open_run(analysed.services, analysed.run_id)
    assert splits_of(run) == ("test", "train")
    answer = answer_for_drift(run, run, splits=("train", "test"), n_permutations=19)
    split = run.first_places["split"].to_pylist()
    units = np.asarray(run.view.embeddings, dtype=np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    for image in galleries(run, run, answer)["most_shifted"]:
        assert split[image.row] == "test"
        similarity = np.where([name == "train" for name in split], units @ units[image.row], -np.inf)
        assert [s for _, s in image.nearest] == pytest.approx(np.sort(similarity)[::-1][:3].tolist(), abs=1e-5)
        assert all(split[row] == "train" for row, _ in image.nearest)


def test_sentences_name_the_groups_that_changed() -> None:
    same = {"name": "a", "share_reference": 0.5, "share_test": 0.5, "lift": 1.0, "p_value": 1.0}
    new = {"name": "b", "share_reference": 0.0, "share_test": 0.25, "lift": None, "p_value": 0.001}
    assert group_sentences("class", [new, same]) == [
        "b: 0.0% of the reference, 25.0% of the test set (new in the test set, p = 0.001)."
    ]
    assert "more than chance" in group_sentences("class", [same])[0]


def test_drift_over_time_is_a_chart_once_a_column_is_chosen(
    analysed: Analysed, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(analysed.services, analysed.run_id)
    chunks = [Chunk(name=f"{HOSTILE} {at}", rows=rows) for at, rows in enumerate(np.array_split(np.arange(600), 3))]
    monkeypatch.setattr(cached, "time_columns", lambda _: ("when", HOSTILE))
    monkeypatch.setattr(cached, "drift_over_time", lambda *_, **__: (chunks, drift_over_time(run, chunks)))
    app = open_page(analysed.services, "drift", run=analysed.run_id)
    assert failures(app) == []
    assert "Over time" in words(app)
    assert not app.get("plotly_chart")
    app = open_page(analysed.services, "drift", run=analysed.run_id, over="when", cut="month")
    assert failures(app) == []
    assert len(app.get("plotly_chart")) == 1
    assert "2 chunks" in words(app)
    assert "**x**" not in words(app)


def test_two_filters_of_a_run_are_counted_and_compared(analysed: Analysed, open_page: OpenPage) -> None:
    app = open_page(analysed.services, "drift", run=analysed.run_id, **{"with": "filters"})
    assert failures(app) == []
    assert app.button(key="drift_start").disabled
    app.text_input(key="drift_reference_filter").set_value("lable = birds").run()
    assert "label" in app.error[0].value
    app.text_input(key="drift_reference_filter").set_value("split = train and not label = birds").run()
    app.text_input(key="drift_test_filter").set_value("split = test").run()
    assert failures(app) == []
    run = open_run(analysed.services, analysed.run_id)
    n = [len(rows) for rows in chosen_rows(run, run, filters=("split = train and not label = birds", "split = test"))]
    assert f"{n[0]:,} reference images" in words(app)
    assert f"{n[1]} test images" in words(app)
    app.button(key="drift_start").click().run()
    assert failures(app) == []
    assert "over all tests" in words(app)
    assert app.query_params["with"] == "filters"


def test_boxes_and_cells_are_shown_where_there_are_some(
    analysed: Analysed, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(analysed.services, analysed.run_id)
    answer = answer_for_drift(run, run, splits=("train", "test"), n_permutations=19)
    assert answer.told["boxes"] is answer.told["cells"] is None
    grid = {"reference": [[0.0, 0.5]], "test": [[0.5, 0.0]], "p_values": [[0.01, 1.0]]}
    row = {"name": "size", "p_value": 0.01, "effect_size": 0.25, "reference": 0.1, "test": 0.2}
    tests, faults = [{"title": "Size", **row}], [{"title": "Tiny", **row}]
    boxes = {
        "drifted": True, "p_value": 0.01, "sentence": f"Boxes {HOSTILE}.", "n_images": [9, 8], "n_boxes": [20, 30],
        "tests": tests, "faults": faults, "maps": {"centres": grid, "coverage": grid},
    }  # fmt: skip
    cells = {"p_value": 0.02, "sentence": "Image features by place.", "n_images": [9, 8], "map": grid}
    answer = replace(answer, told={**answer.told, "boxes": boxes, "cells": cells})
    shown = galleries(run, run, answer), drift_map(run, run, answer)
    monkeypatch.setattr(cached, "drift", lambda *_: (answer, *shown))
    app = open_page(analysed.services, "drift", run=analysed.run_id, tested="1", frame="cells")
    assert failures(app) == []
    assert "Where in the frame they differ" in words(app)
    assert app.button_group(key="drift_frame").value == "cells"
    table = next(frame.value for frame in app.dataframe if "Boxes" in frame.value)
    assert list(table["Reference"]) == ["0.1", "10.0%"]
    assert list(table["Effect size"]) == ["+0.25", "+25.0%"]
    assert "Click a cell to see the images" in words(app)
    rows = np.array([5, 7]), np.array([], dtype=np.int64)
    asked = []

    def images_at(*args: object) -> CellImages:
        asked.append(args[3:])
        return CellImages(reference=rows[0], test=rows[1])

    monkeypatch.setattr(drift_frames, "images_at", images_at)
    app = open_page(analysed.services, "drift", run=analysed.run_id, tested="1", frame="cells", cell="0.1")
    assert failures(app) == []
    assert asked == [("cells", (0, 1))]
    assert "Cell 1 from the top, 2 from the left" in words(app)
    assert "2 reference images" in words(app)
    assert [link.label for link in app.page_link if "Look at all 2" in link.label] == ["Look at all 2 on Explore"]
    app.button(key="drift_cell_close").click().run()
    assert "cell" not in app.query_params
    app = open_page(analysed.services, "drift", run=analysed.run_id, tested="1", frame="cells", cell="9.1")
    assert "Click a cell to see the images" in words(app)  # there is no such cell
