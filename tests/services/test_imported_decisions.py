"""Decisions that come in files mean what they mean on the page: on a run of the demo."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pytest

from dataeval_ui.findings.keys import finding_key
from dataeval_ui.services.access import OWNER
from dataeval_ui.services.decision_files import import_decisions
from dataeval_ui.services.review import Item, cleaned_manifest, decide, review_queue
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.store.catalog_base import now_utc
from dataeval_ui.store.catalog_decisions import DecisionRecord
from tests.demo import install_demo
from tests.ui.conftest import open_workspace

NUMBERS = count(1)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    services = open_workspace(tmp_path / "workspace")
    return open_run(services, install_demo(services).id)


def mark(run: Run, item: Item, decision: str | None, **more: object) -> dict[str, object]:
    n = next(NUMBERS)
    return {
        "id": f"{n:032x}", "at": f"2026-05-04T12:00:00.{n:06d}+00:00", "target": f"finding:{item.key}",
        "decision": decision, "label": "", "comment": "", **more,
    }  # fmt: skip


def take_in(run: Run, reviewer: str, *marks: dict[str, object]) -> None:
    content = {"format": "dataeval-ui-decisions", "version": 1, "run": run.id, "reviewer": reviewer}
    import_decisions(run, [json.dumps({**content, "decisions": marks}).encode()])


def first(run: Run, kind: str) -> Item:
    return next(item for item in review_queue(run) if item.finding.kind == kind)


def now(run: Run, item: Item) -> Item:
    return next(i for i in review_queue(run) if i.key == item.key)


def actions(run: Run) -> dict[str, str]:
    rows = cleaned_manifest(run, review_queue(run)).to_pylist()
    return {row["path"]: row["action"] for row in rows if row["action"] != "keep"}


@pytest.mark.parametrize("kind", ["near_duplicates", "outlier", "exact_duplicates", "unreadable"])
def test_removing_in_a_file_removes_what_the_page_would_and_agrees_with_it(run: Run, kind: str) -> None:
    item = first(run, kind)
    take_in(run, "Ann", mark(run, item, "remove"))
    by_file = actions(run)
    assert by_file
    assert set(by_file) <= set(item.finding.paths)
    decide(run, now(run, item), "remove", viewer=OWNER)
    assert now(run, item).state == "decided"
    assert actions(run) == by_file


def test_relabelling_in_a_file_relabels(run: Run) -> None:
    item = first(run, "outlier")
    take_in(run, "Ann", mark(run, item, "relabel", label="owl"))
    assert actions(run) == dict.fromkeys(item.finding.paths, "relabel")


def test_what_a_later_file_undoes_holds_no_more_and_a_third_import_changes_nothing(run: Run) -> None:
    item = first(run, "outlier")
    one, two = mark(run, item, "remove"), mark(run, item, "keep")
    take_in(run, "Ann", one)
    take_in(run, "Ann", one, two)
    undone = mark(run, item, None, undoes=two["id"])
    take_in(run, "Ann", one, two, undone)
    assert now(run, item).held == {}
    assert actions(run) == {}
    n = len(run.services.catalog.list_decisions(run.dataset.id))
    take_in(run, "Ann", one)
    take_in(run, "Ann", one, two, undone)
    assert len(run.services.catalog.list_decisions(run.dataset.id)) == n
    take_in(run, "Ann", mark(run, item, "remove"))
    assert now(run, item).state == "decided"


def test_files_in_the_wrong_order_come_to_the_same(run: Run) -> None:
    item = first(run, "outlier")
    one = mark(run, item, "remove")
    undone = mark(run, item, None, undoes=one["id"])
    take_in(run, "Ann", one, undone)
    take_in(run, "Ann", one)
    assert now(run, item).held == {}


def test_whoever_calls_themselves_the_owner_in_a_file_is_not(run: Run) -> None:
    item = first(run, "outlier")
    decide(run, item, "keep", viewer=OWNER)
    take_in(run, "owner", mark(run, item, "remove"), mark(run, item, None))
    assert {name: d.verdict for name, d in now(run, item).held.items()} == {"owner": "keep"}


def test_of_one_run_alone_nothing_is_read_of_the_datasets_other_runs(run: Run) -> None:
    item = first(run, "outlier")
    elsewhere = DecisionRecord(
        id="elsewhere", run_id="another", dataset_id=run.dataset.id, finding_kind="outlier",
        finding_key=finding_key(item.finding), image_ids=item.finding.image_ids, verdict="remove",
        comment="not for guests", reviewer="Bob", at=now_utc(), source="local",
    )  # fmt: skip
    run.services.catalog.add_decisions([elsewhere])
    assert now(run, item).held["Bob"].comment == "not for guests"
    assert all(not i.held for i in review_queue(run, of_run_alone=True))
