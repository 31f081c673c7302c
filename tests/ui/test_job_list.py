"""What a running job says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import pytest

from dataeval_ui.store.records import JobRecord
from dataeval_ui.types import Stage
from dataeval_ui.ui.panels.job_list import progress_of, sentence_of


def job(stage: Stage | None, n_done: int = 0, n_total: int = 0, **changes: object) -> JobRecord:
    values = {
        "id": "j",
        "kind": "run",
        "payload": {},
        "state": "running",
        "stage": stage,
        "n_done": n_done,
        "n_total": n_total,
        "rate_per_s": None,
        "eta_s": None,
        "error": None,
        "result": None,
        "created_at": datetime.now(UTC),
        "started_at": None,
        "finished_at": None,
        "heartbeat_at": None,
        "worker_pid": None,
        "cancel_requested": False,
    }
    return JobRecord(**{**values, **changes})  # type: ignore[arg-type]


def test_embedding_tells_images_speed_and_time_left() -> None:
    said = sentence_of(job("embed", 1_200, 8_121, rate_per_s=95.3, eta_s=72.0))
    assert said == "Reading and embedding images · 1,200 of 8,121 files · 95 images/s · 72 s left"


def test_a_job_without_a_worker_waits() -> None:
    assert "Waiting" in sentence_of(job(None, state="queued"))


@pytest.mark.parametrize("stage", get_args(Stage))
def test_every_stage_has_a_sentence_and_fills_a_part_of_the_bar(stage: Stage) -> None:
    assert sentence_of(job(stage))
    assert 0 <= progress_of(job(stage, 0, 10)) < progress_of(job(stage, 10, 10)) <= 1


def test_the_bar_never_goes_back() -> None:
    order: tuple[Stage, ...] = ("read", "prepare", "embed", "neighbors", "project", "cluster", "findings")
    filled = [progress_of(job(stage, done, 4)) for stage in order for done in range(5)]
    assert filled == sorted(filled)
    assert filled[-1] == 1
