"""The backbone that comes with the installation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.embed.state_dicts import load_weights, read_state_dict

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Backbone


def load_bundled(backbone: Backbone, checkpoint: Path | None) -> torch.nn.Module:
    """Load the installed weights into timm's network of the same architecture.

    The file names its tensors otherwise than timm does, but in the same order and with the same shapes.

    Parameters
    ----------
    backbone : Backbone
    checkpoint : Path or None
        None leaves the weights random: for its layers alone.

    Returns
    -------
    torch.nn.Module
        Takes (n, 3, px, px), gives (n, n_dims); in evaluation mode.

    Raises
    ------
    CheckpointError
        The file is damaged or does not fit.
    """
    import timm

    network: torch.nn.Module = timm.create_model(backbone.model, pretrained=False)
    if checkpoint is not None:
        load_weights(network, read_state_dict(checkpoint), backbone=backbone.name, by_order=True)
    network.reset_classifier(0)  # type: ignore[operator]
    return network.eval()
