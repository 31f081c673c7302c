"""Every backbone that can be named here: the registry, the user's own models, and any name of a source library."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dataeval_ui.embed.backbones import BACKBONES
from dataeval_ui.embed.layers import POOLINGS
from dataeval_ui.embed.named_backbones import NAMED_PREFIXES, resolve_name
from dataeval_ui.embed.own_models import own_backbones
from dataeval_ui.errors import ParameterError, UnknownNameError

if TYPE_CHECKING:
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.workspace import Workspace
    from dataeval_ui.types import Backbone


def list_backbones(settings: Settings, workspace: Workspace) -> dict[str, Backbone]:
    """List what a page offers: the registry, then the user's own models."""
    return {**BACKBONES, **own_backbones(settings, workspace)}


def find_backbone(
    name: str, *, settings: Settings, workspace: Workspace, layer: str | None = None, pooling: str | None = None
) -> Backbone:
    """Look a backbone up, and have another of its layers taken where one is named.

    Parameters
    ----------
    name : str
        Of the registry, of an own model, or `timm:NAME`, `open_clip:MODEL/TAG`, `hf:REPOSITORY`.
    layer : str, optional
        As `dataeval-ui backbones NAME --layers` lists them.
    pooling : str, optional
        One of `POOLINGS`; default "mean" with another layer than the backbone's own.

    Raises
    ------
    UnknownNameError
        No such backbone or pooling. Layers are looked up when the network is loaded.
    ParameterError
        A layer of a model that has none to choose from.
    """
    if name.startswith(NAMED_PREFIXES):
        backbone = resolve_name(name, settings=settings, workspace=workspace)
    else:
        known = list_backbones(settings, workspace)
        if name not in known:
            raise UnknownNameError("backbone", name, known)
        backbone = known[name]
    return with_layer(backbone, layer, pooling)


def with_layer(backbone: Backbone, layer: str | None, pooling: str | None) -> Backbone:
    """Have another layer or pooling taken; with both None, or those that are taken anyhow, nothing changes."""
    if pooling is not None and pooling not in (*POOLINGS, backbone.pooling):
        raise UnknownNameError("pooling", pooling, POOLINGS)
    if (layer or backbone.layer, pooling or backbone.pooling) == (backbone.layer, backbone.pooling):
        return backbone
    if backbone.source == "onnx":
        chosen = layer or backbone.layer
        output = backbone.output if chosen == backbone.layer else chosen
        return replace(backbone, layer=chosen, output=output, pooling=pooling or "auto", n_dims=0)
    if layer is None and not backbone.tapped:
        raise ParameterError(
            f"--pooling needs --layer with {backbone.name}; see `dataeval-ui backbones {backbone.name} --layers`."
        )
    return replace(backbone, layer=layer or backbone.layer, pooling=pooling or "auto", n_dims=0, tapped=True)
