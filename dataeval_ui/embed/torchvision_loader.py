"""Detection and segmentation networks of torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataeval_ui.embed.checkpoint_loader import load_matching
from dataeval_ui.embed.state_dicts import read_state_dict
from dataeval_ui.errors import CheckpointError, UnknownNameError

if TYPE_CHECKING:
    import torch

    from dataeval_ui.types import Backbone

_WITHOUT_EPSILON = ("fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn")
"""torchvision sets the epsilon of these networks' norms to 0, as their weights were trained."""


def load_torchvision(backbone: Backbone, checkpoint: Path | None) -> torch.nn.Module:
    """Build torchvision's network and load a checkpoint into all of it.

    Parameters
    ----------
    backbone : Backbone
    checkpoint : Path or None
        None leaves the weights random: for its layers alone.

    Returns
    -------
    torch.nn.Module
        Takes (n, 3, px, px). A detector is cut down to `backbone` and gives its maps; a segmenter gives its own output.
        In evaluation mode.

    Raises
    ------
    CheckpointError
        The file is damaged or does not fit.
    UnknownNameError
        torchvision has no such network.
    """
    import torch
    from torchvision import models

    try:
        network: Any = models.get_model(backbone.model, weights=None, weights_backbone=None)
    except ValueError:
        raise UnknownNameError("network of torchvision", backbone.model, models.list_models()) from None
    if checkpoint is not None:
        report = load_matching(network, read_state_dict(checkpoint), backbone=backbone.name)
        if report.missing:
            raise CheckpointError(
                f"The weights for {backbone.name} lack {len(report.missing)} of {report.n_wanted} tensors, first "
                f"{report.missing[0]}. Use the file that the backbone's page names."
            )
    if backbone.model in _WITHOUT_EPSILON:
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eps = 0.0
    if hasattr(network, "roi_heads"):
        return _only_backbone(network.backbone).eval()
    if hasattr(network, "aux_classifier"):
        network.aux_classifier = None
    segmenter: torch.nn.Module = network.eval()
    return segmenter


def _only_backbone(backbone: torch.nn.Module) -> torch.nn.Module:
    import torch

    class Features(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = backbone

        def forward(self, inputs: torch.Tensor) -> object:
            return self.backbone(inputs)

    return Features()
