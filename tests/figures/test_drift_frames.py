"""Heat maps of the frame: what is where, and which cells have a ring."""

from __future__ import annotations

import numpy as np

from dataeval_ui.figures.drift_frames import frame_figure


def test_the_upper_row_is_drawn_above_and_sure_cells_have_a_ring() -> None:
    before, after, p = np.zeros((3, 3)), np.zeros((3, 3)), np.ones((3, 3))
    after[0, 2], p[0, 2] = 0.5, 0.01
    figure = frame_figure(before.tolist(), after.tolist(), p.tolist())
    first, second, difference, rings, *clicks = figure.data
    assert second.z[0][2] == difference.z[0][2] == 0.5
    assert (first.zmin, first.zmax) == (second.zmin, second.zmax) == (0, 0.5)
    assert difference.zmin == -difference.zmax
    assert (list(rings.x), list(rings.y)) == ([2], [0])
    assert [(click.x[5], click.y[5]) for click in clicks] == [(2, 1)] * 3  # cell 5, row by row
    assert [click.xaxis for click in clicks] == ["x", "x2", "x3"]
    assert figure.layout.yaxis.range == figure.layout.yaxis3.range == (2.5, -0.5)


def test_equal_and_empty_grids_can_be_drawn() -> None:
    nothing = np.zeros((2, 2)).tolist()
    figure = frame_figure(nothing, nothing, np.ones((2, 2)).tolist(), dark=True)
    assert figure.data[2].zmax == 1
    assert len(figure.data[3].x) == 0


def test_the_chosen_cell_is_framed_on_all_three() -> None:
    grid = np.zeros((2, 3)).tolist()
    figure = frame_figure(grid, grid, np.ones((2, 3)).tolist(), chosen=(1, 2))
    assert [(shape.x0, shape.x1, shape.y0, shape.y1) for shape in figure.layout.shapes] == [(1.5, 2.5, 0.5, 1.5)] * 3
