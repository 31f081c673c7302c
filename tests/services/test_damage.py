"""A workspace whose files were damaged: running the dataset again mends it, and never gives another answer."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dataeval_ui.errors import StorageError
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings
from tests.images import draw
from tests.services.conftest import Finished, run_folder

pytestmark = pytest.mark.slow

RESULTS = ("neighbors.npz", "projection.npz", "clustering.npz", "outliers.npz", "duplicates.npz", "findings.json")


@pytest.fixture
def services(finished: Finished, tmp_path: Path) -> Services:
    """A copy of the finished workspace, to be damaged."""
    shutil.copytree(finished.services.workspace.root, tmp_path / "workspace")
    return open_services(load_settings({"workspace": tmp_path / "workspace", "n_decoders": 1}, environment={}))


def digests(services: Services, run_id: str) -> dict[str, str]:
    folder = services.workspace.run_dir(run_id)
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in RESULTS}


def manifest_path(services: Services, finished: Finished) -> Path:
    """Find the manifest of the run: tests that came before may have run more in this workspace."""
    digest = services.catalog.get_run(finished.summary["run"]).manifest_digest
    return services.workspace.manifests_dir / f"{digest}.parquet"


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 64] = bytes(byte ^ 0xFF for byte in data[middle : middle + 64])
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [cut, Path.unlink])
@pytest.mark.parametrize("name", RESULTS)
def test_a_damaged_result_is_computed_again_to_the_same_bytes(
    services: Services, finished: Finished, name: str, damage: Callable[[Path], object]
) -> None:
    run_id = finished.summary["run"]
    before = digests(services, run_id)
    damage(services.workspace.run_dir(run_id) / name)
    again = run_folder(services, finished.folder)
    assert (again["run"], again["n_embedded"]) == (run_id, 0)
    assert digests(services, run_id) == before


def test_a_flipped_byte_of_a_manifest_is_told_or_is_none_of_the_table(services: Services, finished: Finished) -> None:
    """Page headers have no checksum, and hold what is not read."""
    path = manifest_path(services, finished)
    written = open_run(services, finished.summary["run"]).manifest
    data = path.read_bytes()
    n_told = 0
    for place in range(0, len(data), max(1, len(data) // 200)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            assert open_run(services, finished.summary["run"]).manifest.equals(written)
        except StorageError:
            n_told += 1
    assert n_told > 150
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [flip, cut])
def test_a_damaged_manifest_is_written_again(
    services: Services, finished: Finished, damage: Callable[[Path], object]
) -> None:
    path = manifest_path(services, finished)
    damage(path)
    with pytest.raises(StorageError, match="Run the dataset again"):
        _ = open_run(services, finished.summary["run"]).manifest
    again = run_folder(services, finished.folder)
    assert (again["run"], again["n_embedded"]) == (finished.summary["run"], 0)
    assert open_run(services, again["run"]).manifest.num_rows == again["n_files"]


def test_a_damaged_run_is_no_base_for_the_next(services: Services, finished: Finished, tmp_path: Path) -> None:
    folder = tmp_path / "shapes"
    shutil.copytree(finished.folder, folder)
    first = run_folder(services, folder)
    draw("circle", 700).save(folder / "train/circle/new.png")
    cut(services.workspace.run_dir(first["run"]) / "projection.npz")
    second = run_folder(services, folder)
    assert second["n_embedded"] == 1
    assert second["n_placed"] == 0


@pytest.mark.parametrize("which", ["images", "embeddings"])
def test_a_damaged_part_is_computed_again_after_one_sentence_at_most(
    services: Services, finished: Finished, which: str
) -> None:
    before = digests(services, finished.summary["run"])
    shutil.rmtree(services.workspace.views_dir)
    for name in RESULTS:  # so that the run needs what the parts hold
        (services.workspace.run_dir(finished.summary["run"]) / name).unlink()
    (part, *_) = (services.workspace.root / which).rglob("parts/*.parquet")
    flip(part)
    services = open_services(services.settings)
    with contextlib.suppress(StorageError):  # which says to run again
        run_folder(services, finished.folder)
    again = run_folder(services, finished.folder)
    assert digests(services, again["run"]) == before
