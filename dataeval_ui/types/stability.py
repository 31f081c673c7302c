"""Clusters at other settings of HDBSCAN."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from dataeval_ui.types.base import Int32

    Float64 = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSweep:
    """The clusters at each `min_cluster_size` that was tried.

    Attributes
    ----------
    labels : ndarray of shape (n_images, n_sizes), int32
        From 0, larger clusters first; -1 is noise.
    """

    labels: Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSummary:
    """How the clusters change with `min_cluster_size`.

    Attributes
    ----------
    sizes : tuple of int
        Rising; the run's own is one of them.
    own : int
        Place of the run's own size.
    n_clusters : ndarray of shape (n_sizes,), int
    noise_share : ndarray of shape (n_sizes,), float64
        Share of the images in no cluster, in [0, 1].
    ari : ndarray of shape (n_sizes - 1,), float64
        Adjusted Rand index of each size and the next; 1 for the same clusters, about 0 for unrelated ones. Noise counts
        as one group.
    """

    sizes: tuple[int, ...]
    own: int
    n_clusters: Int32
    noise_share: Float64
    ari: Float64

    @property
    def cliffs(self) -> tuple[int, ...]:
        """Sizes next to the run's own at which the clusters are others, the smaller first."""
        beside = ((self.own - 1, self.own - 1), (self.own, self.own + 1))
        return tuple(
            self.sizes[other] for gap, other in beside if 0 <= gap < len(self.ari) and self.ari[gap] < CLIFF_BELOW
        )


CLIFF_BELOW = 0.8
"""Adjusted Rand index of neighbouring sizes below which the clusters are called others; a choice, not an optimum."""
