"""The analyses of a finished run, asked for through the services."""

from __future__ import annotations

import pytest

from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.quality import quality, quality_at
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    settings = load_settings({"workspace": tmp_path_factory.mktemp("analyses") / "w", "n_decoders": 1}, environment={})
    return open_services(settings)


@pytest.fixture(scope="module")
def run(services: Services) -> Run:
    return open_run(services, install_demo(services).id)


def test_quality_lists_unreadable_files_and_follows_a_dragged_threshold(run: Run) -> None:
    report = quality(run)
    statuses = run.manifest["status"].to_pylist()
    assert len(report.unreadable) == sum(status != "ok" for status in statuses)
    blurry = report.issue("blurry")
    assert quality_at(blurry.values, blurry.threshold, "low").tolist() == blurry.rows.tolist()
    looser = float(blurry.values.max()) + 1
    assert quality(run, thresholds={"blurry": looser}).issue("blurry").n_flagged == run.n_images
    assert not quality(run, thresholds={"blurry": 0.0}).issue("blurry").flags.any()
