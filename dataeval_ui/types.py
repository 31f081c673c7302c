"""Frozen values that cross rooms.

Arrays named `rows` index the images of a run, in the run's order: distinct readable contents, by first appearance in
the manifest. An `image_id` names an image: the hash of its file's bytes. A *place* is a file; several places may hold
the same image.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Float32 = npt.NDArray[np.float32]
    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]
    UInt64 = npt.NDArray[np.uint64]
    UInt8 = npt.NDArray[np.uint8]
    Bool = npt.NDArray[np.bool_]

Json = dict[str, Any]
PlaceStatus = Literal["listed", "ok", "unreadable"]
ClusterMethod = Literal["hdbscan", "kmeans"]
JobState = Literal["queued", "running", "done", "failed", "cancelled"]
Stage = Literal["read", "embed", "prepare", "neighbors", "project", "cluster", "findings"]
FindingKind = Literal["exact_duplicates", "near_duplicates", "leak", "outlier", "unreadable"]

METADATA_PREFIX = "meta."
"""Columns of the user's own keep this prefix in every table, so that they never collide with ours."""


def digest_of(value: Any, *, n_chars: int = 16) -> str:
    """Hash a JSON-able value; equal values give equal digests on every machine and Python.

    Parameters
    ----------
    value : JSON-able
        Mappings are sorted by key.
    n_chars : int, default 16
        Length of the hexadecimal digest, in [8, 64]; 16 is 64 bits.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()[:n_chars]


# --- images and places ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRule:
    """Where labels and splits come from.

    Parameters
    ----------
    label_from : str, default "folder"
        "folder" (the first folder level below the split), "folder:N" (the N-th level, from 1), "folder:leaf" (the
        folder that holds the file), "none", or the name of a column.
    split_from : str, default "folder"
        "folder" (a leading folder named train, training, test, testing, val, valid, validation or dev), "none", or the
        name of a column.
    path_column : str or None
        The column of a table that holds the paths; None looks for path, file, filename, file_name, image or filepath.
    """

    label_from: str = "folder"
    split_from: str = "folder"
    path_column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The places of a source before any file was read.

    Attributes
    ----------
    root : str
        Absolute resolved folder that every path is relative to.
    table : pyarrow.Table
        A row a place, sorted by path: `path` (str, relative to `root`, `/` between parts, unique), `label` (str or
        null), `split` (str or null), `n_bytes` (int64), `mtime_ns` (int64), `status` ("listed", or "unreadable" for
        one that is known not to be an image before it is read: a link that leaves the root, a missing file, no image
        extension), `reason` (str or null), then the user's own columns, each named `meta.<column>`.
    """

    root: str
    table: pa.Table

    @property
    def n_files(self) -> int:
        """Number of places, readable or not."""
        return int(self.table.num_rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The places of a dataset after the decode pass.

    Attributes
    ----------
    table : pyarrow.Table
        The columns of `Listing.table` with `status` now "ok" or "unreadable", and `image_id` (str; null only where
        the bytes could not be read at all), `width_px`, `height_px` (int32 or null, after EXIF orientation) and
        `format` (str or null). Order is that of the listing.
    digest : str
        Hash of everything above that shapes a result: path, image_id, label, split, status and metadata. Not mtime.
    """

    table: pa.Table
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """How an image becomes the backbone's input; part of the embedding key.

    Attributes
    ----------
    input_px : int
        Side of the square input, in pixels.
    resize_px : int
        Length of the shorter side before the centre crop, in pixels; equal to `input_px` when nothing is cropped.
    interpolation : {"bicubic", "bilinear"}
        Pillow's filter, with antialiasing.
    mean, std : tuple of 3 floats
        Subtracted from and divided into RGB in [0, 1].
    squash : bool
        Resize both sides to `resize_px` and ignore the aspect, instead of the shorter one.
    """

    input_px: int
    resize_px: int
    interpolation: Literal["bicubic", "bilinear"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    squash: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedImage:
    """What one read of one file gave.

    Attributes
    ----------
    image_id : str or None
        xxh3-128 of the bytes, 32 hexadecimal digits; None if the bytes could not be read.
    reason : str or None
        Why the file is no usable image, as a sentence; None for a usable one. The fields below are None or empty then.
    width_px, height_px : int
        Size after EXIF orientation.
    format, mode : str
        Pillow's names: "JPEG", "PNG"; "RGB", "P", "I;16", "CMYK", "RGBA".
    thumbnail : bytes
        A JPEG whose longer side is at most the thumbnail size, on white where the image is transparent.
    statistics : dict of str to float
        See `dataeval_ui.data.statistics.STATISTICS`.
    phash, dhash : int
        64-bit perceptual hashes of the upright image.
    pixels : ndarray of shape (input_px, input_px, 3), uint8, or None
        The backbone's input before mean and std.
    """

    image_id: str | None
    reason: str | None = None
    width_px: int = 0
    height_px: int = 0
    format: str = ""
    mode: str = ""
    thumbnail: bytes = b""
    statistics: Mapping[str, float] = field(default_factory=dict)
    phash: int = 0
    dhash: int = 0
    pixels: UInt8 | None = None


# --- backbones and embeddings -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """One row of the registry: what a user needs to choose, and what a loader needs to load. Data alone, no code.

    Attributes
    ----------
    name, title, family : str
        `name` is what the command line takes; family: "image classification", "self-supervised", "contrastive", ...
    source : str
        Which loader: "bundled", "timm", "open_clip".
    model : str
        The source library's own name, with its pretrained tag where it has one.
    n_dims : int
        Length of an embedding.
    preprocessing : Preprocessing
    pooling, layer : str
        Which output is taken.
    licence : str
        SPDX identifier of the weights.
    size_mb : int
        Download size of the weights.
    best_for : str
        A phrase for the page.
    n_gmacs : float
        Cost of one forward pass, 10^9 multiply-adds; for the time estimate.
    hub : str or None
        Hub repository and file, or None where the weights come with an installed package.
    """

    name: str
    title: str
    family: str
    source: Literal["bundled", "timm", "open_clip"]
    model: str
    n_dims: int
    preprocessing: Preprocessing
    layer: str
    pooling: str
    licence: str
    size_mb: int
    best_for: str
    n_gmacs: float
    hub: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingKey:
    """Everything that shapes an embedding's bytes. Embeddings are stored by `(image_id, key)`.

    Attributes
    ----------
    checkpoint : str
        Digest of the weights' file.
    preprocessing : str
        Digest of the `Preprocessing` and the decoder's version.
    numeric_type : str
        "float32".
    """

    backbone: str
    checkpoint: str
    layer: str
    pooling: str
    input_px: int
    preprocessing: str
    numeric_type: str = "float32"

    def digest(self) -> str:
        """Name of this key's folder in the store, 16 hexadecimal digits."""
        return digest_of(asdict(self))


# --- analysis ---------------------------------------------------------------------------------------------------------


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
    min_samples : int, default 5
    n_clusters : int, default 12
        k of k-means.
    outlier_threshold : float, default 0.95
        Calibrated score from which an image counts as an outlier, in (0, 1).
    hash_radius : int, default 8
        Perceptual hashes at most this many bits apart are candidates, in [0, 16].
    random_state : int, default 42
    """

    n_neighbors: int = 15
    min_dist: float = 0.1
    cluster_method: ClusterMethod = "hdbscan"
    min_cluster_size: int | None = None
    min_samples: int = 5
    n_clusters: int = 12
    outlier_threshold: float = 0.95
    hash_radius: int = 8
    random_state: int = 42

    def to_json(self) -> Json:
        """Return the parameters as a JSON object."""
        return asdict(self)

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
        Similarity of the embeddings.
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


# --- progress ---------------------------------------------------------------------------------------------------------


class Progress(Protocol):
    """What long work tells and asks while it goes on."""

    def report(self, stage: Stage, n_done: int, n_total: int) -> None:
        """Say how far a stage is. Cheap: callers report every batch, implementations throttle."""

    def check_cancelled(self) -> None:
        """Raise `CancelledError` if the user asked to stop."""


class Silent:
    """A `Progress` that says nothing and never cancels."""

    def report(self, stage: Stage, n_done: int, n_total: int) -> None:
        """Do nothing."""

    def check_cancelled(self) -> None:
        """Do nothing."""


def batches(n: int, size: int) -> Iterator[slice]:
    """Cut `range(n)` into slices of at most `size`, in order."""
    for start in range(0, n, size):
        yield slice(start, min(n, start + size))
