"""Checkpoints of other projects, in the forms that those projects save them, on random weights."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from dataeval_ui.embed.backbones import get_backbone
from dataeval_ui.embed.checkpoint_loader import load_matching
from dataeval_ui.embed.networks import load_network
from dataeval_ui.errors import CheckpointError, UnknownNameError

torch = pytest.importorskip("torch")


class _Body(torch.nn.Module):
    """A hundred tensors and a counter."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = torch.nn.ParameterDict({f"w{i:02d}": torch.nn.Parameter(torch.rand(2)) for i in range(100)})
        self.register_buffer("num_batches_tracked", torch.tensor(3))


def _state(prefix: str = "") -> dict[str, torch.Tensor]:
    return {prefix + name: tensor + 1 for name, tensor in _Body().state_dict().items()}


@pytest.mark.parametrize("prefix", ["", "module.", "module.encoder_q.", "backbone.", "encoder.", "module.backbone."])
def test_the_prefix_that_fits_best_is_stripped(prefix: str) -> None:
    network, state = _Body(), _state(prefix)
    report = load_matching(network, {**state, "module.head.weight": torch.zeros(1)}, backbone="b")
    assert (report.prefix, report.n_loaded, report.n_wanted) == (prefix, 100, 100)
    assert (report.missing, report.left) == ((), ("module.head.weight",))
    torch.testing.assert_close(dict(network.state_dict()), {n.removeprefix(prefix): t for n, t in state.items()})


def test_of_two_networks_in_a_file_the_whole_one_is_loaded() -> None:
    other = {"module.encoder_k." + name: tensor for name, tensor in _Body(1).state_dict().items()}
    half = dict(list(_state("module.").items())[:50])
    report = load_matching(_Body(), {**other, **half, **_state("module.encoder_q.")}, backbone="b")
    assert report.prefix == "module.encoder_q."
    assert len(report.left) == len(other) + len(half)


def test_what_was_loaded_and_left_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        load_matching(_Body(), {**_state("module."), "module.prototypes.weight": torch.zeros(1)}, backbone="swav")
    assert "swav: 100 of 100 tensors loaded under 'module.'; 1 of the file left, first module.prototypes.weight." in (
        caplog.text
    )


@pytest.mark.parametrize("n_lost", [5, 6])
def test_95_of_100_tensors_are_enough_and_94_are_not(n_lost: int) -> None:
    network = _Body()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = {name: tensor for name, tensor in _state("module.").items() if name >= f"module.layers.w{n_lost:02d}"}
    if n_lost == 5:
        assert load_matching(network, state, backbone="b").missing == tuple(f"layers.w{i:02d}" for i in range(5))
        return
    with pytest.raises(CheckpointError, match=r"match 94 of 100 tensors .* under 'module\.'.* is layers\.w00"):
        load_matching(network, state, backbone="b")
    torch.testing.assert_close(dict(network.state_dict()), before)


def test_a_tensor_of_another_shape_does_not_count() -> None:
    state = {name: torch.zeros(3) if name < "layers.w06" else tensor for name, tensor in _state().items()}
    with pytest.raises(CheckpointError, match="match 94 of 100"):
        load_matching(_Body(), state, backbone="b")


def test_a_file_without_counters_of_old_torch_is_whole() -> None:
    state = {name: tensor for name, tensor in _state().items() if not name.endswith("num_batches_tracked")}
    assert load_matching(_Body(), state, backbone="b").n_loaded == 100


def _save(form: str, network: torch.nn.Module, path: Path) -> Path:
    state = network.state_dict()
    saved: object = {
        "swav": {f"module.{n}": t for n, t in state.items()} | {"module.prototypes.weight": torch.zeros(3, 2)},
        "moco-v2": {
            "epoch": 800,
            "arch": "resnet50",
            "state_dict": {f"module.encoder_q.{n}": t for n, t in state.items()} | {"module.queue": torch.zeros(4)},
            "optimizer": {"state": {0: {"momentum_buffer": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]},
        },
        "simclr": {"state_dict": dict(state)},
    }[form]
    torch.save(saved, path)
    return path


@pytest.mark.parametrize("name", ["swav", "moco-v2", "simclr"])
def test_the_file_of_each_project_gives_the_features_of_torchvisions_resnet(tmp_path: Path, name: str) -> None:
    from torchvision.models import resnet

    torch.manual_seed(0)
    theirs = resnet.ResNet(resnet.BasicBlock, [2, 2, 2, 2]).eval()
    checkpoint = _save(name, theirs, tmp_path / "w.pth.tar")
    network = load_network(replace(get_backbone(name), model="resnet18"), checkpoint)
    theirs.fc = torch.nn.Identity()
    inputs = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(inputs), theirs(inputs), atol=1e-5, rtol=0)


def test_code_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pth.tar"
    torch.save({"state_dict": {"a": torch.zeros(1)}, "args": Path("x").__class__}, path)
    with pytest.raises(CheckpointError, match="could run code"):
        load_network(replace(get_backbone("swav"), model="resnet18"), path)


def test_an_architecture_that_timm_lacks_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="no architecture of timm named 'resnet51'"):
        load_network(replace(get_backbone("swav"), model="resnet51"), tmp_path / "w.pth")
