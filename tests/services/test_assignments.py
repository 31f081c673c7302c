"""Parts of the queue: even, overlapping as asked, kept in the catalog, and agreement over what overlaps."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataeval_ui.cli import main
from dataeval_ui.errors import AccessDeniedError, ParameterError
from dataeval_ui.services.access import OWNER, Viewer
from dataeval_ui.services.assignments import assign_parts, known_reviewers, plan_parts, progress_rows
from dataeval_ui.services.review import Item, agreement_rows, decide, review_queue
from dataeval_ui.services.run import Run
from dataeval_ui.store.catalog_decisions import DecisionRecord
from dataeval_ui.types import Finding

FINDING = Finding(kind="outlier", severity=0.5, sentence="s", advice="a", image_ids=("a",), paths=("p",), evidence={})


def item(key: str, **verdicts: str) -> Item:
    held = {
        name: DecisionRecord(
            id=f"{key}-{name}-1", run_id="r", dataset_id="d", finding_kind="outlier", finding_key=key,
            verdict=verdict, reviewer=name, at=datetime(2026, 5, 4, tzinfo=UTC), source="local",
        )  # type: ignore[arg-type]
        for name, verdict in verdicts.items()
    }  # fmt: skip
    return Item(key=key, finding=FINDING, held=held)


def test_six_findings_for_two_with_a_third_shared() -> None:
    parts = plan_parts([item(str(i)) for i in range(6)], ["ann", "bob"], overlap=1 / 3)
    assert parts == {
        "0": ("ann",), "1": ("bob",), "2": ("ann", "bob"), "3": ("ann",), "4": ("bob",), "5": ("ann", "bob"),
    }  # fmt: skip


@given(n=st.integers(0, 60), n_reviewers=st.integers(1, 7), overlap=st.floats(0, 1), data=st.data())
def test_parts_are_even_and_overlap_as_asked(n: int, n_reviewers: int, overlap: float, data: st.DataObject) -> None:
    reviewers = [f"r{i}" for i in range(n_reviewers)]
    n_overlap = data.draw(st.integers(2, max(2, n_reviewers)))
    parts = plan_parts([item(str(i)) for i in range(n)], reviewers, overlap=overlap, n_overlap=n_overlap)
    assert list(parts) == [str(i) for i in range(n)]
    loads = Counter(name for names in parts.values() for name in names)
    assert max((loads[name] for name in reviewers), default=0) - min(loads[name] for name in reviewers) <= 1
    sizes = Counter(len(names) for names in parts.values())
    n_shared = int(n * overlap) if n_reviewers > 1 else 0
    assert sizes[n_overlap] == n_shared
    assert sizes[1] == n - n_shared
    assert all(len(set(names)) == len(names) for names in parts.values())


def test_what_is_decided_stays_with_whoever_did_and_counts() -> None:
    items = [item("a", ann="keep"), item("b", ann="keep", bob="remove"), item("c"), item("d")]
    assert plan_parts(items, ["ann", "bob"], overlap=0) == {
        "a": ("ann",), "b": ("ann", "bob"), "c": ("bob",), "d": ("ann",),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reviewers", "options", "sentence"),
    [
        ([], {}, "Name 1 to 100 reviewers"),
        (["a", "a"], {}, "each once"),
        (["a", "b"], {"overlap": 1.5}, r"is in \[0, 1\]"),
        (["a", "b"], {"overlap": float("nan")}, r"is in \[0, 1\]"),
        (["a", "b"], {"n_overlap": 3}, "goes to 2 to 2 reviewers"),
    ],
)
def test_a_number_outside_its_range_is_a_sentence(reviewers: list[str], options: dict, sentence: str) -> None:
    with pytest.raises(ParameterError, match=sentence):
        plan_parts([item("a")], reviewers, **options)


def test_progress_counts_a_part_and_what_is_beyond_it() -> None:
    items = [
        replace(item("a", ann="keep"), assigned=("ann",)),
        replace(item("b"), assigned=("ann", "bob")),
        item("c", ann="keep", bob="remove"),
    ]
    assert progress_rows(items) == [
        {"reviewer": "ann", "assigned": 2, "done": 1, "decided": 2, "conflicts": 1},
        {"reviewer": "bob", "assigned": 1, "done": 0, "decided": 1, "conflicts": 1},
    ]


def test_agreement_of_parts_that_overlap_is_fleiss_over_any_two_and_matches_a_reference() -> None:
    from dataeval_ui.analysis.agreement import fleiss_kappa

    items = [
        item("a", ann="keep", bob="keep"),
        item("b", bob="remove", eve="remove"),
        item("c", ann="keep", eve="remove"),
        item("d", ann="keep", bob="keep", eve="unsure"),
        item("e", ann="keep"),
    ]
    rows = {row["reviewers"]: row for row in agreement_rows(items)}
    assert set(rows) == {"ann, bob", "ann, eve", "bob, eve", "ann, bob, eve", "any 2 of 3"}
    any_two = rows["any 2 of 3"]
    assert (any_two["findings"], any_two["alike"]) == (3, 2)
    # by hand: agreement (1 + 1 + 0) / 3; shares 3/6 and 3/6, by chance 1/2
    assert any_two["kappa"] == pytest.approx((2 / 3 - 1 / 2) / (1 - 1 / 2))
    assert rows["ann, bob, eve"]["kappa"] == fleiss_kappa([["keep", "keep", "unsure"]])


def test_parts_are_kept_replaced_logged_and_filter_the_queue(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = run.services.catalog
    items = review_queue(run)
    assign_parts(run, items, ["owner", "Ann"], viewer=OWNER, overlap=0.25)
    queue = review_queue(run)
    parts = {i.key: i.assigned for i in queue}
    assert all(parts.values())
    assert sum(len(names) == 2 for names in parts.values()) == len(items) // 4
    mine = next(i for i in queue if i.assigned == ("owner",))
    decide(run, mine, "keep", viewer=OWNER)
    assert main(["assign", run.id, "--to", "owner", "--to", "Bob", "--overlap", "0", "--json",
                 "--workspace", str(run.services.workspace.root)]) == 0  # fmt: skip
    told = {row["reviewer"]: row for row in json.loads(capsys.readouterr().out)["reviewers"]}
    assert set(told) == {"owner", "Bob"}
    assert (told["owner"]["done"], told["Bob"]["done"]) == (1, 0)
    assert abs(told["owner"]["assigned"] - told["Bob"]["assigned"]) <= 1
    assert [line.action for line in catalog.list_audit(run_id=run.id)].count("assign") == 2
    assert set(known_reviewers(run, review_queue(run), viewer=Viewer(role="decide", name="link x"))) == {"owner", "Bob"}
    assert main(["assign", run.id, "--nobody", "--workspace", str(run.services.workspace.root)]) == 0
    assert not any(i.assigned for i in review_queue(run))
    assert main(["assign", run.id, "--to", "a", "--nobody", "--workspace", str(run.services.workspace.root)]) == 2
    with pytest.raises(AccessDeniedError):
        assign_parts(run, items, ["Ann"], viewer=Viewer(role="decide", name="link x"))
    with pytest.raises(ParameterError, match="A reviewer is named"):
        catalog.assign(run.id, {"k": (" ",)})
