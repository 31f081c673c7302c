"""Networks of timm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.embed.state_dicts import load_weights, read_state_dict

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Backbone


def load_timm(backbone: Backbone, checkpoint: Path) -> torch.nn.Module:
    """Build timm's network and load a checkpoint into it.

    Returns
    -------
    torch.nn.Module
        Takes (n, 3, px, px), gives (n, n_dims): the features before the classifier, pooled as timm pools them; in
        evaluation mode.

    Raises
    ------
    CheckpointError
        The file is damaged or does not fit.
    """
    import timm

    network = timm.create_model(backbone.model, pretrained=False)
    load_weights(network, read_state_dict(checkpoint), backbone=backbone.name)
    input_px = backbone.preprocessing.input_px
    if hasattr(network, "set_input_size") and network.patch_embed.img_size != (input_px, input_px):
        # checked against the file at its own size first; timm then resamples the position embedding
        network.set_input_size(img_size=(input_px, input_px))
    if network.num_classes > 0:
        network.reset_classifier(0)
    module: torch.nn.Module = network.eval()
    return module
