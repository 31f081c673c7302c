"""Decisions: appended, each once, and the current one derived."""

import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dataeval_ui.errors import ParameterError
from dataeval_ui.store.catalog import Catalog, open_catalog
from dataeval_ui.store.catalog_decisions import DecisionRecord, current_decisions
from dataeval_ui.store.workspace import Workspace

AT = datetime(2026, 5, 4, tzinfo=UTC)


def decision(id: str = "decision-1", **changes: object) -> DecisionRecord:
    made = DecisionRecord(
        id=id, run_id="r1", dataset_id="d1", finding_kind="outlier", finding_key="k1", image_ids=("a",),
        verdict="keep", reviewer="ann", at=AT, source="local",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_decision_sent_twice_is_kept_once_and_logged_once(catalog: Catalog) -> None:
    assert catalog.last_decision("d1") == 0
    assert catalog.add_decisions([decision()]) == 1
    assert catalog.add_decisions([decision(), decision(at=datetime.now(UTC))]) == 0
    assert catalog.list_decisions("d1") == [decision()]
    assert [(line.who, line.action, line.source) for line in catalog.list_audit()] == [("ann", "decide", "local")]
    assert catalog.last_decision("d1") > 0


def test_an_id_of_another_decision_is_refused_and_nothing_of_the_call_is_kept(catalog: Catalog) -> None:
    catalog.add_decisions([decision()])
    with pytest.raises(ParameterError, match="another decision 'decision-1'"):
        catalog.add_decisions([decision("decision-2"), decision(verdict="remove")])
    assert len(catalog.list_decisions("d1")) == 1


def test_the_last_decision_of_each_reviewer_holds_and_undo_brings_back_the_one_before(catalog: Catalog) -> None:
    catalog.add_decisions([decision(), decision("bob-first", reviewer="bob", verdict="remove")])
    catalog.add_decisions([decision("decision-2", verdict="unsure")])
    held = current_decisions(catalog.list_decisions("d1"))["k1"]
    assert {name: d.verdict for name, d in held.items()} == {"ann": "unsure", "bob": "remove"}
    catalog.add_decisions([decision("undo-of-2", verdict=None, retracts="decision-2")])
    catalog.add_decisions([decision("undo-bobs", verdict=None, retracts="bob-first")])  # not hers to take back
    held = current_decisions(catalog.list_decisions("d1"))["k1"]
    assert {name: d.verdict for name, d in held.items()} == {"ann": "keep", "bob": "remove"}
    assert len(catalog.list_decisions("d1")) == 5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"id": "x"}, "8 to 64 letters"),
        ({"verdict": "drop"}, "A verdict is one of keep"),
        ({"verdict": "relabel"}, "give the right label"),
        ({"comment": "x" * 10_001}, "at most 10,000 characters"),
        ({"reviewer": " "}, "A reviewer is named"),
        ({"verdict": None}, "a verdict or a comment"),
        ({"comment": "a\x00b"}, "no NUL"),
    ],
)
def test_a_field_outside_its_range_gets_a_sentence(catalog: Catalog, changes: dict, sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence):
        catalog.add_decisions([decision(**changes)])
    assert catalog.list_decisions("d1") == []


def test_threads_that_send_the_same_decisions_at_once_leave_each_once(catalog: Catalog) -> None:
    names = [f"decision-{i}" for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda i: catalog.add_decisions([decision(names[i % 8])]), range(32)))
    assert sum(counts) == 8
    assert sorted(d.id for d in catalog.list_decisions("d1")) == names


def _send(url: str, acknowledged: Path) -> None:
    catalog = open_catalog(url)
    with acknowledged.open("a") as stream:
        for i in range(100_000):
            name = f"{os.getpid()}-decision-{i}"
            catalog.add_decisions([decision(name)])
            stream.write(name + "\n")
            stream.flush()


def test_every_acknowledged_decision_is_there_once_after_kills(workspace: Workspace, tmp_path: Path) -> None:
    """Writers die by kill -9 in the middle of their work; what they were told is kept is there."""
    url = workspace.catalog_url
    open_catalog(url).close()
    acknowledged = tmp_path / "acknowledged"
    acknowledged.touch()
    context = multiprocessing.get_context("fork")
    for n in range(3):
        writers = [context.Process(target=_send, args=(url, acknowledged)) for _ in range(2)]
        n_before = len(acknowledged.read_text().split())
        for writer in writers:
            writer.start()
        while len(acknowledged.read_text().split()) < n_before + 3 + n:
            time.sleep(0.02)
        for writer in writers:
            assert writer.pid is not None
            os.kill(writer.pid, signal.SIGKILL)
            writer.join()
    catalog = open_catalog(url)
    stored = [d.id for d in catalog.list_decisions("d1")]
    catalog.close()
    assert len(stored) == len(set(stored))
    assert set(acknowledged.read_text().split()) <= set(stored)
