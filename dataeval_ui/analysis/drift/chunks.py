"""Drift from one chunk of time to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.drift.kernels import kernel_statistics, median_bandwidth
from dataeval_ui.analysis.drift.samples import check_pair, memberships, permutation_p
from dataeval_ui.types import Progress, Silent

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32

LEVEL = 0.05
MAX_IMAGES = 1000
"""Of the reference and of each chunk; of a larger one so many are drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkDrift:
    """One chunk against the reference, and against the chunk before it.

    Attributes
    ----------
    statistic : float
        Unbiased squared MMD against the reference.
    band_high : float
        95 % of the shuffles of chunk and reference are below.
    p_value : float
        Of the chunk by itself.
    drifted : bool
        The p-value times the number of chunks is at most 0.05.
    changed : bool
        The chunk differs from the one before it, corrected likewise: a change point.
    """

    statistic: float
    band_high: float
    p_value: float
    drifted: bool
    changed: bool


def compare_chunks(
    reference: Float32,
    chunks: Sequence[Float32],
    *,
    n_permutations: int | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> tuple[ChunkDrift, ...]:
    """Test every chunk against the reference, and against the chunk before it.

    Parameters
    ----------
    reference : ndarray of shape (n_images, n_dims), float32
    chunks : sequence of ndarray of shape (n_images, n_dims), float32
        In the order of time.
    n_permutations : int, optional
        Default: 199, or as many as the correction needs to be able to find anything: 40 a chunk.

    Raises
    ------
    ParameterError
        The reference or a chunk has fewer than 5 images, or values that are not finite.

    Notes
    -----
    MMD with one bandwidth for all chunks, so their statistics compare; Bonferroni over the chunks.
    """
    progress = progress or Silent()
    n = n_permutations or max(199, 40 * len(chunks) - 1)
    rng = np.random.default_rng(random_state)
    reference, *parts = (_drawn(part, rng) for part in (reference, *chunks))
    bandwidth = median_bandwidth(np.concatenate([reference, *parts]))
    found = []
    for at, part in enumerate(parts):
        progress.check_cancelled()
        values = _mmd(reference, part, bandwidth, n, random_state)
        p = permutation_p(values)
        step = permutation_p(_mmd(parts[at - 1], part, bandwidth, n, random_state)) if at else 1.0
        found.append(
            ChunkDrift(
                statistic=float(values[0]),
                band_high=float(np.quantile(values[1:], 1 - LEVEL)),
                p_value=p,
                drifted=p * len(parts) <= LEVEL,
                changed=step * max(len(parts) - 1, 1) <= LEVEL,
            )
        )
        progress.report("findings", at + 1, len(parts))
    return tuple(found)


def _drawn(part: Float32, rng: np.random.Generator) -> Float32:
    return part if len(part) <= MAX_IMAGES else part[np.sort(rng.choice(len(part), MAX_IMAGES, replace=False))]


def _mmd(first: Float32, second: Float32, bandwidth: float, n_permutations: int, random_state: int) -> np.ndarray:
    check_pair(first, second)
    members = memberships(len(first), len(second), n_permutations=n_permutations, random_state=random_state)
    return kernel_statistics(np.concatenate([first, second]), members, bandwidth=bandwidth)[0]
