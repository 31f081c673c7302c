"""Networks of transformers, by `AutoModel`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.embed.extras import check_extra
from dataeval_ui.errors import BackboneUnavailableError, CheckpointError

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Backbone

_MAX_MISSING = 0.05


def load_transformers(backbone: Backbone, checkpoint: Path | None) -> torch.nn.Module:
    """Load what `AutoModel` makes of a folder with `config.json` and `model.safetensors`.

    Parameters
    ----------
    backbone : Backbone
    checkpoint : Path or None
        The weights; `config.json` lies beside them. None is refused, since the layers are in the configuration.

    Returns
    -------
    torch.nn.Module
        Takes (n, 3, px, px), gives the library's own output object; in evaluation mode. Where the model has two towers,
        as CLIP has, the one for images.

    Raises
    ------
    BackboneUnavailableError
        The package is not installed, or the model needs code of its own from the hub, which is never run.
    CheckpointError
        The folder is damaged, or more than 5 % of the network is not in it.

    Notes
    -----
    Weights are read as safetensors alone, and nothing is asked from a hub.
    """
    check_extra("transformers", backbone.name)
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel

    if checkpoint is None:
        raise BackboneUnavailableError(
            f"The layers of {backbone.name} are known once it is on this machine; run it on a small folder first."
        )
    folder = str(checkpoint.parent)
    try:
        network, report = AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:200].rstrip(".")
        raise CheckpointError(
            f"transformers cannot load {backbone.name} ({first}). Fetch config.json and model.safetensors again."
        ) from None
    n_missing = len(report["missing_keys"]) + len(report["mismatched_keys"])
    n_wanted = len(network.state_dict())
    if n_missing > _MAX_MISSING * n_wanted:
        first = sorted(report["missing_keys"] or [str(key) for key in report["mismatched_keys"]])[0]
        raise CheckpointError(
            f"The weights for {backbone.name} match {n_wanted - n_missing} of {n_wanted} tensors of the network, and "
            f"95 % are needed; the first that is missing or of another shape is {first}."
        )
    network = getattr(network, "vision_model", network)
    return _from_pixel_values(network).eval()


def _from_pixel_values(network: torch.nn.Module) -> torch.nn.Module:
    """Name the input, which is not the first one of every model, and ask for the sizes of today where they may vary."""
    import inspect

    import torch

    takes = inspect.signature(network.forward).parameters
    options: dict[str, Any] = {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in takes else {}

    class FromPixelValues(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = network

        def forward(self, inputs: torch.Tensor) -> object:
            return self.model(pixel_values=inputs, **options)

    return FromPixelValues()
