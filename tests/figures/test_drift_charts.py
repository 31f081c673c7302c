"""Both sets on one map, and what was clicked on it."""

from __future__ import annotations

import numpy as np

from dataeval_ui.figures import chunk_figure, clicked_points, drift_map_figure
from dataeval_ui.figures.drift_charts import MAX_SVG_POINTS, TRACES

REFERENCE = np.array([[0.0, 0], [1, 0], [0, 1]])
TEST = np.array([[0.5, 0.5], [9.0, 9]])
UNSURE = np.array([False, True])


def test_every_image_is_drawn_once_and_the_unsure_ones_are_hollow() -> None:
    figure = drift_map_figure(REFERENCE, TEST, is_unsure=UNSURE)
    assert [trace.name for trace in figure.data] == list(TRACES)
    assert [len(trace.x) for trace in figure.data] == [3, 1, 1]
    assert (figure.data[2].x[0], figure.data[2].marker.symbol) == (9.0, "diamond-open")
    assert figure.data[0].type == "scatter"


def test_values_share_one_scale_with_0_in_its_middle() -> None:
    values = np.array([-2.0, 0, 1]), np.array([2.0, 3])
    figure = drift_map_figure(REFERENCE, TEST, is_unsure=UNSURE, values=values)
    assert {(trace.marker.cmin, trace.marker.cmax) for trace in figure.data} == {
        (figure.data[0].marker.cmin, -figure.data[0].marker.cmin)
    }
    assert figure.data[2].marker.color.tolist() == [3]


def test_images_of_other_groups_are_faint() -> None:
    shown = np.array([True, False, False]), np.array([False, True])
    figure = drift_map_figure(REFERENCE, TEST, is_unsure=UNSURE, shown=shown)
    assert figure.data[0].marker.opacity[0] > 0.5 > figure.data[0].marker.opacity[1]
    assert figure.data[1].marker.opacity[0] < 0.5 < figure.data[2].marker.opacity[0]


def test_many_images_are_drawn_by_webgl() -> None:
    xy = np.zeros((MAX_SVG_POINTS, 2))
    assert drift_map_figure(xy, TEST, is_unsure=UNSURE).data[0].type == "scattergl"


def test_what_was_clicked_is_a_trace_and_a_place_and_anything_else_is_left_out() -> None:
    points = [{"curve_number": 1, "point_index": 0}, {"curve_number": -1, "point_index": 0}, {"point_index": 2}, "x"]
    assert clicked_points({"selection": {"points": points}}) == [(1, 0)]
    assert clicked_points(None) == clicked_points({"selection": None}) == []


def test_chunks_stand_out_where_they_drifted_and_names_are_text() -> None:
    figure = chunk_figure(
        ["<b>May</b>", "June"], [0.0, 0.2], [0.01, 0.01], drifted=[False, True], changed=[False, True]
    )
    assert list(figure.data[-1].y) == [0.0, 0.2]
    assert figure.data[-1].marker.color[0] != figure.data[-1].marker.color[1]
    assert [shape.x0 for shape in figure.layout.shapes] == [0.5]
    assert "&lt;b&gt;May" in figure.layout.xaxis.ticktext[0]
