from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from dataeval_ui.errors import StorageError
from dataeval_ui.store.manifests import load_manifest, save_manifest
from dataeval_ui.store.workspace import open_workspace
from tests.fakes import manifest_of


def test_objects_are_kept_with_their_manifest(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    plain = manifest_of([1, 2])
    save_manifest(workspace, plain)
    assert load_manifest(workspace, plain.digest) == plain
    objects = pa.table({"path": ["class0/0.jpg"], "object": pa.array([0], pa.int32()), "mask": ["{}"]})
    manifest = replace(plain, digest="0" * 16, objects=objects)
    save_manifest(workspace, manifest)
    assert load_manifest(workspace, manifest.digest) == manifest


def test_lost_objects_are_said_and_not_passed_over(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    manifest = replace(manifest_of([1]), objects=pa.table({"path": ["a"]}))
    save_manifest(workspace, manifest)
    (workspace.manifests_dir / f"{manifest.digest}-objects.parquet").unlink()
    with pytest.raises(StorageError, match="Run the dataset again"):
        load_manifest(workspace, manifest.digest)
