"""Networks of timm."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.embed.state_dicts import load_weights, read_state_dict
from dataeval_ui.errors import CheckpointError

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Backbone


def load_timm(backbone: Backbone, checkpoint: Path | None) -> torch.nn.Module:
    """Build timm's network and load a checkpoint into it.

    Parameters
    ----------
    backbone : Backbone
    checkpoint : Path or None
        None leaves the weights random: for its layers alone.

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

    if backbone.name.startswith("timm:") and checkpoint is not None:
        return _load_as_timm_does(backbone, checkpoint)
    network = timm.create_model(backbone.model, pretrained=False)
    if checkpoint is not None:
        load_weights(network, read_state_dict(checkpoint), backbone=backbone.name)
    return _to_features(network, backbone.preprocessing.input_px)


def _load_as_timm_does(backbone: Backbone, checkpoint: Path) -> torch.nn.Module:
    """Let timm turn names and shapes of any of its files into the network's; the file itself is read here."""
    import timm

    state = read_state_dict(checkpoint, is_wrapped=True)
    try:
        network = timm.create_model(backbone.model, pretrained=True, pretrained_cfg_overlay={"state_dict": state})
    except (RuntimeError, KeyError, AttributeError, ValueError) as error:
        lines = (str(error).strip() or type(error).__name__).splitlines()
        raise CheckpointError(
            f"The weights for {backbone.name} do not fit the network: {' '.join(lines[:2])[:240].strip()}. Use the "
            "file that timm names for it."
        ) from None
    return _to_features(network, backbone.preprocessing.input_px)


def _to_features(network: Any, input_px: int) -> torch.nn.Module:
    embedding = getattr(network, "patch_embed", None)
    if hasattr(network, "set_input_size") and getattr(embedding, "img_size", None) not in (None, (input_px, input_px)):
        # checked against the file at its own size first; timm then resamples the position embedding
        network.set_input_size(img_size=(input_px, input_px))
    if getattr(network, "num_classes", 0) > 0:
        network.reset_classifier(0)
    module: torch.nn.Module = network.eval()
    return module
