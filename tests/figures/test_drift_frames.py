"""Heat maps of the frame: what is where, and which cells have a ring."""

from __future__ import annotations

import numpy as np

from dataeval_ui.figures.drift_frames import frame_figure


def test_the_upper_row_is_drawn_above_and_sure_cells_have_a_ring() -> None:
    before, after, p = np.zeros((3, 3)), np.zeros((3, 3)), np.ones((3, 3))
    after[0, 2], p[0, 2] = 0.5, 0.01
    figure = frame_figure(before.tolist(), after.tolist(), p.tolist())
    first, second, difference, rings = figure.data
    assert second.z[0][2] == difference.z[0][2] == 0.5
    assert (first.zmin, first.zmax) == (second.zmin, second.zmax) == (0, 0.5)
    assert difference.zmin == -difference.zmax
    assert (list(rings.x), list(rings.y)) == ([2], [0])
    assert figure.layout.yaxis.range == figure.layout.yaxis3.range == (2.5, -0.5)


def test_equal_and_empty_grids_can_be_drawn() -> None:
    nothing = np.zeros((2, 2)).tolist()
    figure = frame_figure(nothing, nothing, np.ones((2, 2)).tolist(), dark=True)
    assert figure.data[2].zmax == 1
    assert len(figure.data[3].x) == 0
