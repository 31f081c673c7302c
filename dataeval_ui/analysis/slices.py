"""Groups of images in which a property is more or less frequent than elsewhere, with control of false discoveries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dataeval_ui.errors import ParameterError
from dataeval_ui.types.slices import SliceCell

if TYPE_CHECKING:
    from dataeval_ui.types.base import Int32

    Float64 = np.ndarray[Any, np.dtype[np.float64]]

MAX_CELLS = 200_000
"""Cells of one pair of columns; beyond, the largest groups are looked at."""


def find_slices(
    groups: Mapping[str, Int32],
    properties: Mapping[str, Int32],
    *,
    min_images: int = 10,
    min_lift: float = 1.5,
    level: float = 0.05,
) -> tuple[SliceCell, ...]:
    """Find groups in which a value of a property is over- or under-represented.

    Parameters
    ----------
    groups, properties : mapping of str to ndarray of shape (n_images,), int32
        Codes by name, -1 for none. A name that is in both is not held against itself.
    min_images : int, default 10
        Smaller groups are not tested.
    min_lift : float, default 1.5
        At least 1; what is less often over-represented, or under-represented by less than its inverse, is left out.
    level : float, default 0.05
        Expected share of false ones among those that are returned, in (0, 1).

    Returns
    -------
    tuple of SliceCell
        The surest first, then the largest lift.

    Raises
    ------
    ParameterError
        Columns of different lengths, or a number outside its range.

    Notes
    -----
    Given how many images have the value, the number in a group is hypergeometric: Fisher's exact test [1]_, its smaller
    tail doubled. Of two values only the rarer one is tested. Benjamini and Hochberg [2]_ correct over the cells of all
    pairs of columns, those that are empty too.
    Cells of one column hang together, which the correction allows where they do so positively. Linear in images and
    cells; no more than 200,000 cells a pair of columns.

    References
    ----------
    .. [1] Fisher, "On the Interpretation of chi-squared from Contingency Tables, and the Calculation of P", 1922,
       https://doi.org/10.2307/2340521
    .. [2] Benjamini and Hochberg, "Controlling the False Discovery Rate", 1995,
       https://doi.org/10.1111/j.2517-6161.1995.tb02031.x
    """
    if min_images < 1 or min_lift < 1 or not 0 < level < 1:
        raise ParameterError("min_images and min_lift must be at least 1, and level between 0 and 1.")
    if len({codes.shape for codes in (*groups.values(), *properties.values())}) > 1:
        raise ParameterError("Every column must have one code an image.")
    found = [
        cell
        for group, group_codes in groups.items()
        for about, about_codes in properties.items()
        if group != about
        for cell in _cells(group, group_codes, about, about_codes, min_images)
    ]
    adjusted = _benjamini_hochberg(np.array([cell.p_value for cell in found]))
    kept = [
        SliceCell(**{name: getattr(cell, name) for name in SliceCell.__slots__ if name != "p_value"}, p_value=float(p))
        for cell, p in zip(found, adjusted, strict=True)
        if p <= level and (cell.lift >= min_lift or cell.lift <= 1 / min_lift)
    ]
    return tuple(sorted(kept, key=lambda cell: (cell.p_value, -cell.lift, cell.group, cell.group_code)))


def _cells(group: str, a: Int32, about: str, b: Int32, min_images: int) -> Iterator[SliceCell]:
    from scipy.stats import hypergeom

    known = (a >= 0) & (b >= 0)
    n = int(known.sum())
    if n == 0:
        return
    sizes = np.bincount(a[known])
    n_values = int(b[known].max()) + 1
    tested = np.flatnonzero(sizes >= min_images)
    if tested.size * n_values > MAX_CELLS:
        tested = np.sort(tested[np.argsort(-sizes[tested], kind="stable")[: max(1, MAX_CELLS // n_values)]])
    if tested.size == 0:
        return
    place = np.full(sizes.size, -1)
    place[tested] = np.arange(tested.size)
    at, value = place[a[known]], b[known]
    table = np.bincount(at[at >= 0] * n_values + value[at >= 0], minlength=tested.size * n_values)
    table = table.reshape(tested.size, n_values)
    totals = np.bincount(value, minlength=n_values)
    tells = np.flatnonzero((totals > 0) & (totals < n))
    if tells.size == 2:  # the other value is what is left: the same test again
        tells = tells[[int(totals[tells].argmin())]]
    drawn = sizes[tested][:, None]
    upper = hypergeom.sf(table[:, tells] - 1, n, totals[tells], drawn)
    lower = hypergeom.cdf(table[:, tells], n, totals[tells], drawn)
    p = np.minimum(1, 2 * np.minimum(upper, lower))
    for i, code in enumerate(tested.tolist()):
        for j, of in enumerate(tells.tolist()):
            n_images, n_both, base = int(sizes[code]), int(table[i, of]), int(totals[of]) / n
            yield SliceCell(
                group=group,
                group_code=code,
                about=about,
                about_code=of,
                n_images=n_images,
                n_both=n_both,
                share=n_both / n_images,
                base_share=base,
                lift=n_both / n_images / base,
                p_value=float(p[i, j]),
            )


def _benjamini_hochberg(p: Float64) -> Float64:
    if p.size == 0:
        return p
    order = np.argsort(p, kind="stable")
    scaled = p[order] * p.size / np.arange(1, p.size + 1)
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(1, np.minimum.accumulate(scaled[::-1])[::-1])
    return adjusted
