"""Any name of a source library, without its weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dataeval_ui.embed.checkpoints import resolve_checkpoint
from dataeval_ui.embed.choices import find_backbone
from dataeval_ui.embed.embedder import embedder_of_backbone, load_embedder
from dataeval_ui.embed.named_backbones import resolve_name
from dataeval_ui.embed.networks import load_network
from dataeval_ui.embed.open_clip_loader import architecture_of
from dataeval_ui.embed.text_process import load_text_tower
from dataeval_ui.errors import BackboneUnavailableError, CheckpointError, InputError, ParameterError, UnknownNameError
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import Workspace, open_workspace
from tests.tiny_open_clip import CONFIG, INPUT_PX, N_DIMS, load_open_clip, text_embeddings, write_open_clip

torch = pytest.importorskip("torch")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return open_workspace(tmp_path / "workspace")


@pytest.fixture
def settings(workspace: Workspace) -> Settings:
    return Settings(workspace=workspace.root, offline=True, n_threads=1)


def test_a_name_of_timm_has_timms_own_preprocessing_and_file(workspace: Workspace, settings: Settings) -> None:
    backbone = resolve_name("timm:resnet18.a1_in1k", settings=settings, workspace=workspace)
    assert backbone.hub == "timm/resnet18.a1_in1k/model.safetensors"
    assert (backbone.preprocessing.input_px, backbone.licence) == (224, "apache-2.0")
    assert resolve_name("timm:resnet18.a1_in1k", settings=settings, workspace=workspace) == backbone  # as kept


def test_a_file_of_timm_gives_timms_features(tmp_path: Path, workspace: Workspace, settings: Settings) -> None:
    import timm
    from safetensors.torch import save_file

    torch.manual_seed(0)
    whole = timm.create_model("resnet10t", pretrained=False).eval()
    save_file(whole.state_dict(), tmp_path / "w.safetensors")
    backbone = resolve_name("timm:resnet10t.c3_in1k", settings=settings, workspace=workspace)
    network = load_network(backbone, tmp_path / "w.safetensors")
    inputs = torch.rand(2, 3, 64, 64)
    whole.reset_classifier(0)
    with torch.inference_mode():
        torch.testing.assert_close(network(inputs), whole(inputs), atol=1e-5, rtol=0)


def test_weights_that_timm_cannot_use_are_told_in_one_sentence(
    tmp_path: Path, workspace: Workspace, settings: Settings
) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "w.pth")
    backbone = resolve_name("timm:resnet10t.c3_in1k", settings=settings, workspace=workspace)
    with pytest.raises(CheckpointError, match="do not fit the network") as caught:
        load_network(backbone, tmp_path / "w.pth")
    assert "\n" not in str(caught.value)


def test_a_name_of_open_clip_has_its_own_preprocessing_and_file(workspace: Workspace, settings: Settings) -> None:
    backbone = resolve_name("open_clip:ViT-B-16/laion2b_s34b_b88k", settings=settings, workspace=workspace)
    assert backbone.hub == "laion/CLIP-ViT-B-16-laion2B-s34B-b88K/open_clip_model.safetensors"
    assert (backbone.n_dims, backbone.preprocessing.input_px, backbone.preprocessing.squash) == (512, 224, False)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("timm:resnet18.a1_in1", "no model of timm named 'resnet18.a1_in1'. Did you mean"),
        ("timm:nonesuch", "no model of timm named 'nonesuch'"),
        ("open_clip:ViT-B-17/openai", "no model of open_clip named 'ViT-B-17'. Did you mean 'ViT-B-16'"),
        ("open_clip:ViT-B-16/nobody", "no tag of ViT-B-16 named 'nobody'"),
    ],
)
def test_a_name_that_the_library_lacks_is_told(workspace: Workspace, settings: Settings, name: str, why: str) -> None:
    with pytest.raises(UnknownNameError, match=why):
        resolve_name(name, settings=settings, workspace=workspace)


def _vit_folder(folder: Path) -> torch.nn.Module:
    transformers = pytest.importorskip("transformers", reason="needs the extra hf")
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        image_size=32, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
    )
    model = transformers.ViTModel(config).eval()
    model.save_pretrained(folder)
    processor = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 2}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return model


def test_a_local_folder_of_transformers_is_embedded_offline(
    tmp_path: Path, workspace: Workspace, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    # exported here: another process would import torch and transformers once more
    monkeypatch.setattr("dataeval_ui.embed.engines.export_aside", lambda *_, **__: None)
    model = _vit_folder(tmp_path / "vit")
    embedder = load_embedder(f"hf:{tmp_path / 'vit'}", workspace=workspace, settings=settings)
    assert (embedder.backbone.preprocessing.squash, embedder.backbone.preprocessing.interpolation) == (True, "bilinear")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    inputs = (torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    with torch.inference_mode():
        tokens = model(pixel_values=inputs).last_hidden_state
    # 1 + 4 tokens: the class token is what "auto" takes
    np.testing.assert_allclose(embedder.embed(pixels), tokens[:, 0].numpy(), atol=1e-5)
    assert embedder.n_dims == 16
    mean = find_backbone(
        f"hf:{tmp_path / 'vit'}",
        workspace=workspace,
        settings=settings,
        layer="output.last_hidden_state",
        pooling="mean",
    )
    network = load_network(mean, tmp_path / "vit" / "model.safetensors")
    with torch.inference_mode():
        torch.testing.assert_close(network(inputs), tokens.mean(dim=1), atol=1e-5, rtol=0)
    assert embedder_of_backbone(mean, workspace=workspace, settings=settings).key != embedder.key


def test_a_repository_that_is_not_here_is_told_offline(workspace: Workspace, settings: Settings) -> None:
    pytest.importorskip("transformers", reason="needs the extra hf")
    with pytest.raises(
        BackboneUnavailableError, match=r"config\.json of a/b is not on this machine and the hub may not"
    ):
        resolve_name("hf:a/b", settings=settings, workspace=workspace)
    with pytest.raises(InputError, match="neither a folder nor a repository"):
        resolve_name("hf:nothing", settings=settings, workspace=workspace)


@pytest.mark.parametrize("text", ["[]", '{"size": "big"}', '{"size": 32, "image_std": [0, 0, 0]}'])
def test_a_preprocessing_that_cannot_be_used_is_told(
    tmp_path: Path, workspace: Workspace, settings: Settings, text: str
) -> None:
    _vit_folder(tmp_path / "vit")
    (tmp_path / "vit" / "preprocessor_config.json").write_text(text)
    with pytest.raises(ValueError, match=r"preprocessor_config\.json of hf:"):
        resolve_name(f"hf:{tmp_path / 'vit'}", settings=settings, workspace=workspace)


def test_a_backbones_own_layer_changes_nothing_and_another_one_does(workspace: Workspace, settings: Settings) -> None:
    own = find_backbone("resnet50", settings=settings, workspace=workspace)
    same = find_backbone("resnet50", settings=settings, workspace=workspace, layer=own.layer, pooling=own.pooling)
    other = find_backbone("resnet50", settings=settings, workspace=workspace, layer="layer3", pooling="gem")
    assert same == own
    assert (other.tapped, other.layer, other.pooling) == (True, "layer3", "gem")
    with pytest.raises(ParameterError, match="--pooling needs --layer with resnet50"):
        find_backbone("resnet50", settings=settings, workspace=workspace, pooling="max")
    with pytest.raises(UnknownNameError, match="no pooling named 'median'"):
        find_backbone("resnet50", settings=settings, workspace=workspace, pooling="median")


def test_a_folder_of_open_clip_gives_that_librarys_images_and_words(
    tmp_path: Path, workspace: Workspace, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_open_clip(tmp_path / "my clip: 1")
    caplog.clear()
    backbone = resolve_name(f"open_clip:{folder}", settings=settings, workspace=workspace)
    assert (backbone.n_dims, backbone.preprocessing.input_px, backbone.preprocessing.squash) == (N_DIMS, INPUT_PX, True)
    checkpoint = resolve_checkpoint(backbone, settings=settings, workspace=workspace)
    inputs = torch.rand(3, 3, INPUT_PX, INPUT_PX)
    with torch.inference_mode():
        expected = load_open_clip(folder).encode_image(inputs)
        torch.testing.assert_close(load_network(backbone, checkpoint.path)(inputs), expected, atol=1e-5, rtol=0)
        assert "randomly" not in caplog.text  # open_clip's warning, where the weights are read by us
        _, encode = load_text_tower(architecture_of(backbone), checkpoint.path, name=backbone.name)
        words = torch.nn.functional.normalize(encode(["a dog", "✓"]), dim=-1)
    torch.testing.assert_close(words, torch.from_numpy(text_embeddings(folder, ["a dog", "✓"])), atol=1e-5, rtol=0)
    (folder / "open_clip_config.json").write_text(json.dumps({**CONFIG, "preprocess_cfg": {}}), encoding="utf-8")
    assert resolve_checkpoint(backbone, settings=settings, workspace=workspace).digest != checkpoint.digest


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (None, "has no open_clip_config.json that can be read"),
        ("{", "has no open_clip_config.json that can be read"),
        ("[]", "describes no network of open_clip"),
        ({"model_cfg": {"embed_dim": 4}}, "describes no network of open_clip"),
        ({"model_cfg": {"embed_dim": 4, "vision_cfg": {"image_size": [32, 64]}}}, "describes no square input"),
        ({"model_cfg": {"embed_dim": 4, "vision_cfg": {"image_size": 10**9}}}, "describes no square input"),
        ({**CONFIG, "preprocess_cfg": {"std": [0, 1, 1]}}, "describes no square input"),
        ({**CONFIG, "preprocess_cfg": {"mean": "high"}}, "describes no network of open_clip"),
    ],
)
def test_a_folder_of_open_clip_that_is_none_is_told(
    tmp_path: Path, workspace: Workspace, settings: Settings, config: object, why: str
) -> None:
    with pytest.raises(InputError, match=r"has neither open_clip_model\.safetensors nor"):
        resolve_name(f"open_clip:{tmp_path}", settings=settings, workspace=workspace)
    (tmp_path / "open_clip_model.safetensors").write_bytes(b"")
    if config is not None:
        text = config if isinstance(config, str) else json.dumps(config)
        (tmp_path / "open_clip_config.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=why):
        resolve_name(f"open_clip:{tmp_path}", settings=settings, workspace=workspace)


def test_a_network_that_open_clip_cannot_build_is_told(
    tmp_path: Path, workspace: Workspace, settings: Settings
) -> None:
    folder = write_open_clip(tmp_path / "clip")
    model = {**CONFIG["model_cfg"], "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "depth": 3}}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model}), encoding="utf-8")
    backbone = resolve_name(f"open_clip:{folder}", settings=settings, workspace=workspace)
    with pytest.raises(CheckpointError, match=r"cannot build .* from its open_clip_config\.json"):
        load_network(backbone, folder / "open_clip_model.safetensors")
