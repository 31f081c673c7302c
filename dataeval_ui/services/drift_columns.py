"""Columns of two runs, brought to the same codes, for the tests of drift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dataeval_ui.types import METADATA_PREFIX, Json

if TYPE_CHECKING:
    import numpy as np

    from dataeval_ui.analysis.drift.compare import Factors
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Float32

STATISTICS = ("brightness", "contrast", "sharpness", "entropy_bits")
"""Measured from pixels; tested together as the image statistics."""

_OF_FILES = ("width_px", "height_px", "format", "object_area", "object_aspect", "object_relative_area", "is_crowd")
_MAX_CATEGORIES = 200
"""A text column of more values is more likely a name than a property."""


class ChosenRows:
    """Some rows of a memory map, read a slice at a time; see `fourier.Rows`."""

    def __init__(self, values: Float32, rows: np.ndarray) -> None:
        self._values, self._rows = values, rows

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_rows, n_dims)."""
        return (len(self._rows), *self._values.shape[1:])

    def __len__(self) -> int:
        """Return n_rows."""
        return len(self._rows)

    def __getitem__(self, rows: slice, /) -> Float32:
        """Read some of the rows."""
        found: Float32 = self._values[self._rows[rows]]
        return found


def shared_statistics(runs: tuple[Run, Run], rows: list[np.ndarray]) -> tuple[Float32, Float32] | None:
    """Return the statistics that both runs have, of shape (n_images, n_statistics) each; None without any."""
    import numpy as np

    names = [name for name in STATISTICS if all(name in run.columns for run in runs)]
    found = []
    for run, chosen in zip(runs, rows, strict=True):
        values = [run.column(name).values for name in names]
        found.append([v[chosen] for v in values if v is not None])
    if not names or len(found[0]) != len(found[1]):
        return None
    return np.stack(found[0], axis=1), np.stack(found[1], axis=1)


def shared_factors(runs: tuple[Run, Run], rows: list[np.ndarray]) -> Factors:
    """Return the columns of the metadata that both runs have: the user's own, size, format and those of objects.

    A column that is numbers in one run and categories in the other is left out, as is one of more than 200 categories.
    """
    import numpy as np

    from dataeval_ui.analysis.drift.compare import Factors

    numbers, codes, categories = {}, {}, {}
    for name, column in runs[0].columns.items():
        other = runs[1].columns.get(name)
        if other is None or other.kind != column.kind or not (name in _OF_FILES or name.startswith(METADATA_PREFIX)):
            continue
        if column.values is not None and other.values is not None:
            numbers[column.title] = np.concatenate([column.values[rows[0]], other.values[rows[1]]])
        elif column.codes is not None and other.codes is not None:
            known = sorted(set(column.categories) | set(other.categories))
            if len(known) > _MAX_CATEGORIES:
                continue
            code = {category: at for at, category in enumerate(known)}
            sides = []
            for each, chosen in ((column, rows[0]), (other, rows[1])):
                assert each.codes is not None
                table = np.array([-1 if at == each.neutral else code[c] for at, c in enumerate(each.categories)])
                sides.append(table[each.codes[chosen]])
            codes[column.title] = np.concatenate(sides).astype(np.int32)
            categories[column.title] = tuple(known)
    if all(run.is_of_objects for run in runs):
        sides = [_box_places(run) for run in runs]
        for title in sides[0]:
            numbers[title] = np.concatenate([sides[0][title][rows[0]], sides[1][title][rows[1]]])
    n = len(rows[0]) + len(rows[1])
    return Factors(
        number_names=tuple(numbers),
        numbers=np.stack(list(numbers.values()), axis=1) if numbers else np.empty((n, 0), np.float32),
        code_names=tuple(codes),
        codes=list(codes.values()),
        categories=categories,
    )


def _box_places(run: Run) -> dict[str, Float32]:
    """Where in its image each object lies, as a share of width and height, and how many objects that image has."""
    import numpy as np

    place = run.first_places
    left, top, width, height, across, down = (
        place[name].to_numpy(zero_copy_only=False).astype(np.float64)
        for name in ("box_left_px", "box_top_px", "box_width_px", "box_height_px", "file_width_px", "file_height_px")
    )
    _, of_file, n_objects = np.unique(place["file"].to_pylist(), return_inverse=True, return_counts=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "Object centre, across": ((left + width / 2) / across).astype(np.float32),
            "Object centre, down": ((top + height / 2) / down).astype(np.float32),
            "Objects in its image": n_objects[of_file].astype(np.float32),
        }


def factor_rows(factors: Factors, p_values: Mapping[str, float], n_reference: int) -> list[Json]:
    """Return a row a column of the metadata, the most telling first: the medians, or the values that changed most."""
    import numpy as np

    told: list[Json] = []
    for name, values in zip(factors.number_names, factors.numbers.T, strict=True):
        sides = [side[np.isfinite(side)] for side in (values[:n_reference], values[n_reference:])]
        middle = [f"{float(np.median(side)):.4g}" if side.size else "none" for side in sides]
        told.append({"name": name, "p_value": p_values[name], "reference": middle[0], "test": middle[1]})
    for name, codes in zip(factors.code_names, factors.codes, strict=True):
        n_codes = int(codes.max(initial=0)) + 1
        shares = [
            np.bincount(side[side >= 0], minlength=n_codes) / max(int((side >= 0).sum()), 1)
            for side in (codes[:n_reference], codes[n_reference:])
        ]
        most = int(np.abs(shares[1] - shares[0]).argmax())
        told.append(
            {
                "name": name,
                "p_value": p_values[name],
                "reference": f"{shares[0][most]:.1%} {factors.categories[name][most]}",
                "test": f"{shares[1][most]:.1%} {factors.categories[name][most]}",
            }
        )
    return sorted(told, key=lambda row: (row["p_value"], row["name"]))
