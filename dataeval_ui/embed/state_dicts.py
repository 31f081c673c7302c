"""Reading weights and putting them into a network, with every tensor checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.errors import CheckpointError

if TYPE_CHECKING:
    import torch


WRAPPERS = ("state_dict", "model_state_dict", "model", "teacher", "network")
"""Where training scripts put the weights in the file they save."""


def read_state_dict(path: Path, *, is_wrapped: bool = False) -> dict[str, torch.Tensor]:
    """Read the tensors of a weights file. No code in it is ever run: safetensors, or torch's `weights_only`.

    Parameters
    ----------
    path : Path
    is_wrapped : bool, default False
        Look for the weights under the names of `WRAPPERS` too, and pass over what is no tensor.

    Raises
    ------
    CheckpointError
        The file is damaged, holds more than tensors, or is not a mapping of names to tensors.
    """
    import pickle

    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors import SafetensorError
            from safetensors.torch import load_file

            try:
                return dict(load_file(path))
            except SafetensorError as error:
                raise CheckpointError(_unreadable(path, error)) from None
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path} holds more than tensors and is not opened, since it could run code. Save its state dict as "
            "safetensors."
        ) from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(_unreadable(path, error)) from None
    if is_wrapped:
        state = _unwrap(state)
    if not isinstance(state, Mapping) or not all(isinstance(tensor, torch.Tensor) for tensor in state.values()):
        raise CheckpointError(f"{path} is no plain mapping of names to tensors. Save the network's state dict alone.")
    return dict(state)


def _unwrap(state: Any) -> Any:
    """Take the weights out of what a training script saved: beside its optimizer, its epoch, its arguments."""
    import torch

    if not isinstance(state, Mapping):
        return state
    for name in WRAPPERS:
        if isinstance(state.get(name), Mapping):
            return _unwrap(state[name])
    return {str(name): value for name, value in state.items() if isinstance(value, torch.Tensor)} or None


def load_weights(
    network: torch.nn.Module, state: Mapping[str, torch.Tensor], *, backbone: str, by_order: bool = False
) -> None:
    """Put tensors into a network, all or none.

    Parameters
    ----------
    network : torch.nn.Module
    state : mapping of str to Tensor
    backbone : str
        Its name, for the message.
    by_order : bool, default False
        Match the tensors by their place rather than their name, for a checkpoint of another implementation.

    Raises
    ------
    CheckpointError
        Names or shapes differ; the sentence counts them and shows the first.
    """
    expected = network.state_dict()
    if by_order:
        if len(state) != len(expected):
            raise CheckpointError(
                f"The weights for {backbone} have {len(state)} tensors and the network has {len(expected)}. "
                "Use the file that the backbone's page names."
            )
        state = dict(zip(expected, state.values(), strict=True))
    wrong = [
        f"{name} is {_shape(state.get(name))}, expected {_shape(tensor)}"
        for name, tensor in expected.items()
        if name not in state or state[name].shape != tensor.shape
    ]
    wrong += [f"{name} is {_shape(tensor)}, expected none" for name, tensor in state.items() if name not in expected]
    if wrong:
        raise CheckpointError(
            f"The weights for {backbone} do not fit the network: {len(wrong)} of {len(expected)} tensors differ, "
            f"first {wrong[0]}. Use the file that the backbone's page names."
        )
    network.load_state_dict(dict(state), strict=True)


def _shape(tensor: torch.Tensor | None) -> str:
    return "missing" if tensor is None else "x".join(map(str, tensor.shape)) or "a number"


def _unreadable(path: Path, error: BaseException) -> str:
    first = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
    return f"{path} cannot be read as weights ({first}). Remove it and fetch it again."
