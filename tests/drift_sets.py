"""The demo's sets `fresh` and `drifted` as finished runs, beside the demo's own."""

from __future__ import annotations

import pytest

from dataeval_ui.analysis import projection
from dataeval_ui.services.context import Services
from dataeval_ui.services.datasets import add_dataset
from dataeval_ui.services.execute import RunRequest
from dataeval_ui.services.runs import run_here
from dataeval_ui.types import AnalysisParams, Silent
from tests.demo_truth import DEMO


def add_demo_set(services: Services, name: str) -> str:
    """Run `fresh` or `drifted` and return the run's id; its own map, of which drift asks nothing, is not fitted."""
    dataset = add_dataset(services, DEMO / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projection, "_fit_umap", lambda start, *_: start)
        patch.setattr(projection, "warm_up", lambda: None)
        summary = run_here(
            services,
            RunRequest(dataset_id=dataset.id, backbone="efficientnet-lite0", params=AnalysisParams()),
            Silent(),
        )
    return str(summary["run"])
