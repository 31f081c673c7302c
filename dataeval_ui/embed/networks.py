"""From a backbone and its checkpoint to a network that takes pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dataeval_ui.embed.bundled import load_bundled
from dataeval_ui.embed.checkpoint_loader import load_checkpoint
from dataeval_ui.embed.layers import tap
from dataeval_ui.embed.open_clip_loader import load_open_clip
from dataeval_ui.embed.own_loaders import load_exported, load_factory
from dataeval_ui.embed.preprocessing import scale_and_offset
from dataeval_ui.embed.smp_loader import load_smp
from dataeval_ui.embed.timm_loader import load_timm
from dataeval_ui.embed.torchvision_loader import load_torchvision
from dataeval_ui.embed.transformers_loader import load_transformers

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Backbone, Preprocessing

_LOADERS = {
    "bundled": load_bundled,
    "timm": load_timm,
    "open_clip": load_open_clip,
    "torchvision": load_torchvision,
    "transformers": load_transformers,
    "smp": load_smp,
    "checkpoint": load_checkpoint,
    "exported": load_exported,
    "factory": load_factory,
}


def load_network(backbone: Backbone, checkpoint: Path) -> torch.nn.Module:
    """Load a backbone by the loader of its source, down to the layer and the pooling that it names.

    Returns
    -------
    torch.nn.Module
        Takes normalised input (n, 3, px, px), gives (n, n_dims); in evaluation mode, on the CPU.

    Raises
    ------
    CheckpointError
        The file is damaged or does not fit.
    UnknownNameError
        The network has no such layer.
    """
    network = load_whole_network(backbone, checkpoint)
    return tap(network, backbone.layer, backbone.pooling) if backbone.tapped else network


def load_whole_network(backbone: Backbone, checkpoint: Path | None) -> torch.nn.Module:
    """Load a backbone with all its layers.

    Parameters
    ----------
    backbone : Backbone
    checkpoint : Path or None
        None leaves the weights random: for its layers alone.

    Returns
    -------
    torch.nn.Module
        Takes normalised input (n, 3, px, px), gives whatever the source library's network gives.
    """
    return _LOADERS[backbone.source](backbone, checkpoint)


def from_pixels(network: torch.nn.Module, preprocessing: Preprocessing) -> torch.nn.Module:
    """Fold the normalisation into a network.

    Returns
    -------
    torch.nn.Module
        Takes (n, px, px, 3) uint8, gives what `network` gives. Its input is in channels-last order in memory, which
        is what convolutions on a CPU are fastest with.
    """
    import torch

    class FromPixels(torch.nn.Module):
        scale: torch.Tensor
        offset: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            scale, offset = scale_and_offset(preprocessing)
            self.network = network
            self.register_buffer("scale", torch.from_numpy(scale))
            self.register_buffer("offset", torch.from_numpy(offset))

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            normalised = pixels.float() * self.scale + self.offset
            embeddings: torch.Tensor = self.network(normalised.permute(0, 3, 1, 2))
            return embeddings

    return FromPixels().eval()
