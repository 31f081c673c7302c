"""Decisions that hold: the same as if all were read each time, and each is read once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataeval_ui.services.context import Services
from dataeval_ui.services.held_decisions import Held, Ledger, held_decisions
from dataeval_ui.store.catalog_base import now_utc
from dataeval_ui.store.catalog_decisions import DecisionRecord, current_decisions
from tests.server.doors import make_door

NOW = now_utc()


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return make_door(tmp_path).services


def decision(services: Services, number: int, rng: random.Random, earlier: list[DecisionRecord]) -> DecisionRecord:
    dataset_id = services.catalog.get_run("fake").dataset_id
    taken_back = rng.choice(earlier) if earlier and rng.random() < 0.3 else None
    return DecisionRecord(
        id=f"{number:032x}", run_id=rng.choice(["fake", "other"]), dataset_id=dataset_id, finding_kind="outlier",
        finding_key=taken_back.finding_key if taken_back else rng.choice("abc"), image_ids=(),
        verdict=None if taken_back else rng.choice(["keep", "remove"]), reviewer=rng.choice(["Ann", "Bo"]),
        at=now_utc(), source="local", retracts=taken_back.id if taken_back else None,
    )  # fmt: skip


def test_it_is_what_reading_all_decisions_would_give(services: Services) -> None:
    rng, made = random.Random(1), list[DecisionRecord]()
    dataset_id = services.catalog.get_run("fake").dataset_id
    for number in range(60):
        made.append(decision(services, number, rng, made))
        services.catalog.add_decisions([made[-1]])
        for run_id in (None, "fake", "other"):
            wanted = current_decisions(services.catalog.list_decisions(dataset_id, run_id=run_id))
            assert held_decisions(services.catalog, dataset_id, run_id=run_id) == wanted


def test_only_what_is_new_is_read(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset_id, read = services.catalog.get_run("fake").dataset_id, list[int]()
    listing = type(services.catalog).list_decisions

    def counted(catalog: object, dataset: str, *, run_id: str | None = None, after: int = 0) -> list[DecisionRecord]:
        found = listing(services.catalog, dataset, run_id=run_id, after=after)
        read.append(len(found))
        return found

    monkeypatch.setattr(type(services.catalog), "list_decisions", counted)
    for n in (1, 2, 3):
        services.catalog.add_decisions([decision(services, n, random.Random(2), [])])
        for _ in range(5):
            held_decisions(services.catalog, dataset_id)
        assert read == [1] * n


ACTIONS = st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.sampled_from("ab"), st.sampled_from(["Ann", "Bo"])))


@given(actions=ACTIONS, pieces=st.integers(1, 5))
def test_a_ledger_holds_what_all_decisions_come_to_and_changes_nothing_that_it_gave(
    actions: list[tuple[bool, int, str, str]], pieces: int
) -> None:
    decisions = [
        DecisionRecord(
            id=f"{at:08}", run_id="r", dataset_id="d", finding_kind="outlier", finding_key=key,
            verdict=None if retracts else "keep", reviewer=reviewer, at=NOW, source="local",
            retracts=f"{other:08}" if retracts else None,
        )
        for at, (retracts, other, key, reviewer) in enumerate(actions)
    ]  # fmt: skip
    ledger, given_out = Ledger(), list[tuple[Held, str]]()
    for start in range(0, len(decisions), pieces):
        before = ledger.held
        ledger.take(decisions[max(0, start - 1) : start + pieces])  # the last one again: it changes nothing
        taken = decisions[: start + pieces]
        assert ledger.held == current_decisions(taken)
        touched = {d.finding_key for d in taken[start:]} | {taken[int(d.retracts)].finding_key for d in taken[start:]
                                                            if d.retracts and int(d.retracts) < len(taken)}  # fmt: skip
        assert all(ledger.held.get(key) is before.get(key) for key in {*before, *ledger.held} - touched)
        given_out.append((ledger.held, repr(ledger.held)))
    assert all(repr(held) == said for held, said in given_out)
