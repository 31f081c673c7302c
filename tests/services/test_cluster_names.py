"""Names for clusters, with a text tower that knows colours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.cli import main
from dataeval_ui.errors import InputError, StorageError
from dataeval_ui.services import words as word_services
from dataeval_ui.services.cluster_names import TEMPLATE, load_cluster_names, name_clusters, vocabulary
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.runs import _executor, open_run
from dataeval_ui.services.words import unit_rows
from dataeval_ui.settings import load_settings
from dataeval_ui.types import Silent
from tests.second_run import ColourWords, add_second_run, register_tiny


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    settings = load_settings({"workspace": tmp_path_factory.mktemp("names") / "w", "n_decoders": 1}, environment={})
    opened = open_services(settings)
    first = install_demo(opened).id
    with pytest.MonkeyPatch.context() as monkeypatch:
        register_tiny(monkeypatch, opened, words=True)
        monkeypatch.setattr(word_services, "_text_embedders", {})
        add_second_run(opened, first)
        yield opened


def stored(services: Services) -> Path:
    return Path(services.workspace.run_dir("second")) / "cluster-names.json"


def test_the_vocabulary_is_long_distinct_and_plain() -> None:
    words = vocabulary()
    assert len(words) >= 1500
    assert len(set(words)) == len(words)
    assert all(word == word.strip() and word and word.isascii() and "," not in word for word in words)
    assert {"dog", "red", "flag", "black and white"} <= set(words)


def test_a_job_names_every_cluster_with_what_sets_it_apart(services: Services) -> None:
    run = open_run(services, "second")
    assert load_cluster_names(run) is None
    job = services.catalog.add_job("names", {"run": run.id})
    assert _executor(services)(job, Silent())["run"] == run.id
    names = load_cluster_names(run)
    assert names is not None
    assert [name.cluster for name in names] == list(range(run.clustering.n_clusters))
    words = vocabulary()
    vectors = unit_rows(ColourWords().run([TEMPLATE.format(word) for word in words]))
    cosines = unit_rows(np.asarray(run.view.embeddings)) @ vectors.T
    for name in names:
        members = np.flatnonzero(run.clustering.cluster_labels == name.cluster)
        assert name.n_images == len(members)
        lifts = cosines[members].mean(axis=0) - cosines.mean(axis=0)
        # words that the tower does not know are all alike: what is best is compared, not which of them
        assert name.lifts[0] == pytest.approx(lifts.max(), abs=1e-4)
        assert lifts[words.index(name.words[0])] == pytest.approx(lifts.max(), abs=1e-4)
        best = cosines[members, words.index(name.words[0])]
        assert best[members.tolist().index(name.example_row)] == pytest.approx(best.max(), abs=1e-5)
        assert best[members.tolist().index(name.counterexample_row)] == pytest.approx(best.min(), abs=1e-5)


def test_words_are_embedded_once_a_backbone(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    run = open_run(services, "second")
    first = name_clusters(services, run, Silent())
    stored(services).unlink()

    def refuse(*_: object) -> None:
        raise AssertionError("the words are kept")

    monkeypatch.setattr(ColourWords, "run", refuse)
    monkeypatch.setattr(word_services, "_text_embedders", {})
    assert name_clusters(services, run, Silent()) == first


def test_damaged_words_are_embedded_again(services: Services) -> None:
    run = open_run(services, "second")
    first = name_clusters(services, run, Silent())
    stored(services).unlink()
    (kept,) = services.workspace.models_dir.glob("words-*.npy")
    kept.write_bytes(kept.read_bytes()[:1000])
    assert name_clusters(services, run, Silent()) == first
    assert kept.stat().st_size > 100_000


def test_damaged_names_say_what_to_delete(services: Services) -> None:
    run = open_run(services, "second")
    name_clusters(services, run, Silent())
    text = stored(services).read_text()
    stored(services).write_text(text.replace('"example_row"', '"row"'))
    with pytest.raises(StorageError, match=r"Delete cluster-names\.json"):
        load_cluster_names(run)
    stored(services).write_text(text)


def test_a_backbone_without_words_is_refused(services: Services) -> None:
    first = next(record.id for record in services.catalog.list_runs() if record.id != "second")
    with pytest.raises(InputError, match="has no text tower"):
        name_clusters(services, open_run(services, first), Silent())


def test_the_command_prints_the_names(services: Services, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["names", "second", "--json", "--workspace", str(services.workspace.root)]) == 0
    clusters = json.loads(capsys.readouterr().out)["clusters"]
    run = open_run(services, "second")
    assert len(clusters) == run.clustering.n_clusters
    assert all(len(cluster["words"]) == 3 for cluster in clusters)
