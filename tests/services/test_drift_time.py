"""A run cut by a column of times, and drift from chunk to chunk; the gate on a history."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from dataeval_ui.errors import InputError, UnknownNameError
from dataeval_ui.services.context import open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.drift_time import cut_by_time, drift_over_time, time_columns
from dataeval_ui.services.gate import check_run
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Run:
    workspace = tmp_path_factory.mktemp("time") / "workspace"
    services = open_services(load_settings({"workspace": workspace}, environment={}))
    return open_run(services, install_demo(services).id)


def dated(run: Run, values: Sequence[Any], kind: pa.DataType | None = None) -> Run:
    """The run with a column `when`, a value an image."""
    of_image = dict(zip(run.image_ids, values, strict=True))
    fresh = Run(run.services, run.record, run.dataset)
    column = pa.array([of_image.get(image) for image in run.manifest["image_id"].to_pylist()], type=kind)
    fresh.__dict__["manifest"] = run.manifest.append_column("meta.when", column)
    return fresh


def days(n: int, *, per_day: int = 100) -> list[str]:
    return [f"2026-01-{1 + at // per_day:02d}T{at % 24:02d}:00:00+01:00" for at in range(n)]


def test_chunks_by_count_are_in_the_order_of_time_and_leave_nothing_out(demo: Run) -> None:
    order = np.random.default_rng(0).permutation(demo.n_images)
    run = dated(demo, order.tolist())
    chunks = cut_by_time(run, "when", n_chunks=4)
    assert [len(chunk.rows) for chunk in chunks] == [155] * 4
    assert order[chunks[0].rows].tolist() == list(range(155))
    assert chunks[1].name == "155 to 309"


def test_periods_are_of_utc_and_images_without_a_time_are_left_out(demo: Run) -> None:
    stamps: list[str | None] = list(days(demo.n_images))
    stamps[3] = None
    run = dated(demo, stamps)
    assert time_columns(run) == ("when",)
    chunks = cut_by_time(run, "when", period="day")
    # Midnight at +01:00 is of the day before; on 31 December those are too few for a chunk, or just enough.
    by_name = {chunk.name: chunk.rows for chunk in chunks}
    assert set(by_name) >= {"2026-01-01", "2026-01-07"}
    assert 24 in by_name.get("2025-12-31", np.array([24]))
    assert 24 not in by_name["2026-01-01"]
    assert 3 not in np.concatenate([chunk.rows for chunk in chunks])


def test_a_class_that_comes_late_is_a_change_point_and_a_shuffle_is_none(demo: Run) -> None:
    labels = demo.first_places["label"].to_pylist()
    late = sorted(range(demo.n_images), key=lambda row: (labels[row] in ("flags", "road_signs", "pictograms"), row % 7))
    place = np.empty(demo.n_images)
    place[late] = np.arange(demo.n_images)
    run = dated(demo, place.tolist())
    told = drift_over_time(run, cut_by_time(run, "when", n_chunks=4))
    assert len(told["chunks"]) == 3
    assert told["chunks"][-1]["drifted"]
    assert told["chunks"][-1]["changed"]
    assert "drifted from" in told["sentence"]
    assert "it changed with" in told["sentence"]
    shuffled = dated(demo, np.random.default_rng(1).permutation(demo.n_images).tolist())
    quiet = drift_over_time(shuffled, cut_by_time(shuffled, "when", n_chunks=4))
    assert quiet["sentence"].startswith("None of 3 chunks")


def test_bad_columns_and_numbers_of_chunks_get_a_sentence(demo: Run) -> None:
    run = dated(demo, ["soon"] * demo.n_images)
    assert time_columns(run) == ()
    with pytest.raises(UnknownNameError, match="column of times"):
        cut_by_time(run, "when")
    numbers = dated(demo, list(range(demo.n_images)))
    with pytest.raises(InputError, match="cut it by count"):
        cut_by_time(numbers, "when", period="day")
    with pytest.raises(InputError, match=r"in \[2, 200\]"):
        cut_by_time(numbers, "when", n_chunks=1)
    same_day = dated(demo, ["2026-01-01"] * demo.n_images)
    with pytest.raises(InputError, match="fewer than two chunks"):
        cut_by_time(same_day, "when", period="day")


def test_the_gate_takes_the_last_comparison_of_a_history(demo: Run, tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    lines = [
        {"test": demo.id, "drifted": False, "drift_p_value": 0.4, "tests": {"classifier": {"statistic": 0.5}}},
        {"test": demo.id, "drifted": True, "drift_p_value": 0.01, "tests": {"classifier": {"statistic": 0.8}}},
        {"test": "other", "drifted": False, "drift_p_value": 0.9, "tests": {"classifier": {"statistic": 0.5}}},
    ]
    history.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = check_run(demo, ["drifted == 1 and drift_auroc > 0.7", "drift_p_value > 0.05"], drift_history=history)
    assert [condition.failed for condition in report.conditions] == [True, False]
    history.write_text(json.dumps(lines[2]) + "\n")
    with pytest.raises(InputError, match="no comparison with the run"):
        check_run(demo, [], drift_history=history)
    history.write_text("[]\n")
    with pytest.raises(InputError, match="no comparison"):
        check_run(demo, [], drift_history=history)
    with pytest.raises(InputError, match="cannot be read"):
        check_run(demo, [], drift_history=tmp_path)
