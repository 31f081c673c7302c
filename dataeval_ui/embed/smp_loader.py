"""Networks of segmentation-models-pytorch: an encoder alone, or a whole network of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.embed.checkpoint_loader import load_matching
from dataeval_ui.embed.extras import check_extra
from dataeval_ui.embed.state_dicts import load_weights, read_state_dict
from dataeval_ui.errors import UnknownNameError

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Backbone

_HEAD = "segmentation_head.0.weight"


def load_smp(backbone: Backbone, checkpoint: Path | None) -> torch.nn.Module:
    """Build a network of segmentation-models-pytorch and load a checkpoint into it.

    Parameters
    ----------
    backbone : Backbone
        `model` is the name of an encoder, or "architecture/encoder" such as "unet/resnet34".
    checkpoint : Path or None
        None leaves the weights random: for its layers alone.

    Returns
    -------
    torch.nn.Module
        Takes (n, 3, px, px). An encoder gives its maps from the finest to the coarsest. In evaluation mode.

    Raises
    ------
    BackboneUnavailableError
        The package is not installed.
    CheckpointError
        The file is damaged or does not fit.
    UnknownNameError
        There is no such architecture or encoder.
    """
    check_extra("smp", backbone.name)
    import segmentation_models_pytorch as smp

    architecture, _, encoder = backbone.model.rpartition("/")
    if encoder not in smp.encoders.get_encoder_names():
        raise UnknownNameError("encoder", encoder, smp.encoders.get_encoder_names())
    network: torch.nn.Module
    if not architecture:
        network = smp.encoders.get_encoder(encoder, weights=None)
        if checkpoint is not None:
            state = read_state_dict(checkpoint)
            load_weights(network, {n: t for n, t in state.items() if not n.startswith("fc.")}, backbone=backbone.name)
        return network.eval()
    state = {} if checkpoint is None else read_state_dict(checkpoint, is_wrapped=True)
    n_classes = next((len(tensor) for name, tensor in state.items() if name.endswith(_HEAD)), 1)
    try:
        network = smp.create_model(architecture, encoder_name=encoder, encoder_weights=None, classes=n_classes)
    except KeyError:
        known = [name.lower() for name in ("Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet", "DeepLabV3")]
        raise UnknownNameError("architecture", architecture, known) from None
    if checkpoint is not None:
        load_matching(network, state, backbone=backbone.name)
    return network.eval()
