"""What each test and distance is called, and what it says either way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dataeval_ui.types.drift import DriftTest

EMBEDDING_TESTS = frozenset({"mmd", "energy", "classifier", "neighbors", "isolation", "ks", "cvm", "mwu"})


class Wording(NamedTuple):
    """Title of a test, and its sentence where it finds a difference and where it does not."""

    title: str
    found: str
    not_found: str


TESTS: Mapping[str, Wording] = {
    "mmd": Wording("MMD", "the embeddings as a whole have moved", "the embeddings as a whole have not moved visibly"),
    "energy": Wording(
        "Energy distance", "images lie farther between the sets than within", "no gap lies between the sets"
    ),
    "classifier": Wording(
        "Domain classifier",
        "a classifier can tell which set an image is from",
        "a classifier cannot tell which set an image is from",
    ),
    "neighbors": Wording(
        "Nearest neighbours",
        "images have more neighbours of their own set than of the other",
        "images have neighbours of both sets alike",
    ),
    "isolation": Wording(
        "Isolation",
        "images of one set lie farther from all others than those of the other set",
        "images of both sets have others as near",
    ),
    "ks": Wording(
        "Kolmogorov-Smirnov",
        "at least one dimension is distributed otherwise",
        "no single dimension is distributed otherwise",
    ),
    "cvm": Wording(
        "Cramér-von Mises",
        "at least one dimension is distributed otherwise along its whole range",
        "no single dimension is distributed otherwise along its range",
    ),
    "mwu": Wording("Mann-Whitney", "at least one dimension has shifted", "no single dimension has shifted"),
    "statistics": Wording(
        "Image statistics",
        "brightness, contrast, sharpness or entropy has shifted",
        "brightness, contrast, sharpness and entropy are alike",
    ),
    "labels": Wording("Labels", "the mix of classes differs", "the mix of classes is alike"),
    "metadata": Wording("Metadata", "at least one column differs", "no column differs"),
}

DISTANCES: Mapping[str, Wording] = {
    "frechet": Wording("Fréchet distance", "mean and covariance differ", "mean and covariance are alike"),
    "mmd_of_all": Wording(
        "MMD of all images, approximate",
        "the embeddings as a whole have moved",
        "the embeddings as a whole have not moved visibly",
    ),
    "kid": Wording("KID", "means, variances and skew differ", "means, variances and skew are alike"),
    "precision": Wording(
        "Precision",
        "fewer test images lie among the reference than by chance",
        "test images lie among the reference as by chance",
    ),
    "recall": Wording(
        "Recall",
        "fewer reference images lie among the test set than by chance",
        "reference images lie among the test set as by chance",
    ),
    "hp_tree": Wording(
        "HP divergence, spanning tree",
        "fewer edges of the tree lie between the sets than by chance",
        "as many edges of the tree lie between the sets as by chance",
    ),
    "hp_nearest": Wording(
        "HP divergence, nearest image",
        "fewer images have their nearest in the other set than by chance",
        "as many images have their nearest in the other set as by chance",
    ),
}


def agreement(tests: Sequence[DriftTest], *, drifted: bool, level: float = 0.05) -> str:
    """Say in a sentence which tests see a difference and which do not."""
    seen = [test for test in tests if test.p_value <= level]
    unseen = [test for test in tests if test.p_value > level]
    if not seen:
        return f"All {len(tests)} tests agree: none sees a difference by itself."
    if not unseen:
        return f"All {len(tests)} tests agree: each sees a difference by itself."
    told = f"{len(seen)} of {len(tests)} tests see a difference by themselves ({_listed(seen)}); not {_listed(unseen)}."
    if not drifted:
        return f"{told} Among so many tests that happens by chance too often to call it drift."
    names = {test.name for test in seen}
    if names <= {"labels", "metadata"}:
        return f"{told} What the images are counted as has changed, not how they look."
    if names <= {"statistics"}:
        return f"{told} Pixels have changed in a way that the embeddings hardly see."
    if names.isdisjoint(EMBEDDING_TESTS):
        return f"{told} The embeddings themselves are alike."
    return told


def _listed(tests: Sequence[DriftTest]) -> str:
    return ", ".join(test.title for test in tests)
