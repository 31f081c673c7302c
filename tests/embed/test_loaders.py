"""Every loader against the library's own call, on random weights: nothing is downloaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.embed.backbones import get_backbone
from dataeval_ui.embed.checkpoints import find_weights
from dataeval_ui.embed.networks import load_network
from dataeval_ui.embed.runners import TorchRunner
from dataeval_ui.errors import CheckpointError
from dataeval_ui.settings import Settings
from dataeval_ui.store.workspace import open_workspace
from tests.embed.generated import golden_images

torch = pytest.importorskip("torch")


def _save(network: torch.nn.Module, path: Path) -> Path:
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    return path


def _embed(network: torch.nn.Module, name: str) -> np.ndarray:
    return TorchRunner(network, get_backbone(name).preprocessing).run(golden_images()[:2])


def _normalised(name: str) -> torch.Tensor:
    from torchvision.transforms import v2

    preprocessing = get_backbone(name).preprocessing
    steps = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(preprocessing.mean, preprocessing.std)])
    return steps(torch.from_numpy(golden_images()[:2]).permute(0, 3, 1, 2))


@pytest.mark.parametrize(
    ("name", "model", "options"),
    [
        ("resnet50", "resnet10t", {}),
        ("dinov2-small", "vit_small_patch14_dinov2.lvd142m", {"img_size": 224}),
    ],
)
def test_a_timm_network_gives_timms_own_features(
    tmp_path: Path, name: str, model: str, options: dict[str, object]
) -> None:
    import timm
    from timm.models.vision_transformer import checkpoint_filter_fn

    torch.manual_seed(0)
    whole = timm.create_model(model, pretrained=False)
    checkpoint = _save(whole, tmp_path / "w.safetensors")
    network = load_network(replace(get_backbone(name), model=model), checkpoint)
    theirs = timm.create_model(model, pretrained=False, num_classes=0, **options).eval()
    state = whole.state_dict()
    theirs.load_state_dict(checkpoint_filter_fn(state, theirs) if options else state, strict=False)
    with torch.inference_mode():
        expected = theirs(_normalised(name)).numpy()
    np.testing.assert_allclose(_embed(network, name), expected, atol=1e-5)
    if name == "dinov2-small":
        assert expected.shape == (2, get_backbone(name).n_dims)


def test_an_open_clip_network_gives_open_clips_own_image_embeddings(tmp_path: Path) -> None:
    import open_clip

    torch.manual_seed(0)
    theirs = open_clip.create_model("ViT-S-32-alt", pretrained=None, load_weights=False).eval()
    checkpoint = _save(theirs, tmp_path / "w.safetensors")
    network = load_network(replace(get_backbone("clip-vit-b-32"), model="ViT-S-32-alt:tag"), checkpoint)
    with torch.inference_mode():
        expected = theirs.encode_image(_normalised("clip-vit-b-32")).numpy()
    np.testing.assert_allclose(_embed(network, "clip-vit-b-32"), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet50", "dinov2-small", "clip-vit-b-32"])
def test_weights_of_another_network_are_refused(tmp_path: Path, name: str) -> None:
    checkpoint = _save(torch.nn.Linear(2, 2), tmp_path / "w.safetensors")
    backbone = get_backbone(name)
    if backbone.source == "open_clip":
        backbone = replace(backbone, model="ViT-S-32-alt:tag")
    with pytest.raises(CheckpointError, match=rf"weights for {name} do not fit .* tensors differ"):
        load_network(backbone, checkpoint)


def test_the_bundled_weights_give_what_timm_gives_with_them(tmp_path: Path) -> None:
    """Pinned by `scripts/make_golden_vectors.py`, which shares no code with the package."""
    backbone = get_backbone("efficientnet-lite0")
    workspace = open_workspace(tmp_path)
    checkpoint = find_weights(backbone, settings=Settings(workspace=tmp_path), workspace=workspace)
    assert checkpoint is not None
    embeddings = TorchRunner(load_network(backbone, checkpoint), backbone.preprocessing).run(golden_images())
    with np.load(Path(__file__).parent / "golden_efficientnet_lite0.npz") as golden:
        np.testing.assert_array_equal(golden["pixel_sums"], golden_images().astype(np.int64).sum(axis=(1, 2, 3)))
        np.testing.assert_allclose(embeddings, golden["embeddings"], atol=1e-4)
    assert embeddings.shape == (3, backbone.n_dims)
