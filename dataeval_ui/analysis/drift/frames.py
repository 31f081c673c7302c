"""Where in the frame two sets differ: boxes by place and shape, and cells of a feature map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.drift.compare import joint_p
from dataeval_ui.analysis.drift.samples import memberships, permutation_p
from dataeval_ui.types import batches
from dataeval_ui.types.drift import FrameMap

if TYPE_CHECKING:
    from dataeval_ui.types.base import Bool, Float32, Int8, Int64

GRID = 8
"""Cells of the frame across and down."""

_BLOCK_FLOATS = 2**23


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """Boxes of the images of both sets, the reference first.

    Attributes
    ----------
    n_images : int
        Of both sets together; an image may have no box.
    image : ndarray of shape (n_boxes,), int64
        In [0, n_images).
    places : ndarray of shape (n_boxes, 4), float64
        Left, top, width and height as shares of the image's width and height.
    aspects : ndarray of shape (n_boxes,), float64
        Width to height in pixels; NaN where there is none.
    flags : mapping of str to ndarray of shape (n_boxes,), bool
        May be empty. Faults of localization, see `analysis.boxes`.
    """

    n_images: int
    image: Int64
    places: np.ndarray
    aspects: np.ndarray
    flags: Mapping[str, Bool]

    @property
    def n_of_image(self) -> np.ndarray:
        """Boxes of each image, of shape (n_images,), float64."""
        return np.bincount(self.image, minlength=self.n_images).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxTest:
    """One test of boxes.

    Attributes
    ----------
    name : str
    p_value : float
        In (0, 1], of shuffles of the images; of a fault for all faults together.
    effect_size : float or None
        Of a number Cliff's delta, in [-1, 1], positive where the test set's are larger; of a fault the difference of
        its shares; of a map None.
    reference, test : float or None
        Medians of a number, shares of boxes with a fault.
    """

    name: str
    p_value: float
    effect_size: float | None = None
    reference: float | None = None
    test: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxDrift:
    """What the tests of boxes say together.

    Attributes
    ----------
    p_value : float
        Of all tests and of the faults together, see `compare.joint_p`.
    tests : tuple of BoxTest
        `centres` and `coverage` (the largest difference of a cell), then of all boxes `across`, `down`, `size` and
        `aspect`, and of all images `count`.
    faults : tuple of BoxTest
        One for each of `Boxes.flags`.
    maps : dict of str to FrameMap
        `centres`: share of all boxes whose centre lies in each cell. `coverage`: boxes over each point, an image.
    """

    p_value: float
    tests: tuple[BoxTest, ...]
    faults: tuple[BoxTest, ...]
    maps: dict[str, FrameMap]


def compare_boxes(boxes: Boxes, n_reference: int, *, n_permutations: int = 500, random_state: int = 0) -> BoxDrift:
    """Compare place, shape, number and faults of the boxes of two sets of images.

    Parameters
    ----------
    boxes : Boxes
    n_reference : int
        The first images are the reference.

    Notes
    -----
    Images are shuffled, not boxes: those of one image depend on each other.
    """
    n_test = boxes.n_images - n_reference
    members = memberships(n_reference, n_test, n_permutations=n_permutations, random_state=random_state)
    votes, tests, maps = {}, [], {}
    centres, coverage = _cells_of_images(boxes)
    for name, cells, weights in (
        ("centres", centres, boxes.n_of_image),
        ("coverage", coverage, np.ones(boxes.n_images)),
    ):
        votes[name], maps[name] = _frame(*_means(cells, weights, members))
        tests.append(BoxTest(name=name, p_value=permutation_p(votes[name])))
    x, y, width, height = boxes.places.T
    every_image = np.arange(boxes.n_images)
    for name, numbers, image in (
        ("across", x + width / 2, boxes.image),
        ("down", y + height / 2, boxes.image),
        ("size", np.sqrt(np.maximum(width * height, 0)), boxes.image),
        ("aspect", boxes.aspects, boxes.image),
        ("count", boxes.n_of_image, every_image),
    ):
        deltas = rank_differences(numbers, image, members)
        votes[name] = np.abs(deltas)
        sides = numbers[image < n_reference], numbers[image >= n_reference]
        tests.append(
            BoxTest(
                name=name,
                p_value=permutation_p(votes[name]),
                effect_size=float(deltas[0]),
                reference=_median(sides[0]),
                test=_median(sides[1]),
            )
        )
    faults: list[BoxTest] = []
    if boxes.flags:
        sums = np.stack([np.bincount(boxes.image, flag, minlength=boxes.n_images) for flag in boxes.flags.values()], 1)
        reference, test = _means(sums, boxes.n_of_image, members)
        votes["faults"], p_values = _largest(_scaled(test - reference))
        for name, p, before, after in zip(boxes.flags, p_values, reference[:, 0], test[:, 0], strict=True):
            faults.append(
                BoxTest(
                    name=name,
                    p_value=float(p),
                    effect_size=float(after - before),
                    reference=float(before),
                    test=float(after),
                )
            )
    return BoxDrift(p_value=joint_p(votes), tests=tuple(tests), faults=tuple(faults), maps=maps)


def rank_differences(values: np.ndarray, image: Int64, members: Float32) -> np.ndarray:
    """Cliff's delta of a number of each box, of shape (n_arrangements,); positive where the test set's are larger.

    In [-1, 1]: how much oftener a box of the test set is larger than one of the reference than the other way round. NaN
    is left out.

    References
    ----------
    .. Cliff, 1993, https://doi.org/10.1037/0033-2909.114.3.494
    """
    from scipy.stats import rankdata

    known = np.isfinite(values)
    if not known.any():
        return np.zeros(members.shape[1])
    ranks, image = rankdata(values[known]), image[known]
    sums = np.bincount(image, ranks, minlength=len(members))
    counts = np.bincount(image, minlength=len(members)).astype(np.float64)
    reference, test = _means(sums[:, None], counts, members)
    found: np.ndarray = 2 * (test - reference)[0] / len(ranks)
    return found


def shares_of_cell(places: np.ndarray, down: int, across: int) -> tuple[Bool, np.ndarray]:
    """Tell which boxes lie in one cell of the frame.

    Parameters
    ----------
    places : ndarray of shape (n_boxes, 4), float64
        As of `Boxes`.
    down, across : int
        In [0, GRID).

    Returns
    -------
    has_centre : ndarray of shape (n_boxes,), bool
    covered : ndarray of shape (n_boxes,), float64
        Share of the cell that the box covers, in [0, 1].
    """
    x, y, width, height = places.T
    has_centre: Bool = (_cell(y + height / 2) == down) & (_cell(x + width / 2) == across)
    return has_centre, _overlap(y, height)[:, down] * _overlap(x, width)[:, across]


def _cells_of_images(boxes: Boxes) -> tuple[np.ndarray, np.ndarray]:
    """Box centres in each cell, and how much of each cell boxes cover, of shape (n_images, GRID * GRID) each."""
    x, y, width, height = boxes.places.T
    centres = np.zeros((boxes.n_images, GRID * GRID), dtype=np.float32)
    np.add.at(centres, (boxes.image, _cell(y + height / 2) * GRID + _cell(x + width / 2)), 1)
    coverage = np.zeros_like(centres)
    for rows in batches(len(x), _BLOCK_FLOATS // GRID**2):
        over = _overlap(y[rows], height[rows])[:, :, None] * _overlap(x[rows], width[rows])[:, None, :]
        np.add.at(coverage, boxes.image[rows], over.reshape(len(over), -1).astype(np.float32))
    return centres, coverage


def _median(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else None


def cell_statistics(codes: Int8, members: Float32) -> tuple[np.ndarray, FrameMap]:
    """Compare the features of each cell of a feature map, for every arrangement.

    Parameters
    ----------
    codes : ndarray of shape (n_images, n_cells, n_components), int8
        A square of cells, row by row; see `part_search.compress_cells`.

    Returns
    -------
    statistics : ndarray of shape (n_arrangements,)
        The largest of all cells.
    map : FrameMap
        `reference` and `test`: root mean square over the components of how far the cell's mean lies from the pooled
        one, in standard deviations of the component.
    """
    n, n_cells, _ = codes.shape
    m = members.sum(axis=0, dtype=np.float64)
    apart = np.empty((n_cells, members.shape[1]))
    for cell in range(n_cells):
        values = codes[:, cell].astype(np.float32)
        values -= values.mean(axis=0)
        deviation = values.std(axis=0)
        values /= np.where(deviation > 0, deviation, np.inf)
        sums = values.T @ members
        apart[cell] = np.sqrt(np.square(sums / m).mean(axis=0, dtype=np.float64))
    side = round(n_cells**0.5)
    # The pooled mean is 0, so the reference's mean lies opposite, nearer by the ratio of the sets' sizes.
    reference = apart * (m / (n - m))
    spread = apart.std(axis=1, keepdims=True)
    scaled = (apart - apart.mean(axis=1, keepdims=True)) / np.where(spread > 1e-12, spread, np.inf)
    statistics, p_values = _largest(scaled)
    return statistics, FrameMap(
        reference=reference[:, 0].reshape(side, side), test=apart[:, 0].reshape(side, side),
        p_values=p_values.reshape(side, side),
    )  # fmt: skip


def scores_of_cell(values: np.ndarray, n_reference: int) -> Float32:
    """Project each image's features in one cell on the difference of the sets' means.

    Parameters
    ----------
    values : ndarray of shape (n_images, n_components)
        Of one cell, the reference's images first.
    n_reference : int

    Returns
    -------
    ndarray of shape (n_images,), float32
        Larger is more like the test set; the components are scaled to a deviation of 1, and constant ones left out.
    """
    scaled = values.astype(np.float32)
    scaled -= scaled.mean(axis=0)
    deviation = scaled.std(axis=0)
    scaled /= np.where(deviation > 0, deviation, np.inf)
    apart = scaled[n_reference:].mean(axis=0) - scaled[:n_reference].mean(axis=0)
    found: Float32 = scaled @ apart
    return found


def _frame(reference: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, FrameMap]:
    statistics, p_values = _largest(_scaled(test - reference))
    shape = GRID, GRID
    return statistics, FrameMap(
        reference=reference[:, 0].reshape(shape), test=test[:, 0].reshape(shape), p_values=p_values.reshape(shape)
    )


def _scaled(differences: np.ndarray) -> np.ndarray:
    """Return absolute differences of each cell in standard deviations of its shuffles, whose mean is 0."""
    spread = np.sqrt(np.square(differences).mean(axis=1, keepdims=True))
    scaled: np.ndarray = np.abs(differences) / np.where(spread > 1e-12, spread, np.inf)
    return scaled


def _largest(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest of all cells, for every arrangement, and each cell's p-value for all of them.

    Westfall and Young's maximum: of maps without drift one in twenty has a cell of a p-value of 0.05 or less.
    """
    largest = scaled.max(axis=0)
    return largest, np.array([permutation_p(np.append(own, largest[1:])) for own in scaled[:, 0]])


def _means(values: np.ndarray, weights: np.ndarray, members: Float32) -> tuple[np.ndarray, np.ndarray]:
    """Mean of each column over the reference and over the test set, of shape (n_columns, n_arrangements) each."""
    in_test = values.T @ members
    of_test = weights @ members
    total, all_weights = values.sum(axis=0, dtype=np.float64)[:, None], weights.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        test = in_test / of_test
        reference = (total - in_test) / (all_weights - of_test)
    return np.nan_to_num(reference), np.nan_to_num(test)


def _cell(shares: np.ndarray) -> Int64:
    cells: Int64 = np.clip(np.floor(shares * GRID), 0, GRID - 1).astype(np.int64)
    return cells


def _overlap(start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Share of each of the cells along one side that an interval covers, of shape (n, GRID)."""
    edges = np.arange(GRID + 1) / GRID
    lower, upper = np.maximum(start[:, None], edges[:-1]), np.minimum((start + length)[:, None], edges[1:])
    shares: np.ndarray = np.maximum(upper - lower, 0) * GRID
    return shares
