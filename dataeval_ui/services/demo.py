"""The bundled demo: drawings with planted faults, already analysed, by a network's output and by an early layer."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.errors import StorageError
from dataeval_ui.settings import assets_dir
from dataeval_ui.store.durable import storing

if TYPE_CHECKING:
    from dataeval_ui.services.context import Services
    from dataeval_ui.store.records import RunRecord

RUN, LAYER = "demo-run.zip", "demo-layer.zip"
"""Bundles of the run that the demo opens with, and of the run to compare it with: the latter without what both hold."""


def demo_folder() -> Path:
    """Return the folder of the demo's images, truth and analysed runs.

    Raises
    ------
    StorageError
        The installation lacks it.
    """
    folder = assets_dir() / "demo"
    if not all((folder / name).is_file() for name in (RUN, LAYER)):
        raise StorageError(f"The demo is missing from {folder}. Install the package again.")
    return folder


def install_demo(services: Services) -> RunRecord:
    """Put the analysed demo into the workspace, unless it is there; computes nothing and downloads nothing."""
    return _install(services, demo_folder() / RUN)


def install_demo_runs(services: Services) -> RunRecord:
    """Do as `install_demo`, and add the run to compare it with; returns the run that the demo opens with.

    The other one is older, so that "the newest run" is the one returned.
    """
    run = install_demo(services)
    with storing(tempfile.gettempdir()), tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / LAYER
        join(demo_folder() / RUN, demo_folder() / LAYER, whole)
        _install(services, whole)
    return services.catalog.get_run(run.id)


def _install(services: Services, bundle: Path) -> RunRecord:
    from dataeval_ui.store.bundle import import_bundle

    images = str((demo_folder() / "images").resolve())
    run = import_bundle(services.workspace, services.catalog, bundle, root=images)
    # The bundle names no folder, and an installation that moved names another one.
    services.catalog.update_dataset(run.dataset_id, source=images, root=images)
    return run


def part(first: Path, second: Path, out: Path) -> None:
    """Write a bundle without the tables that another one of the same dataset holds byte for byte; see `join`."""
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other, zipfile.ZipFile(out, "w") as target:
        known = {info.filename: (info.CRC, info.file_size) for info in one.infolist()}
        for info in other.infolist():
            same = known.get(info.filename) == (info.CRC, info.file_size)
            if not (same and info.filename.endswith(".parquet")):
                _copy(other, info, target, zipfile.ZIP_DEFLATED)


def join(first: Path, parted: Path, out: Path) -> None:
    """Write the bundle that `part` was given, with the tables of the first one in place of those left out."""
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(parted) as other, zipfile.ZipFile(out, "w") as target:
        own = set(other.namelist())
        for info in other.infolist():
            _copy(other, info, target, zipfile.ZIP_STORED)
        for info in one.infolist():
            if info.filename not in own and info.filename.endswith(".parquet"):
                _copy(one, info, target, zipfile.ZIP_STORED)


def _copy(source: zipfile.ZipFile, info: zipfile.ZipInfo, target: zipfile.ZipFile, method: int) -> None:
    member = zipfile.ZipInfo(info.filename, info.date_time)
    member.compress_type = method
    with source.open(info) as stream, target.open(member, "w", force_zip64=True) as copy:
        shutil.copyfileobj(stream, copy, 1 << 20)
