import numpy as np
import pytest

from dataeval_ui.errors import ParameterError
from dataeval_ui.figures import count_figure, histogram_figure, map_figure, selected_rows
from dataeval_ui.figures.palette import categorical_colors, neutral_color

XY = np.array([[0, 0], [1, 2], [3, 4], [5, 6]], np.float32)


def color_at(marker, row):
    """Look a row's colour up as plotly does."""
    at = (marker.color[row] - marker.cmin) / (marker.cmax - marker.cmin)
    return next(color for (stop, color) in reversed(marker.colorscale) if stop <= at)


def test_every_code_has_its_colour_and_noise_is_grey():
    (trace,) = map_figure(XY, np.array([0, 2, -1, 1], np.int32), "categorical").data
    expected = categorical_colors(3)
    assert [color_at(trace.marker, row) for row in range(4)] == [expected[0], expected[2], neutral_color(), expected[1]]


def test_codes_beyond_a_given_palette_repeat_it():
    (trace,) = map_figure(XY, np.array([0, 1, 2, 3]), "categorical", palette=["#111111", "#222222"]).data
    assert [color_at(trace.marker, row) for row in range(4)] == ["#111111", "#222222"] * 2


def test_the_map_is_one_trace_of_typed_arrays_in_row_order():
    (trace,) = map_figure(XY, np.array([0.1, np.nan, 0.9, 0.5]), "continuous", dark=True).data
    assert trace.type == "scattergl"
    assert trace.x.dtype == trace.y.dtype == trace.marker.color.dtype == np.float32
    np.testing.assert_array_equal(trace.x, XY[:, 0])
    assert color_at(trace.marker, 1) == neutral_color(dark=True)
    assert np.isfinite(trace.marker.color).all()


@pytest.mark.parametrize("values", [np.full(4, np.nan), np.full(4, 2.0)])
def test_one_value_or_none_can_be_drawn(values):
    assert map_figure(XY, values, "continuous").to_json()


def test_an_empty_map_can_be_drawn():
    assert map_figure(XY[:0], np.empty(0, np.int32), "categorical").to_json()


def test_values_must_fit_the_points():
    with pytest.raises(ParameterError, match="4 points"):
        map_figure(XY, np.zeros(3), "continuous")
    with pytest.raises(ParameterError, match="got 'rainbow'"):
        map_figure(XY, np.zeros(4), "rainbow")


def test_the_largest_count_is_on_top_and_names_are_no_markup():
    figure = count_figure({"a": 1, "<b>b</b>": 5})
    assert list(figure.data[0].x) == [5, 1]
    assert figure.layout.yaxis.ticktext[0] == "&lt;b&gt;b&lt;/b&gt;"


def test_many_counts_end_in_one_bar():
    figure = count_figure({f"class {i:03}": 1 for i in range(100)})
    assert len(figure.data[0].x) == 41
    assert sum(figure.data[0].x) == 100
    assert figure.layout.yaxis.ticktext[-1] == "60 others"


def test_a_histogram_counts_every_finite_value_and_marks_the_threshold():
    figure = histogram_figure(np.array([0.1, 0.2, 0.2, np.nan, 0.9]), threshold=0.5)
    assert sum(figure.data[0].y) == 4
    assert figure.layout.shapes[0].x0 == 0.5
    assert histogram_figure(np.empty(0)).to_json()


def test_a_histogram_colours_what_lies_beyond_its_threshold_and_has_a_logarithmic_axis_where_asked():
    values = np.array([0.0, 1, 10, 100, 1000])
    figure = histogram_figure(values, threshold=50, log=True, below=True)
    (bars,) = figure.data
    assert sum(bars.y) == 5  # 0 counts with the least above it
    assert figure.layout.xaxis.type == "log"
    colours = dict(zip(bars.x, bars.marker.color, strict=True))
    loud = figure.layout.shapes[0].line.color
    assert all((colour == loud) == (x < 50) for x, colour in colours.items() if not 45 < x < 56)
    above = histogram_figure(values, threshold=500.0).data[0]
    assert above.marker.color[-1] == loud
    assert above.marker.color[0] != loud


@pytest.mark.parametrize(
    ("event", "rows"),
    [
        ({"selection": {"points": [{"point_index": 5}, {"point_index": 2}], "point_indices": [5, 2]}}, [2, 5]),
        ({"selection": {"points": [{"point_index": 3}, {"point_index": 3}]}}, [3]),
        ({"selection": {"points": [], "point_indices": [], "box": [], "lasso": []}}, []),
        ({"selection": {"points": [{"curve_number": 0}], "point_indices": ["1", -4, True]}}, []),
        ({}, []),
        (None, []),
        ("select", []),
    ],
)
def test_events_become_rows(event, rows):
    assert selected_rows(event) == rows
