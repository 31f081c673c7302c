import numpy as np
import pytest

from dataeval_ui.analysis.neighbors import find_neighbors
from dataeval_ui.analysis.projection import place, principal_layout, project
from dataeval_ui.errors import ParameterError


def clusters(n, d=16, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.sort(rng.integers(0, 3, n))
    return (4 * np.eye(3, d)[truth] + 0.5 * rng.normal(size=(n, d))).astype(np.float32), truth


def test_the_principal_layout_agrees_with_scikit_learn():
    from sklearn.decomposition import PCA

    points, _ = clusters(200)
    units = points / np.linalg.norm(points, axis=1, keepdims=True)
    reference = PCA(n_components=2, svd_solver="full").fit_transform(units)
    layout = principal_layout(points, random_state=0)
    for axis in range(2):
        assert abs(np.corrcoef(layout[:, axis], reference[:, axis])[0, 1]) > 0.9999
        assert layout[:, axis].min() == 0
        assert layout[:, axis].max() == pytest.approx(10)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_a_tiny_set_is_laid_out_without_umap(n):
    points = np.eye(4, dtype=np.float32)[:n]
    found = project(points, find_neighbors(points, n_neighbors=15))
    assert found.xy.shape == (n, 2)
    assert found.xy.dtype == np.float32
    assert np.isfinite(found.xy).all()
    assert len(np.unique(found.xy, axis=0)) == n
    assert not found.placed.any()
    assert (found.confidence == 1).all()


def test_equal_images_share_one_place():
    points = np.ones((30, 5), np.float32)
    found = project(points, find_neighbors(points, n_neighbors=5))
    assert (found.xy == found.xy[0]).all()


@pytest.mark.slow
def test_umap_keeps_neighbours_and_is_repeatable():
    points, truth = clusters(120)
    points[40:44] = points[40]
    points[9] = 0
    graph = find_neighbors(points, n_neighbors=10)
    found = project(points, graph, random_state=3)
    assert np.isfinite(found.xy).all()
    np.testing.assert_array_equal(found.xy, project(points, graph, random_state=3).xy)
    gaps = np.linalg.norm(found.xy[:, None] - found.xy[None], axis=2) + 1e9 * np.eye(120)
    near = np.argsort(gaps, axis=1)[:, :5]
    real = np.arange(120) != 9
    assert (truth[near] == truth[:, None])[real].mean() > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("n", [5, 6, 7, 16])
def test_umap_works_on_few_images(n):
    points, _ = clusters(n)
    points[0] = -points[1]
    assert np.isfinite(project(points, find_neighbors(points, n_neighbors=15)).xy).all()


def map_of(points):
    return principal_layout(points, random_state=0)


def test_a_copy_of_a_fitted_image_is_placed_beside_it():
    points, _ = clusters(200)
    points = np.vstack([points, points[[5]]])
    xy = np.vstack([map_of(points[:200]), [[np.nan, np.nan]]]).astype(np.float32)
    is_new = np.arange(201) == 200
    found = place(points, find_neighbors(points, n_neighbors=10), xy, is_new=is_new)
    np.testing.assert_array_equal(found.xy[:200], xy[:200])
    spread = np.linalg.norm(xy[:200] - xy[:200].mean(axis=0), axis=1).mean()
    assert np.linalg.norm(found.xy[200] - xy[5]) < 0.3 * spread
    assert found.placed.tolist() == is_new.tolist()
    assert 0 < found.confidence[200] <= 1
    assert (found.confidence[:200] == 1).all()


def test_alone_or_among_many_an_image_gets_the_same_place():
    points, _ = clusters(300)
    new = np.vstack([clusters(1, seed=5)[0], np.repeat(clusters(1, seed=5)[0], 30, axis=0)])
    xy = map_of(points)

    def placed(added):
        everything = np.vstack([points, added])
        whole = np.vstack([xy, np.full((len(added), 2), np.nan)]).astype(np.float32)
        graph = find_neighbors(everything, n_neighbors=10)
        found = place(everything, graph, whole, is_new=np.arange(len(everything)) >= 300)
        return found.xy[300], found.confidence[300]

    alone, among = placed(new[:1]), placed(new)
    np.testing.assert_allclose(alone[0], among[0], atol=1e-6)
    assert alone[1] == pytest.approx(among[1], abs=1e-6)


def test_an_image_between_two_far_groups_has_low_confidence():
    points = np.vstack([np.eye(2, 4, 0) + 1e-3 * np.random.default_rng(i).normal(size=(2, 4)) for i in range(20)])
    points = points.astype(np.float32)
    xy = np.where(np.arange(40)[:, None] % 2 == 0, [[0.0, 0.0]], [[10.0, 0.0]]).astype(np.float32)
    everything = np.vstack([points, [[1, 1, 0, 0]], [[1, 0, 0, 0]]]).astype(np.float32)
    whole = np.vstack([xy, np.zeros((2, 2))]).astype(np.float32)
    graph = find_neighbors(everything, n_neighbors=20)
    found = place(everything, graph, whole, is_new=np.arange(42) >= 40)
    assert found.confidence[40] < 0.3
    assert found.confidence[41] > 0.95


def test_a_map_without_fitted_images_cannot_be_extended():
    points, _ = clusters(10)
    graph = find_neighbors(points, n_neighbors=3)
    with pytest.raises(ParameterError, match="fit the map anew"):
        place(points, graph, np.zeros((10, 2), np.float32), is_new=np.ones(10, bool))


def test_a_graph_of_other_images_is_refused():
    points, _ = clusters(10)
    with pytest.raises(ParameterError, match="graph has 10 images"):
        project(points[:9], find_neighbors(points, n_neighbors=3))
    with pytest.raises(ParameterError, match="min_dist"):
        project(points, find_neighbors(points, n_neighbors=3), min_dist=1)


def test_the_map_is_the_same_where_umap_keeps_pythons_lock(monkeypatch):
    points = np.random.default_rng(3).normal(size=(60, 6)).astype(np.float32)
    graph = find_neighbors(points, n_neighbors=8)
    released = project(points, graph).xy
    import numba
    from umap import layouts

    name = "_nb_optimize_layout_euclidean_single_epoch"
    own = numba.njit(fastmath=True)(layouts._optimize_layout_euclidean_single_epoch)
    assert getattr(layouts, name).targetoptions["nogil"]
    monkeypatch.setattr(layouts, name, own)
    np.testing.assert_array_equal(project(points, graph).xy, released)
