from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from dataeval_ui.embed.backbones import BACKBONES, get_backbone
from dataeval_ui.embed.checkpoints import (
    available_backbones,
    digest_weights,
    find_weights,
    resolve_checkpoint,
)
from dataeval_ui.errors import BackboneUnavailableError
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import Workspace, open_workspace

RESNET = get_backbone("resnet50")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return open_workspace(tmp_path / "workspace")


@pytest.fixture
def offline(workspace: Workspace) -> Settings:
    return Settings(workspace=workspace.root, offline=True)


def _put(path: Path, data: bytes = b"weights") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_missing_checkpoint_says_where_to_put_it_and_what_works(workspace: Workspace, offline: Settings) -> None:
    with pytest.raises(BackboneUnavailableError) as caught:
        resolve_checkpoint(RESNET, settings=offline, workspace=workspace)
    assert str(caught.value) == (
        "The weights of resnet50 are not on this machine and the hub may not be asked (offline). Fetch "
        f"model.safetensors of timm/resnet50.a1_in1k at revision {RESNET.revision} and save it as "
        f"{workspace.root / 'weights/resnet50.safetensors'}. "
        "efficientnet-lite0 works now."
    )


def test_a_file_at_the_place_that_the_message_names_is_found(workspace: Workspace, offline: Settings) -> None:
    path = _put(workspace.root / "weights" / "resnet50.safetensors")
    checkpoint = resolve_checkpoint(RESNET, settings=offline, workspace=workspace)
    assert checkpoint.path == path
    assert checkpoint.digest == hashlib.blake2b(b"weights", digest_size=16).hexdigest()


def test_the_folder_of_the_settings_comes_before_the_workspace(
    workspace: Workspace, offline: Settings, tmp_path: Path
) -> None:
    _put(workspace.root / "weights" / "resnet50.safetensors")
    wanted = _put(tmp_path / "mine" / "resnet50.pth")
    settings = replace(offline, weights_dir=tmp_path / "mine")
    assert find_weights(RESNET, settings=settings, workspace=workspace) == wanted


def test_what_the_hubs_client_fetched_before_is_found_offline(
    workspace: Workspace, offline: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "cache" / "models--timm--vit_base_patch16_224.mae"
    wanted = _put(folder / "snapshots" / ("a" * 40) / "model.safetensors")
    _put(folder / "refs" / "main", b"a" * 40)
    assert find_weights(get_backbone("mae-base"), settings=offline, workspace=workspace) == wanted


def test_the_page_learns_what_is_here_what_can_be_fetched_and_what_is_missing(
    workspace: Workspace, offline: Settings
) -> None:
    _put(workspace.root / "weights" / "dinov2-small.safetensors")
    found = available_backbones(replace(offline, offline=False), workspace)
    states = {name: a.state for name, a in found.items()}
    assert (states["efficientnet-lite0"], states["dinov2-small"]) == ("here", "here")
    assert {states[name] for name in ("resnet50", "clip-vit-b-32", "swav", "faster-rcnn")} == {"downloadable"}
    assert "102 MB" in found["resnet50"].sentence
    away = available_backbones(offline, workspace)
    assert away["resnet50"].state == "missing"
    assert str(workspace.root / "weights" / "resnet50.safetensors") in away["resnet50"].sentence
    assert away.keys() == BACKBONES.keys()


def test_a_backbone_of_several_files_lies_in_a_folder_of_its_name(workspace: Workspace, offline: Settings) -> None:
    pytest.importorskip("transformers", reason="needs the extra hf")
    detr = get_backbone("detr")
    _put(folder := workspace.root / "weights" / "detr" / "model.safetensors")
    with pytest.raises(
        BackboneUnavailableError, match=r"Fetch config\.json and model\.safetensors of facebook/detr-resnet-50 at"
    ):
        resolve_checkpoint(detr, settings=offline, workspace=workspace)
    _put(folder.parent / "config.json", b"{}")
    first = resolve_checkpoint(detr, settings=offline, workspace=workspace)
    assert first.path == folder
    _put(folder.parent / "config.json", b"{ }")
    assert resolve_checkpoint(detr, settings=offline, workspace=workspace).digest != first.digest


def test_a_file_that_is_on_no_hub_is_found_under_its_own_ending(workspace: Workspace, offline: Settings) -> None:
    place = workspace.root / "weights" / "swav.pth.tar"
    with pytest.raises(BackboneUnavailableError, match="the web may not be asked") as caught:
        resolve_checkpoint(get_backbone("swav"), settings=offline, workspace=workspace)
    assert f"swav_800ep_pretrain.pth.tar and save it as {place}." in str(caught.value)
    _put(place)
    assert resolve_checkpoint(get_backbone("swav"), settings=offline, workspace=workspace).path == place


def test_a_pinned_revision_is_the_one_that_counts(workspace: Workspace, offline: Settings, tmp_path: Path) -> None:
    unet = get_backbone("unet-resnet34")
    folder = tmp_path / "cache" / "models--smp-hub--resnet34.imagenet"
    _put(folder / "snapshots" / ("a" * 40) / "model.safetensors")
    _put(folder / "refs" / "main", b"a" * 40)
    assert find_weights(unet, settings=offline, workspace=workspace) is None
    wanted = _put(folder / "snapshots" / unet.revision / "model.safetensors")
    assert find_weights(unet, settings=offline, workspace=workspace) == wanted


def test_a_digest_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    path, remembered = _put(tmp_path / "w.pth", b"old"), tmp_path / "digests.json"
    stat = path.stat()
    first = digest_weights(path, remembered=remembered)
    path.write_bytes(b"new")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert digest_weights(path, remembered=remembered) == first  # same size and time: not read again
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert digest_weights(path, remembered=remembered) == hashlib.blake2b(b"new", digest_size=16).hexdigest()


def test_a_damaged_memory_of_digests_is_rebuilt(tmp_path: Path) -> None:
    path, remembered = _put(tmp_path / "w.pth"), _put(tmp_path / "digests.json", b"{")
    expected = hashlib.blake2b(b"weights", digest_size=16).hexdigest()
    assert digest_weights(path, remembered=remembered) == expected
    assert expected in remembered.read_text()
