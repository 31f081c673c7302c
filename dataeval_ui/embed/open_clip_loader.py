"""Image towers of open_clip."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.embed.state_dicts import load_weights, read_state_dict

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Backbone


def load_open_clip(backbone: Backbone, checkpoint: Path | None) -> torch.nn.Module:
    """Build open_clip's network, load a checkpoint into both towers and keep the image tower.

    Parameters
    ----------
    backbone : Backbone
    checkpoint : Path or None
        None leaves the weights random: for its layers alone.

    Returns
    -------
    torch.nn.Module
        Takes (n, 3, px, px), gives (n, n_dims): what `encode_image` gives, not scaled to unit length; in evaluation
        mode.

    Raises
    ------
    CheckpointError
        The file is damaged or does not fit.
    """
    import open_clip

    architecture, _, _ = backbone.model.partition(":")
    network = open_clip.create_model(architecture, pretrained=None, load_weights=False)
    if checkpoint is not None:
        load_weights(network, read_state_dict(checkpoint), backbone=backbone.name)
    tower: torch.nn.Module = network.visual.eval()
    return tower
