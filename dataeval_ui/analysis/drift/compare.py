"""All tests on the same permutations, and one verdict that holds its level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dataeval_ui.analysis.drift.classifier import aurocs, classifier_scores
from dataeval_ui.analysis.drift.distances import distances
from dataeval_ui.analysis.drift.features import (
    cdf_gap_p_values,
    exact_cdf_gaps,
    factor_statistics,
    label_statistics,
    largest_cdf_gaps,
    largest_rank_shift,
    n_below_fdr,
)
from dataeval_ui.analysis.drift.fourier import Rows, fourier_mmd
from dataeval_ui.analysis.drift.graphs import N_NEIGHBORS, same_set_shares
from dataeval_ui.analysis.drift.kernels import kernel_statistics, median_bandwidth
from dataeval_ui.analysis.drift.power import LEVEL, detectable
from dataeval_ui.analysis.drift.samples import check_pair, memberships, permutation_p, separation
from dataeval_ui.analysis.drift.wording import DISTANCES, EMBEDDING_TESTS, TESTS, agreement
from dataeval_ui.analysis.neighbors import find_neighbors
from dataeval_ui.types import Progress, Silent
from dataeval_ui.types.drift import DriftPower, DriftTest

if TYPE_CHECKING:
    from dataeval_ui.types.base import Float32, Int32

N_PERMUTATIONS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """Columns of the metadata of both sets, the reference first.

    Attributes
    ----------
    number_names, code_names : tuple of str
    numbers : ndarray of shape (n, n_numbers), float32
        NaN is missing.
    codes : sequence of ndarray of shape (n,), int32
        -1 is missing.
    categories : Mapping of str to tuple of str
        What the codes of each column mean.
    """

    number_names: tuple[str, ...]
    numbers: Float32
    code_names: tuple[str, ...]
    codes: Sequence[Int32]
    categories: Mapping[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """Numbers first."""
        return self.number_names + self.code_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What the tests say together.

    Attributes
    ----------
    drifted : bool
        `p_value` is at most 0.05.
    p_value : float
        See `joint_p`: it holds for all tests together.
    tests : tuple of DriftTest
    distances : tuple of DriftTest
        Not in the verdict; empty where they were not asked for.
    factors : Mapping of str to float
        Permutation p-value of each column of the metadata, for all columns together.
    power : DriftPower
    agreement : str
        Which tests agree, in a sentence.
    scores : ndarray of shape (n_reference + n_test,), float32
        The domain classifier's; larger is more like the test set.
    """

    drifted: bool
    p_value: float
    tests: tuple[DriftTest, ...]
    distances: tuple[DriftTest, ...]
    factors: Mapping[str, float]
    power: DriftPower
    agreement: str
    scores: Float32


