"""Features of the parts of an image: cells of a feature map, or tokens of a transformer, of a backbone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dataeval_ui.embed.choices import find_backbone
from dataeval_ui.embed.layer_lists import layers_aside, layers_of
from dataeval_ui.embed.layers import CELLS, cell_side
from dataeval_ui.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dataeval_ui.embed.embedder import Embedder
    from dataeval_ui.embed.layers import Layer
    from dataeval_ui.settings import Settings
    from dataeval_ui.store.workspace import Workspace

FINE_SIDE = 10
"""Cells on a side from which a layer tells parts apart; 7 x 7, the last of many networks, is coarse."""
MIN_SIDE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PartLayer:
    """The layer whose cells stand for parts.

    Attributes
    ----------
    name : str
    side : int
        Cells on a side, after cells were joined; see `dataeval_ui.embed.layers.cell_side`.
    """

    name: str
    side: int


def choose_layer(layers: Sequence[Layer], *, backbone: str) -> PartLayer:
    """Choose the deepest layer that still has at least `FINE_SIDE` cells on a side, else the finest one.

    Parameters
    ----------
    layers : sequence of Layer
        In the order of their run.
    backbone : str
        For the sentence.

    Raises
    ------
    ParameterError
        No layer has places.
    """
    sided = [(layer, side) for layer in layers if (side := cell_side(layer.shape)) is not None and side >= MIN_SIDE]
    if not sided:
        raise ParameterError(
            f"No layer of {backbone} tells places of an image apart; parts need a run with another backbone."
        )
    fine = [side for _, side in sided if side >= FINE_SIDE]
    wanted = min(fine) if fine else max(side for _, side in sided)
    candidates = [layer for layer, side in sided if side == wanted]
    shallowest = min(layer.name.count(".") for layer in candidates)  # whole stages before what is inside them
    chosen = [layer for layer in candidates if layer.name.count(".") == shallowest][-1]
    side = cell_side(chosen.shape, joined=True)
    assert side is not None  # it has one before cells are joined
    return PartLayer(name=chosen.name, side=side)


def load_part_embedder(
    backbone_name: str, *, settings: Settings, workspace: Workspace, aside: bool = False
) -> tuple[Embedder, PartLayer]:
    """Get a backbone ready for its cells.

    Parameters
    ----------
    backbone_name : str
    aside : bool, default False
        Have the layers listed by another process, which keeps torch out of this one.

    Returns
    -------
    embedder : Embedder
        `embed` gives (n, side * side * n_dims): the cells row by row. It takes the whole image, squeezed to a square,
        so that cells lie at the same share of every image.
    layer : PartLayer

    Raises
    ------
    ParameterError
        The network tells no places apart.
    DataEvalUIError
        As `dataeval_ui.embed.embedder.load_embedder`.
    """
    from dataeval_ui.embed.embedder import embedder_of_backbone

    backbone = find_backbone(backbone_name, settings=settings, workspace=workspace)
    layers = (
        layers_aside(backbone_name, settings=settings, workspace=workspace)
        if aside
        else layers_of(backbone, settings=settings, workspace=workspace)
    )
    layer = choose_layer(layers, backbone=backbone.name)
    preprocessing = replace(backbone.preprocessing, squash=True, resize_px=backbone.preprocessing.input_px)
    tapped = replace(
        backbone, layer=layer.name, pooling=CELLS, n_dims=0, tapped=True, preprocessing=preprocessing, output=None
    )
    if backbone.source == "onnx":
        tapped = replace(tapped, output=layer.name)
    return embedder_of_backbone(tapped, settings=settings, workspace=workspace), layer
