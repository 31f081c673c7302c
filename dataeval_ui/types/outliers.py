"""Outlier scores by several methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierMethods:
    """How odd each image is by each method, calibrated: in [0, 1], 0.5 is the median image, larger is odder.

    Attributes
    ----------
    knn : ndarray of shape (n_images,), float32
        Mean cosine distance to the neighbours.
    lof : ndarray of shape (n_images,), float32
        Local outlier factor: sparser than the neighbours are.
    mahalanobis : ndarray of shape (n_images,), float32
        Distance to the nearest class (or to the whole set) under its shrunk covariance.
    cluster : ndarray of shape (n_images,), float32
        Distance to the nearest cluster's centre over the spread of that cluster; noise has no cluster of its own.
    combined : ndarray of shape (n_images,), float32
        Of Mahalanobis and of the distance to the neighbours over theirs, together.
    """

    knn: Float32
    lof: Float32
    mahalanobis: Float32
    cluster: Float32
    combined: Float32
