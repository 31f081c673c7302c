"""The demo with all that its pages compute at first use: worked out once for the processes of one test run."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from filelock import FileLock

from dataeval_ui.services import demo
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings
from dataeval_ui.store.records import RunRecord
from tests.exported import shared


def install_demo(services: Services) -> RunRecord:
    """Install the demo, its suspected labels and turned copies there already; not for tests of how these are made."""
    run = demo.install_demo(services)
    for path in _worked_out():
        kept = services.workspace.run_dir(run.id) / path.name
        if not kept.exists():
            shutil.copy(path, kept)
    return run


def _worked_out() -> list[Path]:
    folder = shared("demo")
    done = folder / "results"
    with FileLock(folder / "lock"):
        if not done.exists():
            with tempfile.TemporaryDirectory(dir=folder) as base:
                services = open_services(load_settings({"workspace": Path(base)}, environment={}))
                run = demo.install_demo(services)
                results = services.workspace.run_dir(run.id)
                installed = {path.name for path in results.iterdir()}
                assert open_run(services, run.id).keyed_findings
                made = Path(base) / "results"
                made.mkdir()
                for path in results.iterdir():
                    if path.name not in installed and path.suffix == ".npz":
                        shutil.copy(path, made)
                services.catalog.close()
                made.rename(done)
    found = sorted(done.iterdir())
    assert found, "nothing was worked out"
    return found
