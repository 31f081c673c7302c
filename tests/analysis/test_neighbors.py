import numpy as np
import pytest

from dataeval_ui.analysis import neighbors
from dataeval_ui.analysis.neighbors import extend_neighbors, find_neighbors, search
from dataeval_ui.errors import CancelledError, ParameterError
from dataeval_ui.types import NeighborGraph, Silent


def clustered(n, d=24, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(12, d))
    return (centres[rng.integers(0, 12, n)] + 0.4 * rng.normal(size=(n, d))).astype(np.float32)


def same(a: NeighborGraph, b: NeighborGraph):
    np.testing.assert_array_equal(a.indices, b.indices)
    np.testing.assert_allclose(a.similarities, b.similarities, atol=1e-6)


def test_four_points_by_hand():
    points = np.array([[1, 0], [0, 1], [1, 1], [-1, 0]], dtype=np.float32)
    graph = find_neighbors(points, n_neighbors=2)
    np.testing.assert_array_equal(graph.indices, [[2, 1], [2, 0], [0, 1], [1, 2]])
    r = np.sqrt(0.5)
    np.testing.assert_allclose(graph.similarities, [[r, 0], [r, 0], [r, r], [0, -r]], atol=1e-6)
    assert graph.indices.dtype == np.int32
    assert graph.similarities.dtype == np.float32


def test_agrees_with_scikit_learn():
    from sklearn.neighbors import NearestNeighbors

    points = clustered(400)
    graph = find_neighbors(points, n_neighbors=15)
    distances, indices = NearestNeighbors(n_neighbors=16, metric="cosine").fit(points).kneighbors(points)
    np.testing.assert_array_equal(graph.indices, indices[:, 1:])
    np.testing.assert_allclose(1 - graph.similarities, distances[:, 1:], atol=1e-5)


def test_permuting_images_permutes_the_graph():
    points = clustered(300)
    order = np.random.default_rng(1).permutation(300)
    graph, permuted = find_neighbors(points, n_neighbors=7), find_neighbors(points[order], n_neighbors=7)
    np.testing.assert_array_equal(order[permuted.indices], graph.indices[order])


def test_length_and_threads_change_nothing():
    points = clustered(300)
    scaled = points * np.random.default_rng(2).uniform(0.1, 10, (300, 1)).astype(np.float32)
    same(find_neighbors(scaled, n_neighbors=7, n_threads=2), find_neighbors(points, n_neighbors=7))


@pytest.mark.parametrize("n", [30, 400])
def test_equal_images_list_each_other_in_row_order_and_never_themselves(n):
    graph = find_neighbors(np.ones((n, 8), np.float32), n_neighbors=5)
    for row in range(n):
        assert graph.indices[row].tolist() == [r for r in range(n) if r != row][:5]
    np.testing.assert_allclose(graph.similarities, 1, atol=1e-6)


def test_a_crowd_of_equal_images_is_in_row_order_among_others():
    points = clustered(500)
    points[100:160] = points[100]
    graph = find_neighbors(points, n_neighbors=10)
    assert graph.indices[130].tolist() == list(range(100, 110))
    assert graph.indices[105].tolist() == [100, 101, 102, 103, 104, 106, 107, 108, 109, 110]


def test_a_zero_embedding_is_similar_to_nothing():
    points = clustered(50)
    points[7] = 0
    graph = find_neighbors(points, n_neighbors=4)
    np.testing.assert_array_equal(graph.similarities[7], 0)
    assert not (graph.indices[np.arange(50) != 7] == 7).any()


@pytest.mark.parametrize(("n", "k"), [(0, 0), (1, 0), (2, 1), (3, 2), (40, 15)])
def test_there_are_at_most_n_minus_one_neighbours(n, k):
    graph = find_neighbors(clustered(max(n, 1))[:n], n_neighbors=15)
    assert graph.indices.shape == graph.similarities.shape == (n, k)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_embeddings_that_are_not_finite_are_refused_by_row(bad):
    points = clustered(50)
    points[31, 3] = bad
    with pytest.raises(ParameterError, match="row 31"):
        find_neighbors(points, n_neighbors=5)


@pytest.mark.parametrize("n_neighbors", [1, 101])
def test_the_number_of_neighbours_has_a_range(n_neighbors):
    with pytest.raises(ParameterError, match=rf"n_neighbors must be in \[2, 100\], got {n_neighbors}"):
        find_neighbors(clustered(50), n_neighbors=n_neighbors)


def test_a_memory_map_gives_the_same(tmp_path):
    points = clustered(200)
    mapped = np.memmap(tmp_path / "emb.f32", dtype=np.float32, mode="w+", shape=points.shape)
    mapped[:] = points
    same(find_neighbors(mapped, n_neighbors=6), find_neighbors(points, n_neighbors=6))


