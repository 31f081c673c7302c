"""Where in the frame two sets differ: reference, test and difference side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.figures.charts import style
from dataeval_ui.figures.palette import categorical_colors, neutral_color, sequential_colors

if TYPE_CHECKING:
    import plotly.graph_objects as go


def frame_figure(
    reference: Sequence[Sequence[float]],
    test: Sequence[Sequence[float]],
    p_values: Sequence[Sequence[float]],
    *,
    level: float = 0.05,
    chosen: tuple[int, int] | None = None,
    dark: bool = False,
) -> go.Figure:
    """Draw both grids on one scale, and their difference; cells that differ by more than chance have a ring.

    Parameters
    ----------
    reference, test, p_values : n_down rows of n_across numbers
        The upper row first, as the frame is seen.
    level : float, default 0.05
    chosen : (int, int), optional
        The cell that is framed: down and across.

    Returns
    -------
    plotly Figure
        Three heat maps, the rings, and what takes the clicks on each heat map: point i is cell i, row by row.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    before, after, p = (np.asarray(grid, dtype=np.float64) for grid in (reference, test, p_values))
    low, high = categorical_colors(2, dark=dark)
    scale = sequential_colors(dark=dark)
    figure = make_subplots(rows=1, cols=3, subplot_titles=("Reference", "Test", "Difference"), horizontal_spacing=0.03)
    most = float(max(before.max(), after.max())) or 1.0
    apart = after - before
    bound = float(np.abs(apart).max()) or 1.0
    own = {"colorscale": [[at / (len(scale) - 1), one] for at, one in enumerate(scale)], "zmin": 0, "zmax": most}
    # Opposite colours on both sides of the background's grey, as on the map: the test set's where it has more.
    between = {"colorscale": [[0, low], [0.5, neutral_color(dark=dark)], [1, high]], "zmin": -bound, "zmax": bound}
    for column, (grid, colours) in enumerate(((before, own), (after, own), (apart, between)), start=1):
        figure.add_trace(
            go.Heatmap(
                z=grid,
                showscale=False,
                xgap=1,
                ygap=1,
                hoverinfo="skip",
                **colours,
            ),
            row=1,
            col=column,
        )
    down, across = np.nonzero(p <= level)
    ink = "#ffffff" if dark else "#111111"
    figure.add_trace(
        go.Scatter(
            x=across,
            y=down,
            mode="markers",
            marker={"symbol": "circle-open", "size": 9, "color": ink, "line": {"width": 2}},
            hoverinfo="skip",
        ),
        row=1,
        col=3,
    )
    # Plotly tells no clicks on heat maps: unseen points lie on their cells.
    cell_rows, cell_columns = np.indices(p.shape).reshape(2, -1)
    for column, grid in enumerate((before, after, apart), start=1):
        figure.add_trace(
            go.Scatter(
                x=cell_columns,
                y=cell_rows,
                mode="markers",
                marker={"symbol": "square", "size": 18, "opacity": 0},
                selected={"marker": {"opacity": 0}},
                unselected={"marker": {"opacity": 0}},
                customdata=np.column_stack([grid.ravel(), p.ravel()]),
                hovertemplate="%{customdata[0]:.3g}"
                + ("<br>p = %{customdata[1]:.3g}" if column == 3 else "")
                + "<extra></extra>",
            ),
            row=1,
            col=column,
        )
    if chosen is not None:
        y, x = chosen
        for column in (1, 2, 3):
            figure.add_shape(
                type="rect", x0=x - 0.5, x1=x + 0.5, y0=y - 0.5, y1=y + 0.5,
                line={"color": ink, "width": 3}, row=1, col=column,
            )  # fmt: skip
    style(figure, dark)
    figure.update_layout(clickmode="event+select", hovermode="closest", hoverdistance=60)
    figure.update_layout(height=240, showlegend=False, dragmode=False, margin={"t": 28, "b": 4, "l": 4, "r": 4})
    n_down, n_across = before.shape
    figure.update_xaxes(visible=False, fixedrange=True, range=[-0.5, n_across - 0.5], constrain="domain")
    figure.update_yaxes(
        visible=False, fixedrange=True, range=[n_down - 0.5, -0.5], constrain="domain", constraintoward="top"
    )
    for column in (1, 2, 3):  # square cells however narrow the screen
        axis = "x" if column == 1 else f"x{column}"
        figure.update_yaxes(scaleanchor=axis, row=1, col=column)
    return figure
