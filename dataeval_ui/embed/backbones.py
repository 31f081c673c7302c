"""The registry of backbones: data alone, so that a page can show it without loading a network."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dataeval_ui.embed.families.classification import CLASSIFICATION
from dataeval_ui.embed.families.contrastive import CONTRASTIVE
from dataeval_ui.embed.families.detection import DETECTION
from dataeval_ui.embed.families.segmentation import SEGMENTATION
from dataeval_ui.embed.families.self_supervised import SELF_SUPERVISED
from dataeval_ui.errors import UnknownNameError
from dataeval_ui.types import Backbone

DEFAULT_BACKBONE = "efficientnet-lite0"
OWN_FAMILY = "your own"

BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        backbone.name: backbone
        for family in (CLASSIFICATION, SELF_SUPERVISED, CONTRASTIVE, DETECTION, SEGMENTATION)
        for backbone in family
    }
)
"""Every backbone by its name, a family after the other."""

FAMILIES = tuple(dict.fromkeys(backbone.family for backbone in BACKBONES.values()))
"""Names of the families, in the registry's order."""


def get_backbone(name: str) -> Backbone:
    """Look a backbone of the registry up.

    Raises
    ------
    UnknownNameError
        No backbone has that name; the nearest one is suggested.
    """
    try:
        return BACKBONES[name]
    except KeyError:
        raise UnknownNameError("backbone", name, BACKBONES) from None