def test_cancelling_stops_the_search():
    class Cancelled(Silent):
        def check_cancelled(self):
            raise CancelledError("stop")

    with pytest.raises(CancelledError):
        find_neighbors(clustered(50), n_neighbors=5, progress=Cancelled())


def test_many_images_go_through_the_approximate_index_and_nearly_agree(monkeypatch):
    points = clustered(3000)
    exact = find_neighbors(points, n_neighbors=10)
    monkeypatch.setattr(neighbors, "MAX_EXACT_IMAGES", 1000)
    rough = find_neighbors(points, n_neighbors=10, n_threads=2)
    again = find_neighbors(points, n_neighbors=10, n_threads=1)
    same(rough, again)
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(exact.indices, rough.indices, strict=True)])
    assert recall > 0.97
    assert not (rough.indices == np.arange(3000)[:, None]).any()


@pytest.mark.parametrize("seed", range(6))
def test_an_extended_graph_equals_one_from_scratch(seed):
    rng = np.random.default_rng(seed)
    before = clustered(400, seed=seed)
    before[50:58] = before[50]  # equal images, fewer than k
    graph = find_neighbors(before, n_neighbors=10)
    kept = np.sort(rng.choice(400, rng.integers(380, 401), replace=False))
    added = np.concatenate([clustered(12, seed=seed + 100), before[50:52]])
    at = np.sort(rng.integers(0, kept.size + 1, len(added)))
    old_rows = np.insert(kept, at, -1).astype(np.int32)
    after = np.insert(before[kept], at, added, axis=0)
    extended = extend_neighbors(graph, old_rows=old_rows, embeddings=after)
    same(extended, find_neighbors(after, n_neighbors=10))


def test_extending_by_nothing_changes_nothing():
    points = clustered(100)
    graph = find_neighbors(points, n_neighbors=5)
    same(extend_neighbors(graph, old_rows=np.arange(100, dtype=np.int32), embeddings=points), graph)


def test_a_reordered_set_keeps_its_graph():
    points = clustered(200)
    order = np.random.default_rng(0).permutation(200).astype(np.int32)
    graph = find_neighbors(points, n_neighbors=5)
    same(
        extend_neighbors(graph, old_rows=order, embeddings=points[order]), find_neighbors(points[order], n_neighbors=5)
    )


def test_a_small_graph_grows_to_the_wanted_neighbours():
    points = clustered(40)
    graph = find_neighbors(points[:4], n_neighbors=8)
    old_rows = np.concatenate([np.arange(4), np.full(36, -1)]).astype(np.int32)
    grown = extend_neighbors(graph, old_rows=old_rows, embeddings=points, n_neighbors=8)
    same(grown, find_neighbors(points, n_neighbors=8))


def test_old_rows_must_fit_the_graph():
    points = clustered(20)
    graph = find_neighbors(points, n_neighbors=3)
    with pytest.raises(ParameterError, match="at most once"):
        extend_neighbors(graph, old_rows=np.zeros(20, np.int32), embeddings=points)
    with pytest.raises(ParameterError, match="graph of 20 images"):
        extend_neighbors(graph, old_rows=np.arange(20, 40, dtype=np.int32), embeddings=points)


def test_search_finds_what_brute_force_finds():
    points = clustered(500)
    query = clustered(1, seed=9)[0]
    norms = np.linalg.norm(points, axis=1)
    cosines = points @ query / norms / np.linalg.norm(query)
    rows, similarities = search(points, norms, query, k=20)
    np.testing.assert_array_equal(rows, np.argsort(-cosines)[:20])
    np.testing.assert_allclose(similarities, np.sort(cosines)[::-1][:20], atol=1e-6)


def test_search_honours_the_mask_and_breaks_ties_by_row():
    points = np.tile(np.array([[1, 2, 3]], np.float32), (10, 1))
    mask = np.ones(10, bool)
    mask[:3] = False
    rows, similarities = search(points, np.linalg.norm(points, axis=1), points[0], k=4, mask=mask)
    assert rows.tolist() == [3, 4, 5, 6]
    np.testing.assert_allclose(similarities, 1, atol=1e-6)


def test_search_returns_fewer_where_fewer_are_left():
    points = clustered(5)
    norms = np.linalg.norm(points, axis=1)
    assert search(points, norms, points[0], k=50)[0].size == 5
    assert search(points, norms, points[0], k=3, mask=np.zeros(5, bool))[0].size == 0


def test_search_refuses_a_query_of_another_backbone():
    points = clustered(5)
    with pytest.raises(ParameterError, match="24 finite numbers"):
        search(points, np.linalg.norm(points, axis=1), np.ones(7, np.float32), k=3)
