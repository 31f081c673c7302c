"""Figures of labels: a confusion matrix whose cells can be clicked, and classes over splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.errors import ParameterError
from dataeval_ui.figures.charts import plain_name, style
from dataeval_ui.figures.palette import categorical_colors, sequential_colors

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from dataeval_ui.types.base import Int64

_CELL_PX = 26
_MARGIN_PX = 150


def confusion_figure(counts: Int64, names: Sequence[str], *, dark: bool = False) -> go.Figure:
    """Draw a confusion matrix as a heat map under invisible points, for plotly selects points but no cells.

    Parameters
    ----------
    counts : ndarray of shape (n_classes, n_classes), int64
        Given class by voted class.
    names : sequence of str
        Text, never markup.
    dark : bool, default False

    Returns
    -------
    plotly Figure
        Point `i * n_classes + j` of the second trace is the cell of given class i and voted class j. The colour is the
        cell's share of its row.

    Raises
    ------
    ParameterError
        A matrix that is not n x n for n names.
    """
    import plotly.graph_objects as go

    n = len(names)
    if counts.shape != (n, n) or n == 0:
        raise ParameterError(f"A confusion matrix of {n} classes must be {n} x {n}, got {counts.shape}.")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colors = sequential_colors(dark=dark)
    scale = [[0.0, "rgba(128,128,128,0.06)"], *([(i + 1) / len(colors), c] for i, c in enumerate(colors))]
    places = list(range(n))
    shown = [plain_name(name) for name in names]
    rows, columns = (axis.ravel() for axis in np.indices((n, n)))
    figure = go.Figure(
        go.Heatmap(
            z=shares, x=places, y=places, zmin=0, zmax=1, colorscale=scale, xgap=1, ygap=1, hoverinfo="skip",
            colorbar={"tickformat": ".0%", "thickness": 10, "outlinewidth": 0},
        )
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=columns,
            y=rows,
            mode="markers",
            marker={"symbol": "square", "size": _CELL_PX - 4, "opacity": 0},
            selected={"marker": {"opacity": 0}},
            unselected={"marker": {"opacity": 0}},
            customdata=[
                [shown[i], shown[j], int(counts[i, j]), f"{shares[i, j]:.1%}"]
                for i, j in zip(rows.tolist(), columns.tolist(), strict=True)
            ],
            hovertemplate="labelled %{customdata[0]}, neighbours vote %{customdata[1]}: "
            "%{customdata[2]:,} images, %{customdata[3]} of the class<extra></extra>",
        )
    )
    style(figure, dark)
    figure.update_layout(height=_MARGIN_PX + _CELL_PX * max(n, 3), dragmode=False, clickmode="event+select")
    figure.update_layout(hovermode="closest", hoverdistance=60)  # anywhere in a cell is on its point
    ticks = {"tickmode": "array", "tickvals": places, "ticktext": shown, "fixedrange": True, "showgrid": False}
    ends = [-0.5, n - 0.5]
    figure.update_xaxes(
        **ticks, range=ends, tickangle=-45, automargin=True, zeroline=False, title={"text": "most neighbours"}
    )
    figure.update_yaxes(**ticks, range=ends[::-1], automargin=True, zeroline=False, title={"text": "label"})
    return figure


def class_share_figure(counts: Mapping[str, Mapping[str, int]], *, dark: bool = False) -> go.Figure:
    """Draw which share of each split belongs to each class, as bars side by side, the first class on top.

    Parameters
    ----------
    counts : mapping of str to mapping of str to int
        Class to split to number of images; names are text, never markup.
    dark : bool, default False
    """
    import plotly.graph_objects as go

    groups = list(dict.fromkeys(group for of_class in counts.values() for group in of_class))
    places = list(range(len(counts)))
    figure = go.Figure()
    for group, color in zip(groups, categorical_colors(len(groups), dark=dark), strict=True):
        in_group = [of_class.get(group, 0) for of_class in counts.values()]
        total = max(sum(in_group), 1)
        figure.add_trace(
            go.Bar(
                name=plain_name(group),
                x=[count / total for count in in_group],
                y=places,
                orientation="h",
                marker={"color": color, "cornerradius": 3},
                customdata=[[plain_name(group), count] for count in in_group],
                hovertemplate="%{customdata[0]}: %{customdata[1]:,} images, %{x:.1%}<extra></extra>",
            )
        )
    style(figure, dark)
    figure.update_layout(height=70 + max(12 * len(groups) + 10, 22) * max(len(places), 1), barmode="group", bargap=0.3)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0})
    figure.update_layout(dragmode=False, margin={"l": 0, "r": 12, "t": 32, "b": 4})
    names = [plain_name(name) for name in counts]
    figure.update_yaxes(autorange="reversed", tickmode="array", tickvals=places, ticktext=names)
    figure.update_yaxes(automargin=True, fixedrange=True, showgrid=False)
    figure.update_xaxes(tickformat=".0%", fixedrange=True, rangemode="tozero")
    return figure
