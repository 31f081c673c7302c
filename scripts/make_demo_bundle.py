"""Analyse the demo's images with the default backbone and write `assets/demo/demo-run.zip` and `demo-layer.zip`.

    python scripts/make_demo_bundle.py

The second one is of an early layer of the same network: what Compare sets beside the first. To be run after
`scripts/make_demo.py`, and after any change of what a run computes.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

from dataeval_ui.commands.output import prepare_process
from dataeval_ui.embed.backbones import DEFAULT_BACKBONE
from dataeval_ui.jobs.progress import TerminalProgress
from dataeval_ui.services.context import open_services
from dataeval_ui.services.datasets import add_dataset
from dataeval_ui.services.demo import LAYER, RUN, part
from dataeval_ui.services.planted import measure_planted
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.runs import open_run, run_here
from dataeval_ui.settings import assets_dir, load_settings
from dataeval_ui.store.bundle import export_bundle
from dataeval_ui.types import AnalysisParams

EARLY = {"layer": "blocks.1", "pooling": "mean"}
"""24 means of a layer that sees 20 px or so: colours and textures, hardly classes."""


def main() -> None:
    """Make the bundles in a workspace of its own, so that nothing of this machine gets into them."""
    demo = assets_dir() / "demo"
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings({"workspace": f"{folder}/workspace", "offline": True}, environment={})
        prepare_process(settings)
        services = open_services(settings)
        progress = TerminalProgress(sys.stderr)
        dataset = add_dataset(services, demo / "images", name="demo", kind="demo")
        requests = [
            RunRequest(dataset_id=dataset.id, backbone=DEFAULT_BACKBONE, params=AnalysisParams(), **chosen)
            for chosen in (EARLY, {})  # the demo opens with the newest run
        ]
        early, run = [run_here(services, request, progress)["run"] for request in requests]
        for name in (early, run):
            measure_planted(services, open_run(services, name), progress)
        # The folder of whoever made the bundle is nobody's business; installing the demo names the one that is there.
        services.catalog.update_dataset(dataset.id, source="demo", root="demo")
        export_bundle(services.workspace, services.catalog, run, demo / RUN)
        whole = Path(folder) / "layer.zip"
        export_bundle(services.workspace, services.catalog, early, whole)
        part(demo / RUN, whole, demo / LAYER)
    for name in (RUN, LAYER):
        with zipfile.ZipFile(demo / name) as archive:
            for member in archive.infolist():
                print(f"{member.compress_size:>10,}  {member.filename}")
        print(f"{(demo / name).stat().st_size:>10,}  {name}")


if __name__ == "__main__":
    main()