def compare_sets(
    reference: Float32,
    test: Float32,
    *,
    statistics: tuple[Float32, Float32] | None = None,
    labels: tuple[Int32, Int32] | None = None,
    factors: Factors | None = None,
    with_distances: bool = True,
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
    factors : Factors, optional
        Other columns.
    with_distances : bool, default True
    n_permutations : int, default 500
        The smallest p-value is 1 / (n_permutations + 1).
    random_state : int, default 0

    Raises
    ------
    ParameterError
        See `samples.check_pair`.

    Notes
    -----
    Every statistic is computed on the same shuffles of which image is in which set; so is what joins them, which makes
    the verdict exact whatever the dependence of the tests; see `joint_p`.
    """
    progress = progress or Silent()
    check_pair(reference, test)
    pooled = np.concatenate([reference, test]).astype(np.float32)
    members = memberships(len(reference), len(test), n_permutations=n_permutations, random_state=random_state)
    mmd, energy = kernel_statistics(pooled, members, bandwidth=median_bandwidth(pooled), progress=progress)
    scores = classifier_scores(pooled, members, random_state=random_state)
    found = {"mmd": mmd, "energy": energy, "classifier": aurocs(scores, members)}
    progress.check_cancelled()
    neighbors, isolation = _neighbors(pooled, random_state)
    found["neighbors"] = same_set_shares(neighbors, members)
    found["isolation"], _ = largest_rank_shift(isolation[:, None], members)
    progress.check_cancelled()
    found["ks"], found["cvm"] = largest_cdf_gaps(pooled, members)
    found["mwu"], rank_shifts = largest_rank_shift(pooled, members)
    if statistics is not None:
        numbers = np.nan_to_num(np.concatenate(statistics).astype(np.float32))
        found["statistics"], _ = largest_rank_shift(numbers, members)
    if labels is not None:
        codes = np.concatenate(labels)
        if len(np.unique(codes[codes >= 0])) > 1:
            found["labels"] = label_statistics(codes, members)
    of_factors: dict[str, float] = {}
    if factors is not None and factors.names:
        each = factor_statistics(factors.numbers, factors.codes, members)
        largest = found["metadata"] = each.max(axis=0)
        of_factors = {
            name: permutation_p(np.append(row[0], largest[1:])) for name, row in zip(factors.names, each, strict=True)
        }
    progress.check_cancelled()
    p_value = joint_p(found)
    tests = _tell_features(
        [_test(name, values, len(pooled)) for name, values in found.items()], reference, test, rank_shifts
    )
    apart = distances(pooled, members, random_state=random_state) if with_distances else {}
    return Drift(
        drifted=p_value <= LEVEL,
        p_value=p_value,
        tests=tests,
        distances=tuple(_distance(name, values) for name, values in apart.items()),
        factors=of_factors,
        power=detectable(len(reference), len(test), auroc=found["classifier"], mwu=found["mwu"]),
        agreement=agreement(tests, drifted=p_value <= LEVEL),
        scores=scores[:, 0],
    )


def mmd_of_all(
    reference: Rows,
    test: Rows,
    *,
    bandwidth: float,
    n_permutations: int,
    random_state: int = 0,
    progress: Progress | None = None,
) -> DriftTest:
    """Test sets of which `compare_sets` sees a part: MMD of all images, see `fourier.fourier_mmd`."""
    values = fourier_mmd(
        reference, test, bandwidth=bandwidth, n_permutations=n_permutations, random_state=random_state,
        progress=progress,
    )  # fmt: skip
    return _distance("mmd_of_all", values)


def joint_p(statistics: Mapping[str, np.ndarray]) -> float:
    """P-value of all tests together, each kind of test with one vote.

    Parameters
    ----------
    statistics : mapping of str to ndarray of shape (1 + n_permutations,)
        By the name of the test.

    Notes
    -----
    The mean of 1 / p is large where one p-value is very small, or several are small (Wilson, 2019,
    https://doi.org/10.1073/pnas.1814092116). The tests of the embeddings mostly see the same things: their mean is
    turned into a p-value of its own first, so that eight of them do not outvote the image statistics, the labels and
    the metadata. All of it is computed for every permutation as well, so its level holds whatever the dependence of the
    tests.
    """
    p_values = {name: _p_values(values) for name, values in statistics.items()}
    alike = [p_values.pop(name) for name in statistics if name in EMBEDDING_TESTS]
    votes = list(p_values.values())
    if alike:
        votes.append(_p_values((1 / np.stack(alike)).mean(axis=0)) if len(alike) > 1 else alike[0])
    return permutation_p((1 / np.stack(votes)).mean(axis=0))


def _p_values(statistics: np.ndarray) -> np.ndarray:
    """P-value of every arrangement among all of them."""
    from scipy.stats import rankdata

    rounded = np.round(statistics / max(float(np.ptp(statistics)), 1e-12), 6)
    found: np.ndarray = rankdata(-rounded, method="max") / len(statistics)
    return found


def _neighbors(pooled: Float32, random_state: int) -> tuple[Int32, Float32]:
    """Nearest images of each, and its mean cosine distance to them.

    They are searched in a random order, so that ties do not favour an image's own set.
    """
    order = np.random.default_rng(random_state).permutation(len(pooled))
    k = min(N_NEIGHBORS, len(pooled) // 2)
    found, isolation = np.empty((len(pooled), k), dtype=np.int32), np.zeros(len(pooled), dtype=np.float32)
    if not np.ptp(pooled, axis=0).any():
        found[:] = np.arange(len(pooled))[:, None]  # equal images have no nearest ones: no arrangement stands out
        return found, isolation
    graph = find_neighbors(pooled[order], n_neighbors=k)
    found[order] = order[graph.indices]
    isolation[order] = 1 - graph.similarities.mean(axis=1)
    return found, np.round(isolation, 5)  # the rest is rounding, and would rank equal images


def _test(name: str, values: np.ndarray, n: int) -> DriftTest:
    p = permutation_p(values)
    title, yes, no = TESTS[name]
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


def _distance(name: str, values: np.ndarray) -> DriftTest:
    towards = -values if name in ("precision", "recall") else values
    p = permutation_p(towards)
    title, yes, no = DISTANCES[name]
    return DriftTest(
        name=name,
        title=title,
        statistic=float(values[0]),
        p_value=p,
        effect_size=separation(towards),
        sentence=f"{title}: {yes if p <= LEVEL else no} (p = {p:.3g}).",
    )


def _tell_features(
    tests: Sequence[DriftTest], reference: Float32, test: Float32, rank_shifts: np.ndarray
) -> tuple[DriftTest, ...]:
    """Add to the tests of each feature how many differ, and give KS and CVM their exact statistic."""
    from dataclasses import replace

    from scipy.stats import norm

    ks, cvm = exact_cdf_gaps(reference, test)
    p_ks, p_cvm = cdf_gap_p_values(ks, cvm, n=len(reference), m=len(test))
    told = {"ks": (float(ks.max()), p_ks), "cvm": (float(cvm.max()), p_cvm),
            "mwu": (float(np.abs(rank_shifts).max()), 2 * norm.sf(np.abs(rank_shifts)))}  # fmt: skip
    found = []
    for each in tests:
        if each.name in told:
            statistic, p_values = told[each.name]
            n_shifted = n_below_fdr(p_values)
            sentence = f"{each.sentence[:-1]}; {n_shifted:,} of {len(p_values):,} at a false discovery rate of 5 %."
            found.append(replace(each, statistic=statistic, n_shifted=n_shifted, sentence=sentence))
        else:
            found.append(each)
    return tuple(found)
