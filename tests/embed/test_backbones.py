from __future__ import annotations

import math
import subprocess
import sys

import pytest

from dataeval_ui.embed.backbones import BACKBONES, DEFAULT_BACKBONE, get_backbone
from dataeval_ui.errors import UnknownNameError


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(UnknownNameError, match=r"no backbone named 'resnet-50'\. Did you mean 'resnet50'"):
        get_backbone("resnet-50")


def test_every_backbone_is_found_by_its_own_name() -> None:
    assert DEFAULT_BACKBONE in BACKBONES
    for name, backbone in BACKBONES.items():
        assert get_backbone(name) is backbone
        assert backbone.name == name


@pytest.mark.parametrize("name", [name for name, b in BACKBONES.items() if b.source in ("bundled", "timm")])
def test_preprocessing_and_licence_are_those_of_timm(name: str) -> None:
    from timm.data import resolve_data_config
    from timm.models import get_pretrained_cfg

    backbone = BACKBONES[name]
    theirs = get_pretrained_cfg(backbone.model).to_dict()
    config = resolve_data_config({}, pretrained_cfg=theirs)
    ours = backbone.preprocessing
    if "dinov2" not in name:  # runs at 224 px rather than 518, as the docs say
        assert config["input_size"] == (3, ours.input_px, ours.input_px)
    assert ours.resize_px == math.floor(ours.input_px / config["crop_pct"])
    assert (ours.mean, ours.std, ours.interpolation) == (config["mean"], config["std"], config["interpolation"])
    assert backbone.licence.lower() == theirs["license"]
    assert config["crop_mode"] == "center"
    if backbone.hub is not None:
        assert backbone.hub == f"{theirs['hf_hub_id']}/model.safetensors"


@pytest.mark.parametrize("name", [name for name, b in BACKBONES.items() if b.source == "torchvision"])
def test_addresses_are_those_of_torchvision(name: str) -> None:
    from torchvision.models import get_model_weights

    backbone = BACKBONES[name]
    urls = [weights.url for weights in get_model_weights(backbone.model)]
    assert backbone.url in urls
    assert backbone.url.endswith(f"-{backbone.sha256}.pth")


def test_the_encoder_of_unet_is_pinned_as_its_library_pins_it() -> None:
    smp = pytest.importorskip("segmentation_models_pytorch", reason="needs the extra segmentation")
    backbone = BACKBONES["unet-resnet34"]
    theirs = smp.encoders.encoders[backbone.model]["pretrained_settings"]["imagenet"]
    assert (backbone.hub, backbone.revision) == (f"{theirs['repo_id']}/model.safetensors", theirs["revision"])


@pytest.mark.parametrize("name", [name for name, b in BACKBONES.items() if b.source == "open_clip"])
def test_preprocessing_and_hub_are_those_of_open_clip(name: str) -> None:
    import open_clip

    backbone = BACKBONES[name]
    architecture, tag = backbone.model.split(":")
    theirs = open_clip.get_pretrained_cfg(architecture, tag)
    ours = backbone.preprocessing
    assert (ours.mean, ours.std, ours.interpolation) == (theirs["mean"], theirs["std"], theirs["interpolation"])
    assert ours.squash == (theirs["resize_mode"] == "squash")
    model = open_clip.get_model_config(architecture)
    assert (ours.input_px, ours.resize_px, backbone.n_dims) == (
        model["vision_cfg"]["image_size"],
        model["vision_cfg"]["image_size"],
        model["embed_dim"],
    )
    assert backbone.hub == theirs["hf_hub"] + open_clip.constants.HF_SAFE_WEIGHTS_NAME


def test_the_registry_is_read_without_torch() -> None:
    code = (
        "import sys, dataeval_ui.embed.embedder, dataeval_ui.embed.pipeline; "
        "print({'torch', 'timm'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
