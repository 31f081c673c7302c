"""Cells of a network's layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dataeval_ui.embed.layers import CELLS, Layer, cell_side, pool
from dataeval_ui.embed.part_features import PartLayer, choose_layer
from dataeval_ui.errors import ParameterError


def layer(name: str, *shape: int) -> Layer:
    return Layer(name=name, kind="Layer", shape=shape, poolings=("mean",), n_flat=1)


def test_the_cells_of_a_map_come_row_by_row() -> None:
    maps = torch.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4)
    cells = pool(maps, CELLS).reshape(2, 16, 3)
    np.testing.assert_array_equal(cells[1, 6], maps[1, :, 1, 2].float())


def test_class_and_register_tokens_are_left_out() -> None:
    tokens = torch.arange(21 * 2).reshape(1, 21, 2)
    np.testing.assert_array_equal(pool(tokens, CELLS).reshape(16, 2), tokens[0, 5:].float())


def test_cells_of_a_fine_map_are_joined() -> None:
    maps = torch.rand(1, 2, 37, 37)
    cells = pool(maps, CELLS).reshape(13, 13, 2)
    assert cell_side((2, 37, 37), joined=True) == 13
    np.testing.assert_allclose(cells[1, 2], maps[0, :, 3:6, 6:9].mean(dim=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(cells[12, 12], maps[0, :, 36, 36], rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "side"),
    [((384, 14, 14), 14), ((14, 14, 384), 14), ((197, 768), 14), ((261, 384), 16), ((297, 192), 17), ((8, 5, 7), None)],
)
def test_the_side_of_an_output_is_told_by_its_shape(shape: tuple[int, ...], side: int | None) -> None:
    assert cell_side(shape) == side


def test_an_output_without_places_is_refused() -> None:
    with pytest.raises(ParameterError, match="no places"):
        pool(torch.rand(1, 5), CELLS)


def test_the_deepest_stage_that_is_fine_enough_is_chosen() -> None:
    layers = [
        layer("conv1", 64, 112, 112),
        layer("layer2", 512, 28, 28),
        layer("layer3.0", 1024, 14, 14),
        layer("layer3", 1024, 14, 14),
        layer("layer4.0.conv1", 512, 14, 14),
        layer("layer4", 2048, 7, 7),
        layer("fc", 1000),
    ]
    assert choose_layer(layers, backbone="r") == PartLayer(name="layer3", side=14)
    assert choose_layer(layers[-2:], backbone="r") == PartLayer(name="layer4", side=7)
    with pytest.raises(ParameterError, match="r tells places"):
        choose_layer(layers[-1:], backbone="r")
