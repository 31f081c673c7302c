"""The demo's sets `fresh` and `drifted` as finished runs, and its own run cut so that its splits differ."""

from __future__ import annotations

import shutil
from dataclasses import fields

import pyarrow as pa
import pytest

from dataeval_ui.analysis import projection
from dataeval_ui.services.context import Services
from dataeval_ui.services.datasets import add_dataset
from dataeval_ui.services.execute import RunRequest
from dataeval_ui.services.runs import run_here
from dataeval_ui.store.manifests import load_manifest, save_manifest
from dataeval_ui.types import AnalysisParams, Manifest, Silent
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


LATE = ("flags", "icons", "pictograms", "road_signs")
"""Classes of the demo that make up the split `test` of `add_sorted_run`, and come last in its column `when`."""


def add_sorted_run(services: Services, new_id: str = "sorted") -> str:
    """Copy the demo's finished run, with splits that differ in their classes and with a column of dates."""
    catalog, workspace = services.catalog, services.workspace
    run = catalog.list_runs()[0]
    dataset = catalog.get_dataset(run.dataset_id)
    table = load_manifest(workspace, run.manifest_digest).table
    late = [label in LATE for label in table["label"].to_pylist()]
    days = [f"2026-{5 if one else 1 + at % 4:02d}-{1 + at % 28:02d}" for at, one in enumerate(late)]
    splits = pa.array(["test" if one else "train" for one in late], pa.string())
    table = table.set_column(table.column_names.index("split"), "split", splits)
    manifest = Manifest(table=table.append_column("meta.when", pa.array(days, pa.string())), digest=new_id)
    save_manifest(workspace, manifest)
    shutil.copytree(workspace.run_dir(run.id), workspace.run_dir(new_id))
    copy = {f.name: getattr(dataset, f.name) for f in fields(dataset)}
    added = catalog.add_dataset(**{**copy, "id": new_id, "name": new_id, "source": new_id})
    copy = {f.name: getattr(run, f.name) for f in fields(run)}
    changes = {"id": new_id, "dataset_id": added.id, "name": new_id, "manifest_digest": manifest.digest}
    catalog.add_run(**{**copy, **changes})
    return new_id
