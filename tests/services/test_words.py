"""Search by words and classes that the user types, with a text tower that knows colours."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest

from dataeval_ui.cli import main
from dataeval_ui.errors import InputError
from dataeval_ui.services import words as word_services
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.services.words import (
    WordQuery,
    class_probabilities,
    classes_name,
    classes_of,
    knows_words,
    parse_classes,
    parse_words,
    search_words,
)
from dataeval_ui.settings import load_settings
from tests.second_run import add_second_run, register_tiny


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    settings = load_settings({"workspace": tmp_path_factory.mktemp("words") / "w", "n_decoders": 1}, environment={})
    opened = open_services(settings)
    first = install_demo(opened).id
    with pytest.MonkeyPatch.context() as monkeypatch:
        register_tiny(monkeypatch, opened, words=True)
        monkeypatch.setattr(word_services, "_text_embedders", {})
        add_second_run(opened, first)
        yield opened


@pytest.fixture
def run(services: Services) -> Run:
    return open_run(services, "second")


def colour_of(run: Run, row: int) -> np.ndarray:
    """Mean colour of an image, in [0, 1]."""
    mean: np.ndarray = run.view.embeddings[row].reshape(64, 3).mean(axis=0) + 0.5
    return mean


@pytest.mark.parametrize(
    ("text", "plus", "minus"),
    [
        ("dog", "dog", ()),
        ("dog in  snow -cat", "dog in snow", ("cat",)),
        ('-"red car" a street -night', "a street", ("red car", "night")),
        ("well-known t-shirt", "well-known t-shirt", ()),
        ("dog - cat", "dog - cat", ()),
    ],
)
def test_words_with_a_minus_are_subtracted(text: str, plus: str, minus: tuple[str, ...]) -> None:
    assert parse_words(text) == WordQuery(plus=(plus,), minus=minus)


@pytest.mark.parametrize("text", ["", "  ", "-cat", '-"a b" -c'])
def test_nothing_to_look_for_is_said(text: str) -> None:
    with pytest.raises(InputError, match="Type what to look for"):
        parse_words(text)


def test_red_finds_red_images_with_their_cosine(services: Services, run: Run) -> None:
    found = search_words(services, run, parse_words("red"), k=8)
    assert all(colour_of(run, row).argmax() == 0 for row in found.rows[:3])
    red = np.tile([0.5, -0.5, -0.5], 64)
    vectors = run.view.embeddings.astype(np.float64)
    cosines = vectors @ red / np.linalg.norm(vectors, axis=1) / np.linalg.norm(red)
    assert found.similarities == pytest.approx(np.sort(cosines)[::-1][:8], abs=1e-5)


def test_a_score_is_the_cosine_less_that_of_what_is_subtracted(services: Services, run: Run) -> None:
    everything = np.ones(run.n_images, bool)
    plus, minus, both = (
        dict(zip(found.rows.tolist(), found.similarities.tolist(), strict=True))
        for found in (
            search_words(services, run, WordQuery(plus=("white",)), k=1000, mask=everything),
            search_words(services, run, WordQuery(plus=("red",)), k=1000, mask=everything),
            search_words(services, run, WordQuery(plus=("white",), minus=("red",)), k=1000, mask=everything),
        )
    )
    for row in range(run.n_images):
        assert both[row] == pytest.approx(plus[row] - minus[row], abs=1e-5)


def test_classes_are_a_softmax_of_scaled_cosines(services: Services, run: Run) -> None:
    classes = ("red", "green", "blue", "white")
    probabilities = class_probabilities(services, run, classes)
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(run.n_images), abs=1e-5)
    row = int(search_words(services, run, parse_words("blue"), k=1).rows[0])
    assert probabilities[row].argmax() == 2
    cosines = [search_words(services, run, WordQuery(plus=(name,)), k=1000) for name in classes]
    own = np.array([found.similarities[found.rows == row][0] for found in cosines])
    expected = np.exp(10 * own) / np.exp(10 * own).sum()
    assert probabilities[row] == pytest.approx(expected, abs=1e-4)


def test_classes_are_a_column_of_the_run(run: Run) -> None:
    name = classes_name(("red", "green/blue & <b>"))
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert classes_of(name) == ("red", "green/blue & <b>")
    column = run.column(name)
    assert column.categories == ("red", "green/blue & <b>")
    assert column.codes is not None
    assert len(column.codes) == run.n_images
    assert run.column(name) is column


@pytest.mark.parametrize("text", ["", "cat", "cat,,cat", ",".join(map(str, range(51)))])
def test_too_few_or_too_many_classes_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="2 to 50 classes"):
        parse_classes(text)


def test_a_name_that_holds_no_classes_is_refused(run: Run) -> None:
    for name in ("words.!!", "words.", "words.gICA"):
        with pytest.raises(InputError):
            run.column(name)


def test_a_run_without_words_names_a_backbone_that_has_them(services: Services, run: Run) -> None:
    first = next(record.id for record in services.catalog.list_runs() if record.id != "second")
    assert not knows_words(open_run(services, first))
    assert knows_words(run)
    with pytest.raises(InputError, match="efficientnet-lite0 has no text tower"):
        search_words(services, open_run(services, first), parse_words("dog"))


def test_the_command_searches_by_words(services: Services, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--workspace", str(services.workspace.root)]
    assert main(["search", "second", "--text", "white", "--minus", "red", "--k", "4", "--json", *where]) == 0
    found = json.loads(capsys.readouterr().out)["neighbors"]
    expected = search_words(services, run, WordQuery(plus=("white",), minus=("red",)), k=4)
    assert [entry["image_id"] for entry in found] == [run.image_ids[row] for row in expected.rows]
    assert main(["search", "second", "--image-id", run.image_ids[0], "--minus", "red", *where]) == 2
    assert "--minus subtracts words from --text" in capsys.readouterr().err
