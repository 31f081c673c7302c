"""Columns of a run as the map's colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dataeval_ui.figures.palette import categorical_colors, neutral_color
from dataeval_ui.services.columns import Column
from dataeval_ui.ui.components.scatter import ColourSpec
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.text import visible

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int64


def colour_specs(run: Run, base_path: str) -> Mapping[str, ColourSpec]:
    """Make a colour of each of the run's columns, by its name."""
    urls = RunUrls(run.id, base_path)
    return {name: colour_spec(column, urls.column(name)) for name, column in run.columns.items()}


def colour_spec(column: Column, url: str) -> ColourSpec:
    """Make a colour of a column.

    Notes
    -----
    The ends of a continuous scale are the 0.5 % and 99.5 % quantiles, so that a few extremes do not take all the
    contrast; beyond them the colour is that of the end.
    """
    import numpy as np

    title = visible(column.title, max_chars=60)
    if column.codes is not None:
        counts = np.bincount(column.codes, minlength=len(column.categories))
        return ColourSpec(
            title=title,
            url=url,
            kind="categorical",
            categories=[visible(name, max_chars=80) for name in column.categories],
            counts=counts.tolist(),
            grey=[] if column.neutral is None else [column.neutral],
        )
    low, high = value_bounds(column, 0.005, 0.995)
    return ColourSpec(title=title, url=url, kind="continuous", low=low, high=high)


def category_colours(column: Column, *, dark: bool) -> dict[str, str]:
    """Return the map's colours of a column's categories."""
    colours = categorical_colors(len(column.categories), dark=dark)
    if column.neutral is not None:
        colours[column.neutral] = neutral_color(dark=dark)
    return dict(zip(column.categories, colours, strict=True))


def distribution_figure(column: Column, rows: Int64 | None, *, dark: bool) -> go.Figure | None:
    """Draw how a column's values are spread over some rows, None for all; None where there is no value."""
    import numpy as np

    from dataeval_ui.figures import count_figure, histogram_figure

    if column.codes is not None:
        counts = dict(column.counts(rows))  # type: ignore[arg-type]
        return (
            count_figure(counts, colors=category_colours(column, dark=dark), max_bars=14, dark=dark) if counts else None
        )
    assert column.values is not None  # one of the two is always there
    values = column.values if rows is None else column.values[rows]
    return histogram_figure(values, dark=dark) if np.isfinite(values).any() else None


def value_bounds(column: Column, lower: float = 0.0, upper: float = 1.0) -> tuple[float, float]:
    """Return two quantiles of a continuous column, low < high even where all values are equal."""
    import numpy as np

    assert column.values is not None  # the caller knows its kind
    finite = column.values[np.isfinite(column.values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(q) for q in np.quantile(finite, [lower, upper]))
    if low >= high:
        low, high = float(finite.min()), float(finite.max())
    return (low, high) if low < high else (low - 0.5, high + 0.5)
