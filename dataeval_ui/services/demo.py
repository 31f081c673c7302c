"""The bundled demo: drawings with planted faults, already analysed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.errors import StorageError
from dataeval_ui.settings import assets_dir

if TYPE_CHECKING:
    from dataeval_ui.services.context import Services
    from dataeval_ui.store.records import RunRecord


def demo_folder() -> Path:
    """Return the folder of the demo's images, truth and analysed run.

    Raises
    ------
    StorageError
        The installation lacks it.
    """
    folder = assets_dir() / "demo"
    if not (folder / "demo-run.zip").is_file():
        raise StorageError(f"The demo is missing from {folder}. Install the package again.")
    return folder


def install_demo(services: Services) -> RunRecord:
    """Put the analysed demo into the workspace, unless it is there; computes nothing and downloads nothing."""
    from dataeval_ui.store.bundle import import_bundle

    images = str((demo_folder() / "images").resolve())
    run = import_bundle(services.workspace, services.catalog, demo_folder() / "demo-run.zip", root=images)
    # The bundle names no folder, and an installation that moved names another one.
    services.catalog.update_dataset(run.dataset_id, source=images, root=images)
    return run
