"""Against DataEval on the same arrays: equal where the definitions are, and better where it falls short."""

from __future__ import annotations

import importlib
import itertools
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dataeval_ui.analysis import dataeval_adapter as theirs
from dataeval_ui.analysis.clustering import cluster
from dataeval_ui.analysis.coverage import find_sparse_images, measure_completeness, order_by_class
from dataeval_ui.analysis.drift.compare import compare_sets
from dataeval_ui.analysis.drift.graphs import hp_divergences, spanning_tree
from dataeval_ui.analysis.label_errors import find_label_errors
from dataeval_ui.analysis.label_statistics import bound_bayes_error_knn, bound_bayes_error_mst
from dataeval_ui.analysis.neighbors import find_neighbors, unit_rows
from dataeval_ui.data.hashes import dhash, hamming, phash
from dataeval_ui.errors import InputError, ParameterError
from dataeval_ui.types import AnalysisParams

pytestmark = pytest.mark.skipif(
    not theirs.has_dataeval(), reason='needs the extra: pip install "dataeval-ui[dataeval]"'
)


@pytest.fixture(scope="module", autouse=True)
def core() -> Any:
    """DataEval's functions, their compiled loops run as Python: compiling takes longer than all of these small sets."""
    import numba

    before = numba.config.DISABLE_JIT
    numba.config.DISABLE_JIT = True
    try:
        for module in ("_cluster_trees", "_disjoint_set", "_mst"):
            importlib.import_module(f"dataeval.core._fast_hdbscan.{module}")
    finally:
        numba.config.DISABLE_JIT = before
    return importlib.import_module("dataeval.core")


def classes(n: int = 300, n_dims: int = 24, n_classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_classes, n).astype(np.int32)
    centres = rng.normal(size=(n_classes, n_dims))
    return unit_rows((centres[codes] + 1.3 * rng.normal(size=(n, n_dims))).astype(np.float32)), codes


# --- where the definitions are the same -------------------------------------------------------------------------


def test_the_bayes_error_by_the_nearest_neighbour_is_dataevals() -> None:
    embeddings, codes = classes()
    ours = bound_bayes_error_knn(find_neighbors(embeddings, n_neighbors=15), codes)
    assert 0 < ours.lower < ours.upper < 0.75
    assert (ours.lower, ours.upper) == pytest.approx(theirs.bound_bayes_error(embeddings, codes), abs=1e-9)


def test_the_bayes_error_by_the_spanning_tree_is_dataevals_but_for_the_edges_it_takes_off() -> None:
    """DataEval takes n_classes - 1 edges off the count, however few join two classes; ours counts every edge."""
    embeddings, codes = classes()
    ours = bound_bayes_error_mst(find_neighbors(embeddings, n_neighbors=40), codes)
    _, upper = theirs.bound_bayes_error(embeddings, codes, statistic="mst")
    assert ours.upper - 3 / codes.size == pytest.approx(upper, abs=1e-6)


@pytest.mark.parametrize("shift", [0.0, 0.4, 3.0])
def test_the_divergence_by_the_spanning_tree_is_dataevals(shift: float) -> None:
    rng = np.random.default_rng(3)
    reference, test = (rng.normal(size=(120, 8)) + at for at in (0.0, shift))
    pooled = np.concatenate([reference, test]).astype(np.float32)
    members = np.r_[np.zeros(120), np.ones(120)].astype(np.float32)[:, None]
    [ours] = hp_divergences(spanning_tree(pooled), members, n_needed=1)
    assert ours == pytest.approx(theirs.measure_divergence(pooled[:120], pooled[120:]), abs=1e-6)


def test_completeness_is_dataevals_on_ranks_and_its_isotropy_on_values() -> None:
    rng = np.random.default_rng(5)
    embeddings = (rng.exponential(size=(400, 12)) @ rng.normal(size=(12, 12))).astype(np.float32)
    completeness, isotropy = theirs.measure_completeness(embeddings)
    assert measure_completeness(theirs.ranks_of(embeddings)) == pytest.approx(completeness, abs=1e-5)
    assert measure_completeness(embeddings) == pytest.approx(isotropy, abs=1e-5)  # of full rank
    assert abs(completeness - isotropy) > 0.01  # so the two are told apart here


def drawing(seed: int, size: int = 96) -> Image.Image:
    rng = np.random.default_rng(seed)
    image = Image.new("L", (size, size), 255)
    draw = ImageDraw.Draw(image)
    for _ in range(7):
        x, y, w, h = (int(v) for v in rng.uniform(0.05, 0.5, 4) * size)
        draw.ellipse((x, y, x + w, y + h), fill=int(rng.integers(0, 230)))
    return image


def hashes(image: Image.Image) -> tuple[int, int]:
    pixels = np.repeat(np.asarray(image)[None], 3, axis=0)
    return theirs.hash_image(pixels)[:2]


def test_hashes_tell_the_same_images_apart_as_dataevals() -> None:
    """Bits differ with resizing and the constant term; which images are close does not."""
    images = [drawing(seed) for seed in range(30)]
    shrunk = [image.resize((72, 72), Image.Resampling.LANCZOS) for image in images]
    for ours, at in ((phash, 0), (dhash, 1)):
        same = [hamming(ours(a), ours(b)) for a, b in zip(images, shrunk, strict=True)]
        same_theirs = [hamming(hashes(a)[at], hashes(b)[at]) for a, b in zip(images, shrunk, strict=True)]
        other = [hamming(ours(a), ours(b)) for a, b in itertools.pairwise(images)]
        other_theirs = [hamming(hashes(a)[at], hashes(b)[at]) for a, b in itertools.pairwise(images)]
        assert max(same) <= 8 < min(other)
        assert max(same_theirs) <= 8 < min(other_theirs)


