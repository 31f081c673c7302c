"""Parameters and results of the analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from dataeval_ui.types.base import ClusterMethod, FindingKind, Json

if TYPE_CHECKING:
    from dataeval_ui.types.base import Bool, Float32, Int32


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisParams:
    """The knobs of a run; every one is part of the run's identity.

    Attributes
    ----------
    n_neighbors : int, default 15
        Neighbours kept for each image, in [2, 100].
    min_dist : float, default 0.1
        UMAP's, in [0, 1).
    cluster_method : {"hdbscan", "kmeans"}
    min_cluster_size : int or None
        HDBSCAN's; None takes max(10, n // 200) up to 10,000 images, and n // 1,000 (at least 50) beyond.
    min_samples : int, default 3
        HDBSCAN's; larger calls more images noise. 5 joined three quarters of a mixed set into one cluster that 3 tells
        apart, at equal agreement with the labels on others.
    n_clusters : int, default 12
        k of k-means.
    outlier_threshold : float, default 0.95
        Calibrated score from which an image counts as an outlier, in (0, 1).
    hash_radius : int, default 8
        Perceptual hashes at most this many bits apart are candidates, in [0, 16].
    random_state : int, default 42
    objects : bool, default False
        The run's rows are the objects that annotations tell of, each a crop, instead of whole images.
    object_margin : float, default 0.1
        Part of a box's longer side that its crop adds on each side, in [0, 1]; counts where `objects` is set.
    """

    n_neighbors: int = 15
    min_dist: float = 0.1
    cluster_method: ClusterMethod = "hdbscan"
    min_cluster_size: int | None = None
    min_samples: int = 3
    n_clusters: int = 12
    outlier_threshold: float = 0.95
    hash_radius: int = 8
    random_state: int = 42
    objects: bool = False
    object_margin: float = 0.1

    def to_json(self) -> Json:
        """Return the parameters as a JSON object; those of objects only where the rows are objects."""
        value = asdict(self)
        if not self.objects:  # so that runs of images keep the names they had before there were objects
            del value["objects"], value["object_margin"]
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> AnalysisParams:
        """Read what `to_json` wrote; unknown keys are an error of the writer and raise TypeError."""
        return replace(cls(), **value)


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborGraph:
    """The k nearest neighbours of every image, without itself, most similar first (ties: lower row first).

    Attributes
    ----------
    indices : ndarray of shape (n_images, k), int32
    similarities : ndarray of shape (n_images, k), float32
        Cosine similarity, in [-1, 1].
    """

    indices: Int32
    similarities: Float32

    @property
    def n_images(self) -> int:
        """Number of images."""
        return int(self.indices.shape[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """The map.

    Attributes
    ----------
    xy : ndarray of shape (n_images, 2), float32
    placed : ndarray of shape (n_images,), bool
        True for an image that was placed on a map fitted without it.
    confidence : ndarray of shape (n_images,), float32
        In [0, 1]; 1 for a fitted image; low where an image's neighbours lie far apart on the map.
    """

    xy: Float32
    placed: Bool
    confidence: Float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """Groups found on the map or in the embeddings.

    Attributes
    ----------
    cluster_labels : ndarray of shape (n_images,), int32
        From 0, larger clusters first; -1 is noise and stays noise.
    probabilities : ndarray of shape (n_images,), float32
        Strength of membership, in [0, 1]; 0 for noise.
    """

    cluster_labels: Int32
    probabilities: Float32

    @property
    def n_clusters(self) -> int:
        """Number of clusters, noise not counted."""
        return int(self.cluster_labels.max(initial=-1)) + 1

    @property
    def n_noise(self) -> int:
        """Number of images in no cluster."""
        return int((self.cluster_labels < 0).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierScores:
    """How far each image stands from its neighbours.

    Attributes
    ----------
    scores : ndarray of shape (n_images,), float32
        Calibrated to [0, 1]; larger is odder.
    distances : ndarray of shape (n_images,), float32
        Mean cosine distance to the k nearest, before calibration.
    """

    scores: Float32
    distances: Float32


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatePairs:
    """Verified near duplicates, a row a pair, `left < right`, most alike first.

    Attributes
    ----------
    left, right : ndarray of shape (n_pairs,), int32
        Rows of the two images.
    cosine : ndarray of shape (n_pairs,), float32
        Similarity of the embeddings; NaN where it was not asked for.
    hash_distance : ndarray of shape (n_pairs,), int32
        Smallest Hamming distance of the perceptual hashes, in bits of 64.
    pixel_similarity : ndarray of shape (n_pairs,), float32
        Similarity of the aligned thumbnails, in [0, 1]: the evidence that made it a pair.
    groups : ndarray of shape (n_pairs,), int32
        Group of the pair, from 0. Every two images of a group are a pair (complete linkage); a pair that joins two
        groups without completing them has -1.
    """

    left: Int32
    right: Int32
    cosine: Float32
    hash_distance: Int32
    pixel_similarity: Float32
    groups: Int32

    @property
    def n_pairs(self) -> int:
        """Number of pairs."""
        return int(self.left.shape[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that the product claims, with what leads to its images.

    Attributes
    ----------
    kind : str
    severity : float
        In [0, 1]; larger is worse.
    sentence : str
        What is wrong, in plain words.
    advice : str
        What to do about it.
    image_ids : tuple of str
        The images concerned, the most important first; empty for files without a readable image.
    paths : tuple of str
        The places concerned, relative to the dataset's root.
    evidence : dict
        Numbers behind the claim, JSON-able.
    """

    kind: FindingKind
    severity: float
    sentence: str
    advice: str
    image_ids: tuple[str, ...]
    paths: tuple[str, ...]
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> Json:
        """Return the finding as a JSON object."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
