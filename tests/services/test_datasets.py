"""Datasets: what is added, and what is deleted with one."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from dataeval_ui.errors import AccessDeniedError
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.datasets import add_dataset, image_path, remove_dataset
from dataeval_ui.services.execute import execute_run
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.uploads import UploadWriter, begin_upload, finish_upload, source_of_upload
from dataeval_ui.settings import load_settings
from dataeval_ui.types import AnalysisParams, LabelRule, Silent
from tests.images import draw


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return open_services(load_settings({"workspace": tmp_path / "workspace"}, environment={}))


def upload(services: Services, *names: str, content: bytes = b"an image") -> Path:
    upload_id = begin_upload(services.settings)
    writer = UploadWriter(services.settings, upload_id)
    for name in names:
        file = writer.create(name)
        assert file is not None
        with file:
            file.write(content)
    finish_upload(services.settings, upload_id)
    return source_of_upload(services.settings, upload_id)


def test_removing_an_upload_deletes_its_own_copy_alone(services: Services) -> None:
    first, second = upload(services, "1.png", "2.png"), upload(services, "1.png", "2.png")
    dataset = add_dataset(services, first, name="first", kind="upload")
    add_dataset(services, second, name="second", kind="upload")
    remove_dataset(services, dataset.id)
    assert not first.exists()
    assert sorted(path.name for path in second.iterdir()) == ["1.png", "2.png"]


def test_an_uploaded_archive_goes_with_what_was_unpacked_of_it(services: Services, tmp_path: Path) -> None:
    draw("circle", 1).save(tmp_path / "1.png")
    with zipfile.ZipFile(tmp_path / "cats.zip", "w") as archive:
        archive.write(tmp_path / "1.png", "cat/1.png")
    source = upload(services, "cats.zip", content=(tmp_path / "cats.zip").read_bytes())
    dataset = add_dataset(services, source, name="cats", kind="upload")
    unpacked = Path(dataset.root)
    other = add_dataset(services, source, name="other", kind="upload", rule=LabelRule(label_from="none"))
    remove_dataset(services, dataset.id)
    assert unpacked.is_dir()
    assert source.is_file()
    remove_dataset(services, other.id)
    assert not unpacked.exists()
    assert not source.parent.exists()


def test_removing_a_folder_never_touches_it(services: Services, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    draw("circle", 1).save(folder / "1.png")
    remove_dataset(services, add_dataset(services, folder).id)
    assert (folder / "1.png").is_file()


def test_a_root_that_a_link_replaced_is_neither_shown_nor_run(services: Services, tmp_path: Path) -> None:
    folder, secret = tmp_path / "photos", tmp_path / "secret"
    for place in (folder, secret):
        place.mkdir()
        draw("circle", 1).save(place / "1.png")
    dataset = add_dataset(services, folder, allowed_roots=[folder])
    assert image_path(services, dataset, "1.png") == folder / "1.png"
    folder.rename(tmp_path / "away")
    folder.symlink_to(secret)
    with pytest.raises(AccessDeniedError):
        image_path(services, dataset, "1.png")
    request = RunRequest(
        dataset_id=dataset.id,
        backbone="efficientnet-lite0",
        params=AnalysisParams(),
        allowed_roots=(str(tmp_path / "x"),),
    )
    with pytest.raises(AccessDeniedError, match="outside the folders"):
        execute_run(services, request, Silent())


@pytest.mark.parametrize("name", ["../secret/1.png", "link.png", "down/1.png", "/etc/passwd"])
def test_no_place_leads_out_of_its_root(services: Services, tmp_path: Path, name: str) -> None:
    folder, secret = tmp_path / "photos", tmp_path / "secret"
    for place in (folder, secret):
        place.mkdir()
        draw("circle", 1).save(place / "1.png")
    dataset = add_dataset(services, folder)
    (folder / "link.png").symlink_to(secret / "1.png")
    (folder / "down").symlink_to(secret)
    with pytest.raises(AccessDeniedError):
        image_path(services, dataset, name)