def test_equal_pixels_and_only_those_have_equal_xxhashes() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 20, 20)).astype(np.uint8)
    other = pixels.copy()
    other[0, 0, 0] ^= 1
    assert theirs.hash_image(pixels)[2] == theirs.hash_image(pixels.copy())[2] != theirs.hash_image(other)[2]


# --- where DataEval falls short ---------------------------------------------------------------------------------


def test_hdbscan_keeps_the_blobs_in_noise_where_dataeval_loses_some() -> None:
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(1)
    truth = np.repeat(np.arange(6), 70)
    xy = np.concatenate(
        [10 * rng.normal(size=(6, 2))[truth] + rng.normal(size=(420, 2)), rng.uniform(-25, 25, (180, 2))]
    )
    xy = xy.astype(np.float32)
    params = AnalysisParams(min_cluster_size=30, min_samples=5)
    ours = cluster(xy, xy, params=params).cluster_labels
    assert adjusted_rand_score(truth, ours[:420]) > adjusted_rand_score(truth, theirs.cluster(xy)[:420]) + 0.02


def test_coverage_has_an_answer_in_many_dimensions_where_dataevals_overflows(core: Any) -> None:
    rng = np.random.default_rng(0)
    embeddings = rng.random((60, 400)).astype(np.float32)
    with pytest.raises(OverflowError):
        core.coverage_naive(embeddings, num_observations=5)
    assert len(find_sparse_images(find_neighbors(embeddings, n_neighbors=5), fraction=0.1)) == 6


def test_a_class_of_one_image_breaks_dataevals_label_errors_and_not_ours(core: Any) -> None:
    embeddings, codes = classes(n=200, n_classes=3)
    codes[7] = 3
    with pytest.raises(ValueError):
        core.label_errors(embeddings, codes.astype(np.int64))
    ours = find_label_errors(embeddings, find_neighbors(embeddings, n_neighbors=15), codes, 4)
    assert np.isnan(ours.scores[7])
    assert np.isfinite(np.delete(ours.scores, 7)).all()
    guarded = theirs.score_label_errors(embeddings, codes, k=10)  # the adapter leaves the class out
    assert np.isnan(guarded[7])
    assert np.isfinite(np.delete(guarded, 7)).all()


def test_turns_visit_every_bin_first_where_dataevals_stratified_order_shuffles(core: Any) -> None:
    scores = np.sort(np.random.default_rng(0).random(400))[::-1].copy()
    order = np.random.default_rng(1).permutation(400)  # the ranking's rows, best first
    bins = np.empty(400, np.int32)
    bins[order] = np.minimum((40 * (scores.max() - scores) / np.ptp(scores)).astype(int), 39)
    n_bins = len(np.unique(bins))
    by_row = np.empty(400, np.float32)
    by_row[order] = scores
    assert len(set(bins[order_by_class(by_row, bins)[:n_bins]])) == n_bins
    their_order = core.rank_result_stratified(
        {"indices": order.astype(np.intp), "scores": by_row.astype(np.float64), "method": "knn"}, num_bins=40
    )
    assert len(set(bins[their_order[:n_bins]])) < 0.7 * n_bins


def test_a_large_shift_of_every_feature_is_drift_though_dataevals_anderson_test_cannot_say_so() -> None:
    from dataeval.shift import DriftUnivariate

    rng = np.random.default_rng(0)
    reference, test = (rng.normal(size=(60, 64)).astype(np.float32) + at for at in (0, 5))
    assert not DriftUnivariate(method="anderson").fit(reference).predict(test).drifted
    assert compare_sets(reference, test, n_permutations=99).drifted


def test_sets_without_drift_are_called_so_where_dataevals_wasserstein_raises_an_alarm() -> None:
    from dataeval.shift import DriftWasserstein

    rng = np.random.default_rng(0)
    reference, held_out, test = (rng.normal(size=(120, 64)).astype(np.float32) for _ in range(3))
    assert DriftWasserstein().fit(reference, held_out).predict(test).drifted
    assert not compare_sets(reference, test, n_permutations=99).drifted


def test_a_crop_of_two_pixels_is_near_by_hamming_distance_though_dataeval_asks_for_equal_hashes() -> None:
    images = [drawing(seed, size=128) for seed in range(20)]
    cropped = [image.crop((2, 2, 128, 128)) for image in images]
    n_equal = sum(hashes(a)[0] == hashes(b)[0] for a, b in zip(images, cropped, strict=True))
    n_near = sum(hamming(phash(a), phash(b)) <= 8 for a, b in zip(images, cropped, strict=True))
    assert n_near >= 0.9 * len(images)
    assert n_equal < 0.5 * n_near


# --- the adapter itself -----------------------------------------------------------------------------------------


def test_what_the_adapter_cannot_answer_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, codes = classes(n=40)
    with pytest.raises(ParameterError, match="two classes"):
        theirs.bound_bayes_error(embeddings, np.zeros(40, np.int32))
    with pytest.raises(ParameterError, match="smaller k"):
        theirs.score_label_errors(embeddings, codes, k=39)
    with pytest.raises(ParameterError, match="at least 9 pixels"):
        theirs.hash_image(np.zeros((3, 4, 4), np.uint8))
    monkeypatch.setattr(theirs, "has_dataeval", lambda: False)
    with pytest.raises(InputError, match=r"pip install .dataeval-ui\[dataeval\]"):
        theirs.measure_completeness(embeddings)


def test_images_without_a_label_are_left_out() -> None:
    embeddings, codes = classes(n=120)
    some = codes.copy()
    some[::5] = -1
    assert theirs.bound_bayes_error(embeddings, some) == theirs.bound_bayes_error(
        embeddings[some >= 0], some[some >= 0]
    )
