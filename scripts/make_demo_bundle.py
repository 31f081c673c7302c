"""Analyse the demo's images with the default backbone and write `assets/demo/demo-run.zip`.

    python scripts/make_demo_bundle.py

To be run after `scripts/make_demo.py`, and after any change of what a run computes.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile

from dataeval_ui.commands.output import prepare_process
from dataeval_ui.embed.backbones import DEFAULT_BACKBONE
from dataeval_ui.jobs.progress import TerminalProgress
from dataeval_ui.services.context import open_services
from dataeval_ui.services.datasets import add_dataset
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.runs import run_here
from dataeval_ui.settings import assets_dir, load_settings
from dataeval_ui.store.bundle import export_bundle
from dataeval_ui.types import AnalysisParams


def main() -> None:
    """Make the bundle in a workspace of its own, so that nothing of this machine gets into it."""
    images, out = assets_dir() / "demo" / "images", assets_dir() / "demo" / "demo-run.zip"
    with tempfile.TemporaryDirectory() as workspace:
        settings = load_settings({"workspace": workspace, "offline": True}, environment={})
        prepare_process(settings)
        services = open_services(settings)
        dataset = add_dataset(services, images, name="demo", kind="demo")
        request = RunRequest(dataset_id=dataset.id, backbone=DEFAULT_BACKBONE, params=AnalysisParams())
        summary = run_here(services, request, TerminalProgress(sys.stderr))
        # The folder of whoever made the bundle is nobody's business; installing the demo names the one that is there.
        services.catalog.update_dataset(dataset.id, source="demo", root="demo")
        export_bundle(services.workspace, services.catalog, summary["run"], out)
    with zipfile.ZipFile(out) as archive:
        for member in archive.infolist():
            print(f"{member.compress_size:>10,}  {member.filename}")
    print(f"{out.stat().st_size:>10,}  {out.name}")
    print({name: value for name, value in summary.items() if name.startswith("n_")})


if __name__ == "__main__":
    main()
