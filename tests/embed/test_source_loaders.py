"""The loaders of torchvision, transformers and segmentation-models-pytorch, against the library's own call."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dataeval_ui.embed import extras
from dataeval_ui.embed.backbones import get_backbone
from dataeval_ui.embed.networks import load_network
from dataeval_ui.errors import BackboneUnavailableError, CheckpointError, UnknownNameError

torch = pytest.importorskip("torch")


def _state_file(network: torch.nn.Module, path: Path) -> Path:
    torch.save(network.state_dict(), path)
    return path


@pytest.mark.parametrize("name", ["faster-rcnn", "faster-rcnn-v2", "mask-rcnn"])
def test_a_detector_gives_its_own_body_pooled(tmp_path: Path, name: str) -> None:
    from torchvision import models

    torch.manual_seed(0)
    backbone = get_backbone(name)
    theirs = models.get_model(backbone.model, weights=None, weights_backbone=None).eval()
    # as in the published files: the frozen norms of the trained network keep no counters
    state = {n: t for n, t in theirs.state_dict().items() if not n.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "w.pth")
    network = load_network(backbone, tmp_path / "w.pth")
    if name != "faster-rcnn-v2":
        models.detection._utils.overwrite_eps(theirs, 0.0)
        for module in theirs.modules():
            if isinstance(module, torch.nn.BatchNorm2d):  # what overwrite_eps does to frozen norms
                module.eps = 0.0
    inputs = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = theirs.backbone.body(inputs)["3"].mean(dim=(2, 3))
        torch.testing.assert_close(network(inputs), expected, atol=1e-5, rtol=1e-5)
    assert expected.shape == (2, backbone.n_dims)


def test_a_segmenter_gives_what_its_head_sees(tmp_path: Path) -> None:
    from torchvision import models

    torch.manual_seed(0)
    backbone = get_backbone("deeplabv3")
    theirs = models.get_model(backbone.model, weights=None, weights_backbone=None, aux_loss=False).eval()
    network = load_network(backbone, _state_file(theirs, tmp_path / "w.pth"))
    inputs = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = theirs.classifier[0](theirs.backbone(inputs)["out"]).mean(dim=(2, 3))
        torch.testing.assert_close(network(inputs), expected, atol=1e-5, rtol=1e-5)
    assert expected.shape == (2, backbone.n_dims)


def test_a_file_that_lacks_a_tensor_of_a_detector_is_refused(tmp_path: Path) -> None:
    from torchvision import models

    backbone = get_backbone("deeplabv3")
    state = models.get_model(backbone.model, weights=None, weights_backbone=None, aux_loss=False).state_dict()
    del state["classifier.0.convs.0.0.weight"]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"lack 1 of \d+ tensors, first classifier\.0\.convs\.0\.0\.weight"):
        load_network(backbone, tmp_path / "w.pth")


def _tiny_config(name: str) -> Any:
    transformers = pytest.importorskip("transformers", reason="needs the extra hf")
    tiny_resnet = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 16, 16], depths=[1, 1, 1, 1], out_features=["stage4"]
    )
    sizes = {"d_model": 16, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "encoder_layers": 1, "decoder_layers": 1}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    if name == "detr":
        return transformers.DetrConfig(backbone_config=tiny_resnet, num_queries=5, **sizes, **heads)
    if name == "rt-detr":
        body = transformers.RTDetrResNetConfig(
            embedding_size=8,
            hidden_sizes=[8, 8, 16, 16],
            depths=[1, 1, 1, 1],
            out_features=["stage2", "stage3", "stage4"],
        )
        return transformers.RTDetrConfig(
            backbone_config=body,
            encoder_in_channels=[8, 16, 16],
            decoder_in_channels=[16, 16, 16],
            encoder_hidden_dim=16,
            num_queries=5,
            **sizes,
            **heads,
        )
    hidden = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    if name == "yolos-small":
        return transformers.YolosConfig(image_size=[64, 64], num_detection_tokens=5, **hidden)
    return transformers.ViTConfig(image_size=64, **hidden)


def _save_pretrained(name: str, folder: Path) -> Any:
    transformers = pytest.importorskip("transformers", reason="needs the extra hf")
    torch.manual_seed(0)
    model = transformers.AutoModel.from_config(_tiny_config(name)).eval()
    model.save_pretrained(folder, safe_serialization=True)
    return model


@pytest.mark.parametrize("name", ["detr", "rt-detr", "yolos-small"])
def test_a_detector_of_transformers_gives_the_librarys_own_output_pooled(tmp_path: Path, name: str) -> None:
    model = _save_pretrained(name, tmp_path)
    backbone = get_backbone(name)
    inputs = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        output = model(pixel_values=inputs)
        expected = {
            "detr": lambda: output.encoder_last_hidden_state.mean(dim=1),
            "rt-detr": lambda: output.encoder_last_hidden_state[2].mean(dim=(2, 3)),
            "yolos-small": lambda: output.last_hidden_state.mean(dim=1),
        }[name]()
        got = load_network(backbone, tmp_path / "model.safetensors")(inputs)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)
    assert got.shape == (2, 16)


def test_any_automodel_gives_its_pooled_output(tmp_path: Path) -> None:
    model = _save_pretrained("vit", tmp_path)
    backbone = replace(get_backbone("yolos-small"), layer="output.pooler_output", pooling="none")
    inputs = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = model(pixel_values=inputs).pooler_output
        torch.testing.assert_close(load_network(backbone, tmp_path / "model.safetensors")(inputs), expected)


def test_a_folder_of_another_network_is_refused(tmp_path: Path) -> None:
    _save_pretrained("vit", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 9}))
    with pytest.raises(CheckpointError, match=r"weights for detr match \d+ of \d+ tensors .* first that is missing"):
        load_network(get_backbone("detr"), tmp_path / "model.safetensors")


@pytest.mark.parametrize("text", ["{", '{"model_type": "nonesuch"}', '{"auto_map": {"AutoModel": "evil.Evil"}}'])
def test_a_broken_configuration_is_told_in_one_sentence_and_runs_nothing(tmp_path: Path, text: str) -> None:
    _save_pretrained("vit", tmp_path)
    (tmp_path / "config.json").write_text(text)
    (tmp_path / "evil.py").write_text("raise SystemExit('code of a model was run')")
    with pytest.raises(CheckpointError, match="transformers cannot load detr") as caught:
        load_network(get_backbone("detr"), tmp_path / "model.safetensors")
    assert "\n" not in str(caught.value)


def test_an_encoder_gives_its_coarsest_map_pooled(tmp_path: Path) -> None:
    smp = pytest.importorskip("segmentation_models_pytorch", reason="needs the extra segmentation")
    torch.manual_seed(0)
    theirs = smp.encoders.get_encoder("resnet18", weights=None).eval()
    backbone = replace(get_backbone("unet-resnet34"), model="resnet18")
    network = load_network(backbone, _state_file(theirs, tmp_path / "w.pth"))
    inputs = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(inputs), theirs(inputs)[-1].mean(dim=(2, 3)), atol=1e-5, rtol=0)


def test_a_whole_unet_of_ones_own_gives_its_encoder_or_its_decoder(tmp_path: Path) -> None:
    smp = pytest.importorskip("segmentation_models_pytorch", reason="needs the extra segmentation")
    torch.manual_seed(0)
    theirs = smp.create_model("unet", encoder_name="resnet18", encoder_weights=None, classes=7).eval()
    path = tmp_path / "w.pth"
    torch.save({"epoch": 3, "state_dict": {f"model.{n}": t for n, t in theirs.state_dict().items()}}, path)
    inputs = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        for layer, expected in (
            ("encoder.5", theirs.encoder(inputs)[-1]),
            ("decoder", theirs.decoder(theirs.encoder(inputs))),
        ):
            backbone = replace(get_backbone("unet-resnet34"), model="unet/resnet18", layer=layer)
            got = load_network(backbone, path)(inputs)
            torch.testing.assert_close(got, expected.mean(dim=(2, 3)), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("name", "extra"), [("detr", "hf"), ("unet-resnet34", "segmentation")])
def test_without_the_extra_the_command_that_installs_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, extra: str
) -> None:
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BackboneUnavailableError, match=rf'needs the package .*pip install "dataeval-ui\[{extra}\]"'):
        load_network(get_backbone(name), tmp_path / "w.safetensors")


@pytest.mark.parametrize("name", ["faster-rcnn", "unet-resnet34"])
def test_a_network_that_the_library_lacks_is_told(tmp_path: Path, name: str) -> None:
    if name == "unet-resnet34":
        pytest.importorskip("segmentation_models_pytorch", reason="needs the extra segmentation")
    with pytest.raises(UnknownNameError, match="named 'nonesuch'"):
        load_network(replace(get_backbone(name), model="nonesuch"), tmp_path / "w.pth")
