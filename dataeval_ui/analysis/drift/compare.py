"""All tests on the same permutations, and one verdict that holds its level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.drift.classifier import aurocs, classifier_scores
from dataeval_ui.analysis.drift.features import label_statistics, largest_rank_shift
from dataeval_ui.analysis.drift.kernels import kernel_statistics, median_bandwidth
from dataeval_ui.analysis.drift.samples import check_pair, memberships, permutation_p, separation
from dataeval_ui.types import Progress, Silent
from dataeval_ui.types.drift import DriftTest

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32

LEVEL = 0.05
N_PERMUTATIONS = 500
SENTENCES: Mapping[str, tuple[str, str, str]] = {
    "mmd": ("MMD", "the embeddings as a whole have moved", "the embeddings as a whole have not moved visibly"),
    "energy": ("Energy distance", "images lie farther between the sets than within", "no gap lies between the sets"),
    "classifier": (
        "Domain classifier",
        "a classifier can tell which set an image is from",
        "a classifier cannot tell which set an image is from",
    ),
    "features": ("Features, Mann-Whitney", "at least one dimension has shifted", "no single dimension has shifted"),
    "statistics": (
        "Image statistics",
        "brightness, contrast, sharpness or entropy has shifted",
        "brightness, contrast, sharpness and entropy are alike",
    ),
    "labels": ("Labels", "the mix of classes differs", "the mix of classes is alike"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What the tests say together.

    Attributes
    ----------
    drifted : bool
        `p_value` is at most 0.05.
    p_value : float
        Of the smallest of all p-values, against the smallest of each permutation: it holds for all tests together.
    tests : tuple of DriftTest
    scores : ndarray of shape (n_reference + n_test,), float32
        The domain classifier's; larger is more like the test set.
    """

    drifted: bool
    p_value: float
    tests: tuple[DriftTest, ...]
    scores: Float32


def compare_sets(
    reference: Float32,
    test: Float32,
    *,
    statistics: tuple[Float32, Float32] | None = None,
    labels: tuple[Int32, Int32] | None = None,
    n_permutations: int = N_PERMUTATIONS,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Drift:
    """Test whether two sets of images come from the same source.

    Parameters
    ----------
    reference, test : ndarray of shape (n_images, n_dims), float32
        At least 5 images each.
    statistics : pair of ndarray of shape (n_images, n_statistics), optional
        Numbers of the images' pixels.
    labels : pair of ndarray of shape (n_images,), int32, optional
        Codes that mean the same class in both sets; -1 is no label.
    n_permutations : int, default 500
        The smallest p-value is 1 / (n_permutations + 1).
    random_state : int, default 0

    Raises
    ------
    ParameterError
        See `samples.check_pair`.

    Notes
    -----
    Every statistic is computed on the same shuffles of which image is in which set; so is the smallest p-value, which
    makes the verdict exact whatever the dependence of the tests (Westfall and Young, 1993).
    """
    progress = progress or Silent()
    check_pair(reference, test)
    pooled = np.concatenate([reference, test]).astype(np.float32)
    members = memberships(len(reference), len(test), n_permutations=n_permutations, random_state=random_state)
    mmd, energy = kernel_statistics(pooled, members, bandwidth=median_bandwidth(pooled), progress=progress)
    scores = classifier_scores(pooled, members, random_state=random_state)
    found = {"mmd": mmd, "energy": energy, "classifier": aurocs(scores, members)}
    found["features"], _ = largest_rank_shift(pooled, members)
    if statistics is not None:
        numbers = np.nan_to_num(np.concatenate(statistics).astype(np.float32))
        found["statistics"], _ = largest_rank_shift(numbers, members)
    if labels is not None:
        codes = np.concatenate(labels)
        if len(np.unique(codes[codes >= 0])) > 1:
            found["labels"] = label_statistics(codes, members)
    p_value = _smallest_p(np.stack(list(found.values())))
    tests = tuple(_test(name, values, len(pooled)) for name, values in found.items())
    return Drift(drifted=p_value <= LEVEL, p_value=p_value, tests=tests, scores=scores[:, 0])


def _smallest_p(statistics: np.ndarray) -> float:
    """P-value of the smallest p-value; `statistics` has the shape (n_tests, 1 + n_permutations)."""
    from scipy.stats import rankdata

    rounded = np.round(statistics / np.maximum(np.ptp(statistics, axis=1, keepdims=True), 1e-12), 6)
    ranks = rankdata(-rounded, axis=1, method="max")
    return permutation_p(-ranks.min(axis=0).astype(np.float64))


def _test(name: str, values: np.ndarray, n: int) -> DriftTest:
    p = permutation_p(values)
    title, yes, no = SENTENCES[name]
    effect = separation(values)
    if name == "classifier":
        effect = 2 * float(values[0]) - 1
    elif name == "labels":
        effect = float(np.sqrt(values[0] / n))
    return DriftTest(
        name=name,
        title=title,
        statistic=float(values[0]),
        p_value=p,
        effect_size=effect,
        sentence=f"{title}: {yes if p <= LEVEL else no} (p = {p:.3g}).",
    )
