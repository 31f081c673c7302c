"""Masks of a run of objects in a bundle, and tables of masks that are none."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from dataeval_ui.errors import UnsafeArchiveError
from dataeval_ui.store.bundle import export_bundle, import_bundle
from dataeval_ui.store.bundle_checks import check_masks
from dataeval_ui.store.catalog import Catalog, open_catalog
from dataeval_ui.store.manifests import load_manifest
from dataeval_ui.store.workspace import Workspace, open_workspace
from tests.fakes import manifest_of
from tests.store.test_bundle import NUMBERS, finished_run


def test_masks_of_a_run_of_objects_come_along(workspace: Workspace, catalog: Catalog, tmp_path: Path) -> None:
    elsewhere = open_workspace(tmp_path / "elsewhere")
    other_catalog = open_catalog(elsewhere.catalog_url)
    path = manifest_of(NUMBERS).table.column("path")[1].as_py()
    masks = pa.table({"path": [path], "mask": ['{"polygons": [[0, 0, 4, 0, 4, 4]]}']})
    finished_run(workspace, catalog, tmp_path / "root", masks=masks)
    export_bundle(workspace, catalog, "cats-1", tmp_path / "cats.zip")
    run = import_bundle(elsewhere, other_catalog, tmp_path / "cats.zip")
    taken = load_manifest(elsewhere, run.manifest_digest)
    assert taken.objects is not None
    assert taken.objects.equals(masks)
    assert taken.table.equals(load_manifest(workspace, run.manifest_digest).table)


@pytest.mark.parametrize(
    "masks",
    [
        {"path": ["nowhere#0"], "mask": ["{}"]},
        {"path": ["a", "a"], "mask": ["{}", "{}"]},
        {"path": ["a"], "mask": [None]},
        {"path": ["a", "b"], "mask": ["{}", None]},
        {"path": ["a"], "mask": [1]},
        {"path": ["a"], "mask": ["{}"], "more": ["x"]},
    ],
)
def test_masks_that_no_export_writes_are_refused(masks: dict[str, list[object]]) -> None:
    manifest = pa.table({"path": ["a", "b"], "object": [0, 1]})
    check_masks(pa.table({"path": ["b"], "mask": ["{}"]}), manifest)
    with pytest.raises(UnsafeArchiveError, match=r"masks\.parquet has"):
        check_masks(pa.table(masks), manifest)
    with pytest.raises(UnsafeArchiveError, match="belong to no object"):
        check_masks(pa.table({"path": ["b"], "mask": ["{}"]}), manifest.select(["path"]))
