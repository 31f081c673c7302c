"""What a user asks for, on its way through the queue."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from dataeval_ui.errors import ParameterError
from dataeval_ui.services.context import open_services
from dataeval_ui.services.execute import _name_of
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.runs import start_run
from dataeval_ui.settings import Settings, load_settings
from dataeval_ui.types import AnalysisParams
from tests.images import make_dataset


def asked(**changes: object) -> RunRequest:
    return RunRequest(dataset_id="d", backbone="resnet50", params=AnalysisParams(), **changes)


@pytest.mark.parametrize(
    "request_",
    [asked(), asked(layer="layer3", pooling="gem", device="cuda:1", precision="mixed", allowed_roots=("/a",))],
)
def test_a_request_is_read_back_as_it_was_written(request_: RunRequest) -> None:
    assert RunRequest.from_json(request_.to_json()) == request_


def test_a_request_of_an_earlier_version_has_the_settings_device() -> None:
    old = {name: value for name, value in asked().to_json().items() if name not in ("device", "precision")}
    settings = Settings(device="cuda:0", precision="mixed")
    assert RunRequest.from_json(old).settings(settings) == settings


def test_what_a_request_says_goes_before_the_settings() -> None:
    settings = asked(device="cpu").settings(Settings(device="cuda", precision="mixed"))
    assert (settings.device, settings.precision) == ("cpu", "mixed")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "birds · resnet50"),
        ({"layer": "layer3", "pooling": "gem"}, "birds · resnet50 · layer3 gem"),
        ({"layer": "layer3"}, "birds · resnet50 · layer3"),
    ],
)
def test_a_runs_name_shows_another_layer(changes: dict[str, str], name: str) -> None:
    assert _name_of(SimpleNamespace(name="birds"), asked(**changes)) == name  # type: ignore[arg-type]


def test_what_names_no_device_is_refused_before_anything_is_queued(tmp_path: Path) -> None:
    from dataeval_ui.services.datasets import add_dataset

    services = open_services(load_settings({"workspace": tmp_path / "w"}, environment={}))
    dataset = add_dataset(services, make_dataset(tmp_path / "shapes"))
    request = RunRequest(dataset_id=dataset.id, backbone="efficientnet-lite0", params=AnalysisParams(), device="gpu")
    with pytest.raises(ParameterError, match="device must be auto, cpu, cuda, cuda:N or mps, got 'gpu'"):
        start_run(services, request)
    assert services.catalog.list_jobs() == []
