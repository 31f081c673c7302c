"""Laws of the numbers: search is a brute-force cosine, an extended graph is one from scratch."""

from __future__ import annotations

import numpy as np
import pytest

from dataeval_ui.analysis.neighbors import extend_neighbors, find_neighbors, search, unit_rows


def vectors(seed: int, n: int, *, kinds: int | None) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n, 24)).astype(np.float32)
    return matrix if kinds is None else matrix[rng.integers(0, kinds, n)]


@pytest.mark.parametrize("kinds", [None, 40])
def test_search_has_the_similarities_of_a_float64_cosine(kinds: int | None) -> None:
    matrix = vectors(1, 2000, kinds=kinds)
    norms = np.linalg.norm(matrix, axis=1)
    exact = matrix.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    for row in range(0, 2000, 97):
        cosine = exact @ exact[row]
        rows, similarities = search(matrix, norms, matrix[row], k=50)
        order = np.argsort(-cosine, kind="stable")[:50]
        np.testing.assert_allclose(similarities, cosine[order], atol=2e-6)
        np.testing.assert_allclose(cosine[rows], cosine[order], atol=1e-6)
        if kinds is None:
            np.testing.assert_array_equal(rows, order)
        assert len(set(rows.tolist())) == 50


@pytest.mark.parametrize("kinds", [None, 12])
def test_an_extended_graph_is_that_from_scratch_whatever_was_added_and_removed(kinds: int | None) -> None:
    rng = np.random.default_rng(5)
    pool = vectors(2, 300, kinds=kinds)
    rows = rng.permutation(300)[:120]
    graph = find_neighbors(pool[rows], n_neighbors=7, n_threads=1)
    for _ in range(12):
        kept = rows[rng.random(len(rows)) > rng.choice([0.0, 0.1, 0.4])]
        new = np.setdiff1d(rng.permutation(300)[: rng.integers(0, 40)], kept)
        following = rng.permutation(np.concatenate([kept, new]))
        place = {int(value): at for at, value in enumerate(rows)}
        old_rows = np.array([place.get(int(value), -1) for value in following], dtype=np.int32)
        embeddings = np.ascontiguousarray(pool[following])
        graph = extend_neighbors(graph, old_rows=old_rows, embeddings=embeddings, n_threads=1)
        scratch = find_neighbors(embeddings, n_neighbors=7, n_threads=1)
        np.testing.assert_allclose(graph.similarities, scratch.similarities, atol=1e-6)
        unit = unit_rows(embeddings).astype(np.float64)
        found = np.einsum("nd,nkd->nk", unit, unit[graph.indices])
        expected = np.einsum("nd,nkd->nk", unit, unit[scratch.indices])
        np.testing.assert_allclose(found, expected, atol=1e-6)
        rows = following
