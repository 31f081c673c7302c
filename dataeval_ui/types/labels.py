"""What the analysis of labels found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataeval_ui.types.base import Bool, Float32, Int32, Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelErrors:
    """Suspected label errors, a value an image.

    Attributes
    ----------
    scores : ndarray of shape (n_images,), float32
        In [0, 1], larger is more suspect; NaN for an image that is not judged: it has no label, or its class has fewer
        than three images.
    suspected : ndarray of shape (n_images,), bool
        Whether confident learning counts it as an error.
    suggested : ndarray of shape (n_images,), int32
        Code of the likeliest class, also for images without a label; -1 where nothing can be said.
    confidence : ndarray of shape (n_images,), float32
        Out-of-sample probability of the suggested class, in [0, 1].
    given_probability : ndarray of shape (n_images,), float32
        Out-of-sample probability of the given class; NaN where not judged.
    """

    scores: Float32
    suspected: Bool
    suggested: Int32
    confidence: Float32
    given_probability: Float32

    @property
    def rows(self) -> Int64:
        """Suspected images, most suspect first (ties: lower row first)."""
        import numpy as np

        found = np.flatnonzero(self.suspected)
        rows: Int64 = found[np.argsort(-self.scores[found], kind="stable")].astype(np.int64)
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class BayesErrorBounds:
    """Between which numbers the error of the best possible classifier on these embeddings lies.

    Attributes
    ----------
    lower, upper : float
        In [0, 1].
    error_rate : float
        Share of images that disagree with their neighbour (or of tree edges that join two classes).
    n_images : int
        Labelled images.
    """

    lower: float
    upper: float
    error_rate: float
    n_images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassBalance:
    """How evenly the images spread over the classes.

    Attributes
    ----------
    counts : ndarray of shape (n_classes,), int64
    shannon : float
        Entropy of the class shares over its maximum, in [0, 1]; 1 where all classes are equally large.
    simpson : float
        `(1 / sum p² - 1) / (n_classes - 1)`, in [0, 1].
    imbalance_ratio : float
        Largest over smallest class, at least 1.
    """

    counts: Int64
    shannon: float
    simpson: float
    imbalance_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """How strongly two columns of categories hang together.

    Attributes
    ----------
    chi2 : float
    p_value : float
        Of independence. Where an expected count is below 5, by the exact test of Fisher (2 x 2) or 2,000 random tables
        with the same margins.
    cramers_v : float
        In [0, 1].
    is_exact : bool
        Whether the p-value is one of those for small counts.
    """

    chi2: float
    p_value: float
    cramers_v: float
    is_exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourConfusion:
    """Which label the neighbours of the images of each label carry.

    Attributes
    ----------
    given : ndarray of shape (n_images,), int32
        Code of the image's label, -1 for none.
    voted : ndarray of shape (n_images,), int32
        Code of the label that most of its labelled neighbours carry (ties: the more similar), -1 where none has one.
    given_codes, voted_codes, n_images : ndarray of shape (n_cells,)
        The cells that are not empty, most images first.
    """

    given: Int32
    voted: Int32
    given_codes: Int32
    voted_codes: Int32
    n_images: Int64

    def rows(self, given: int, voted: int) -> Int64:
        """Return the images behind a cell, in row order."""
        import numpy as np

        rows: Int64 = np.flatnonzero((self.given == given) & (self.voted == voted)).astype(np.int64)
        return rows
