"""The Run page offers the devices that are there, and hands on what was chosen."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataeval_ui.embed.devices import Device
from dataeval_ui.services.datasets import add_dataset
from dataeval_ui.ui.panels import device_choice
from tests.images import make_dataset
from tests.ui.conftest import OpenPage, failures, open_workspace, words


def test_a_machine_with_a_cpu_alone_gets_one_sentence(
    tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = open_workspace(tmp_path / "workspace")
    add_dataset(services, make_dataset(tmp_path / "shapes"))
    monkeypatch.setattr(device_choice, "list_devices", lambda: ())
    app = open_page(services, "run")
    assert failures(app) == []
    assert "Computed on this machine's CPU with" in words(app)
    assert not [box for box in app.selectbox if box.key == "run_device"]


def test_a_chosen_device_and_precision_are_part_of_the_job(
    tmp_path: Path, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = open_workspace(tmp_path / "workspace")
    add_dataset(services, make_dataset(tmp_path / "shapes"))
    there = (Device(name="cuda:0", title="NVIDIA A"), Device(name="cuda:1", title="NVIDIA B"))
    monkeypatch.setattr(device_choice, "list_devices", lambda: there)
    monkeypatch.setattr("dataeval_ui.services.runs.ensure_worker", lambda services: None)
    monkeypatch.setattr("dataeval_ui.ui.panels.job_list.ensure_worker", lambda services: None)
    app = open_page(services, "run")
    box = app.selectbox(key="run_device")
    assert box.options == ["Automatic: all devices", "CPU", "cuda:0: NVIDIA A", "cuda:1: NVIDIA B"]
    assert box.value == "auto"
    box.select("cuda:1")
    app.toggle(key="run_mixed").set_value(True)
    app.button(key="start").click().run()
    assert failures(app) == []
    [job] = services.catalog.list_jobs()
    assert (job.payload["device"], job.payload["precision"]) == ("cuda:1", "mixed")
