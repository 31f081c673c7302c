"""Decisions that hold: the same as if all were read each time, and read once for each decision."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from dataeval_ui.services.context import Services
from dataeval_ui.services.held_decisions import held_decisions
from dataeval_ui.store.catalog_base import now_utc
from dataeval_ui.store.catalog_decisions import DecisionRecord, current_decisions
from tests.server.doors import make_door


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


def test_they_are_read_once_until_somebody_decides(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset_id, reads = services.catalog.get_run("fake").dataset_id, list[str]()
    listing = type(services.catalog).list_decisions

    def counted(catalog: object, dataset: str, *, run_id: str | None = None) -> list[DecisionRecord]:
        reads.append(dataset)
        return listing(services.catalog, dataset, run_id=run_id)

    monkeypatch.setattr(type(services.catalog), "list_decisions", counted)
    for n_reads in (1, 2):
        for _ in range(5):
            held_decisions(services.catalog, dataset_id)
        assert len(reads) == n_reads
        services.catalog.add_decisions([decision(services, n_reads, random.Random(2), [])])
