"""Suspected labels beside the page: the queue begins with what is stored, and is whole when they are there."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.analysis import label_errors as analysis
from dataeval_ui.errors import ParameterError
from dataeval_ui.services import suspects
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.labels import are_label_errors_kept
from dataeval_ui.services.review import review_queue
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.types.labels import LabelErrors
from tests.ui.conftest import open_workspace


@pytest.fixture
def run(tmp_path: Path) -> Run:
    services = open_workspace(tmp_path / "workspace")
    return open_run(services, install_demo(services).id)


def kinds(run: Run, *, wait: bool) -> set[str]:
    return {item.finding.kind for item in review_queue(run, wait=wait)}


def test_the_queue_begins_without_them_and_has_them_once_they_are_computed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, n_computed = threading.Event(), list[int]()
    find = analysis.find_label_errors

    def slow(*args: object) -> LabelErrors:
        may_end.wait(20)
        n_computed.append(1)
        return find(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(analysis, "find_label_errors", slow)
    if are_label_errors_kept(run):
        pytest.skip("the demo's bundle holds its suspected labels")
    assert not suspects.are_ready(run)
    for _ in range(3):
        assert "label_error" not in kinds(run, wait=False)
    may_end.set()
    suspects.begin(run).join(timeout=60)
    assert suspects.are_ready(run)
    assert kinds(run, wait=False) == kinds(run, wait=True)
    assert len(n_computed) == 1
    assert suspects.are_ready(open_run(run.services, run.id))


def test_what_fails_beside_fails_again_where_it_is_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> LabelErrors:
        raise OSError("disk")

    if are_label_errors_kept(run):
        pytest.skip("the demo's bundle holds its suspected labels")
    monkeypatch.setattr(analysis, "find_label_errors", fail)
    suspects.begin(run).join(timeout=60)
    assert suspects.are_ready(run)
    with pytest.raises(OSError, match="disk"):
        review_queue(run, wait=False)


def test_a_run_without_labels_waits_for_turned_copies_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    table = run.first_places
    nothing = np.full(table.num_rows, None, dtype=object).tolist()
    monkeypatch.setitem(
        vars(run), "first_places", table.set_column(table.column_names.index("label"), "label", [nothing])
    )
    assert not suspects.are_ready(run)
    assert run.turned.n_pairs >= 0  # looked for, and kept
    assert suspects.are_ready(run)


def test_too_few_labels_are_no_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> LabelErrors:
        raise ParameterError("too few")

    monkeypatch.setattr(analysis, "find_label_errors", refuse)
    suspects.begin(run).join(timeout=60)
    assert len(review_queue(run, wait=False)) > 0
