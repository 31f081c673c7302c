from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from dataeval_ui.embed.state_dicts import load_weights, read_state_dict
from dataeval_ui.errors import CheckpointError

torch = pytest.importorskip("torch")


def _network() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_what_was_saved_is_read(tmp_path: Path, suffix: str) -> None:
    state = _network().state_dict()
    path = tmp_path / f"w{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        from safetensors.torch import save_file

        save_file(state, path)
    read = read_state_dict(path)
    assert read.keys() == state.keys()
    assert all(torch.equal(read[name], state[name]) for name in state)


class _Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_code_in_a_checkpoint_is_refused_and_never_run(tmp_path: Path, save: object) -> None:
    save({"a": _Bomb(tmp_path / "ran")}, tmp_path / "w.pth")  # type: ignore[operator]
    with pytest.raises(CheckpointError, match=r"w\.pth"):
        read_state_dict(tmp_path / "w.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", bytes(4096)])
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CheckpointError, match=name):
        read_state_dict(tmp_path / name)


def test_a_training_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": 3, "state_dict": {}}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="no plain mapping of names to tensors"):
        read_state_dict(tmp_path / "w.pth")


def test_the_first_tensor_that_differs_is_named_and_all_are_counted() -> None:
    network = _network()
    before = network.state_dict()["0.bias"].clone()
    state = {name: tensor + 1 for name, tensor in network.state_dict().items()}
    state["0.weight"], state["1.bias"] = torch.zeros(5, 2), torch.zeros(())
    with pytest.raises(CheckpointError, match=r"2 of 4 tensors differ, first 0\.weight is 5x2, expected 3x2"):
        load_weights(network, state, backbone="tiny")
    assert torch.equal(network.state_dict()["0.bias"], before)  # all or none


def test_missing_and_surplus_tensors_are_told() -> None:
    state = _network().state_dict()
    state["extra"] = state.pop("1.bias")
    with pytest.raises(CheckpointError, match=r"2 of 4 tensors differ, first 1\.bias is missing, expected 1\."):
        load_weights(_network(), state, backbone="tiny")


def test_tensors_are_matched_by_their_order_where_names_differ() -> None:
    network, other = _network(), _network()
    renamed = {f"old.{i}": tensor for i, tensor in enumerate(other.state_dict().values())}
    load_weights(network, renamed, backbone="tiny", by_order=True)
    assert all(torch.equal(a, b) for a, b in zip(network.state_dict().values(), renamed.values(), strict=True))
    renamed.pop("old.0")
    with pytest.raises(CheckpointError, match="3 tensors and the network has 4"):
        load_weights(network, renamed, backbone="tiny", by_order=True)
