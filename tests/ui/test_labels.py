"""The Labels page of the demo's run: what it lists, where it leads, what it decides, and columns that mean nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pyarrow as pa
import pytest

from dataeval_ui.errors import InputError, ParameterError
from dataeval_ui.services.access import OWNER
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.health import list_cards
from dataeval_ui.services.labels import (
    balance,
    bayes_error,
    class_counts,
    classes_of,
    confusion,
    label_errors,
    parity,
    predictors,
)
from dataeval_ui.services.review import cleaned_manifest, review_queue, undo
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.panels.label_facts import MAX_CLASSES, largest_classes, parse_cell
from tests.ui.conftest import Analysed, OpenPage, failures, open_workspace, words


def links_to_map(app: object) -> list[dict[str, list[str]]]:
    return [parse_qs(link.proto.query_string) for link in app.page_link if "on the map" in link.value]  # type: ignore[attr-defined]


def test_suspects_are_listed_and_each_opens_on_the_map(analysed: Analysed, open_page: OpenPage) -> None:
    run = open_run(analysed.services, analysed.run_id)
    rows = label_errors(run).rows
    app = open_page(analysed.services, "labels", run=analysed.run_id, image=str(rows[2]))
    assert failures(app) == []
    assert f"**{len(rows)} suspected errors** among {run.n_images} labels" in words(app)
    every, one = links_to_map(app)
    assert state.decode_selection(every["selected"][0], run.n_images).tolist() == sorted(rows.tolist())
    assert one["image"] == [str(rows[2])]


def test_a_decision_relabels_and_goes_on_and_is_undone(tmp_path: Path, open_page: OpenPage) -> None:
    services = open_workspace(tmp_path / "workspace")
    run = open_run(services, install_demo(services).id)
    errors, classes = label_errors(run), classes_of(run)
    first, second = (int(row) for row in errors.rows[:2])
    app = open_page(services, "labels", run=run.id)
    app.button(key="label_relabel").click().run()
    assert failures(app) == []
    assert app.query_params["image"] == str(second)
    changed = [row for row in cleaned_manifest(run, review_queue(run)).to_pylist() if row["action"] == "relabel"]
    assert {row["path"] for row in changed} == {place.path for place in run.places(first)}
    assert {row["new_label"] for row in changed} == {classes.names[int(errors.suggested[first])]}
    app.toggle(key="label_hide_decided").set_value(True).run()
    assert failures(app) == []
    [every, _] = links_to_map(app)
    assert first not in state.decode_selection(every["selected"][0], run.n_images).tolist()
    app.button(key="label_undo").click().run()
    assert undo(run, viewer=OWNER) is None
    assert not [i for i in review_queue(run) if i.finding.kind == "label_error" and i.verdicts]


def test_difficulty_says_the_bounds_and_a_cell_opens_its_images(analysed: Analysed, open_page: OpenPage) -> None:
    run = open_run(analysed.services, analysed.run_id)
    cells = confusion(run)
    at = int(np.flatnonzero(cells.given_codes != cells.voted_codes)[0])
    given, voted = int(cells.given_codes[at]), int(cells.voted_codes[at])
    app = open_page(analysed.services, "labels", run=analysed.run_id, show="difficulty", cell=f"{given}-{voted}")
    assert failures(app) == []
    assert f"{bayes_error(run)['knn'].lower:.1%}" in words(app)
    assert f"**{cells.n_images[at]} images** labelled" in words(app)
    [link] = links_to_map(app)
    assert state.decode_selection(link["selected"][0], run.n_images).tolist() == cells.rows(given, voted).tolist()


@pytest.mark.parametrize("cell", ["", "1", "1-2-3", "a-b", "-1-2", "99999999999-1", "18-0", "²-1"])
def test_an_address_of_no_cell_shows_the_first(cell: str, analysed: Analysed, open_page: OpenPage) -> None:
    assert parse_cell(cell, 18) is None
    if cell == "18-0":
        app = open_page(analysed.services, "labels", run=analysed.run_id, show="difficulty", cell=cell)
        assert failures(app) == []


def test_balance_and_predictors_say_what_the_services_count(analysed: Analysed, open_page: OpenPage) -> None:
    run = open_run(analysed.services, analysed.run_id)
    app = open_page(analysed.services, "labels", run=analysed.run_id, show="balance")
    assert failures(app) == []
    assert f"**{len(classes_of(run).names)} classes**" in words(app)
    table = class_counts(run)
    assert sum(sum(of_class.values()) for of_class in table.values()) == run.n_images
    app = open_page(analysed.services, "labels", run=analysed.run_id, show="predictors")
    assert failures(app) == []
    assert predictors(run)[0].title in words(app)


HOSTILE_COLUMNS: dict[str, Callable[[int], list[object]]] = {
    "empty": lambda n: [None] * n,
    "blank": lambda n: [" "] * n,
    "one class": lambda n: ["a"] * n,
    "every image its own class": lambda n: [f"c{i}" for i in range(n)],
    "one class but one": lambda n: ["a"] * (n - 1) + ["b"],
    "nan text and numbers": lambda n: [(None, "nan", "", "1", "1.0")[i % 5] for i in range(n)],
    "two images labelled": lambda n: ["a", "b"] + [None] * (n - 2),
}


@pytest.mark.parametrize("name", HOSTILE_COLUMNS)
def test_hostile_labels_get_an_answer_or_one_sentence(
    name: str, analysed: Analysed, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hostile(run: Run) -> pa.Table:
        table = original.func(run)
        values = pa.array(HOSTILE_COLUMNS[name](run.n_images), pa.string())
        return table.set_column(table.column_names.index("label"), "label", values)

    original = Run.__dict__["first_places"]
    monkeypatch.setattr(Run, "first_places", property(hostile))
    monkeypatch.setattr("dataeval_ui.services.derived.kept", lambda run, name, version, cls, compute, **_: compute())
    run = open_run(analysed.services, analysed.run_id)
    for question in (label_errors, bayes_error, confusion, balance, parity, predictors):
        with suppress(InputError, ParameterError):  # each a sentence; anything else fails the test
            question(run)
    assert all(card.sentence for card in list_cards(run))
    cached._of_labels.clear()
    try:
        for show in ("errors", "balance" if len(name) % 2 else "difficulty"):
            said = failures(open_page(analysed.services, "labels", run=analysed.run_id, show=show))
            assert len(said) <= 1
            assert not any("Something went wrong" in text for text in said)
    finally:
        cached._of_labels.clear()


def test_of_many_classes_the_matrix_shows_those_that_disagree() -> None:
    from dataeval_ui.services.labels import Classes
    from dataeval_ui.types.labels import NeighbourConfusion

    codes = np.arange(5_000, dtype=np.int32)
    given, voted = np.array([7, 7, 4_000], np.int32), np.array([7, 9, 9], np.int32)
    cells = NeighbourConfusion(
        given=codes, voted=codes, given_codes=given, voted_codes=voted, n_images=np.array([9, 5, 1], np.int64)
    )
    shown = largest_classes(Classes(names=tuple(map(str, codes)), codes=codes), cells)
    assert len(shown) == MAX_CLASSES
    assert {7, 9, 4_000} <= set(shown.tolist())
