import io
import zipfile

import numpy as np
import pyarrow as pa
import pytest

from dataeval_ui.errors import ParameterError, StorageError
from dataeval_ui.store.manifests import load_manifest, save_manifest
from dataeval_ui.store.results import finish_run, is_finished, load_json, load_result, save_json, save_result
from dataeval_ui.store.workspace import Workspace
from dataeval_ui.types import Clustering, Manifest, NeighborGraph, Projection
from tests.fakes import manifest_of

GRAPH = NeighborGraph(indices=np.array([[1], [0]], np.int32), similarities=np.array([[0.5], [0.5]], np.float32))


def test_a_result_comes_back_bit_by_bit_with_its_types(workspace: Workspace) -> None:
    save_result(workspace, "r1", "neighbors", GRAPH)
    loaded = load_result(workspace, "r1", "neighbors", NeighborGraph)
    np.testing.assert_array_equal(loaded.indices, GRAPH.indices)
    np.testing.assert_array_equal(loaded.similarities, GRAPH.similarities)
    assert (loaded.indices.dtype, loaded.similarities.dtype) == (np.int32, np.float32)


def test_an_empty_result_comes_back(workspace: Workspace) -> None:
    empty = Projection(xy=np.zeros((0, 2), np.float32), placed=np.zeros(0, bool), confidence=np.zeros(0, np.float32))
    save_result(workspace, "r1", "projection", empty)
    assert load_result(workspace, "r1", "projection", Projection).xy.shape == (0, 2)


def test_equal_results_give_equal_bytes(workspace: Workspace) -> None:
    save_result(workspace, "r1", "neighbors", GRAPH)
    save_result(workspace, "r2", "neighbors", GRAPH)
    first, second = (workspace.run_dir(run) / "neighbors.npz" for run in ("r1", "r2"))
    assert first.read_bytes() == second.read_bytes()


def test_a_missing_result_says_what_to_do(workspace: Workspace) -> None:
    with pytest.raises(StorageError, match="Run r1 has no neighbors yet"):
        load_result(workspace, "r1", "neighbors", NeighborGraph)


def test_other_arrays_than_expected_are_refused(workspace: Workspace) -> None:
    save_result(workspace, "r1", "clusters", GRAPH)
    with pytest.raises(StorageError, match=r"holds .*indices.* are expected"):
        load_result(workspace, "r1", "clusters", Clustering)


def test_a_result_with_pickled_objects_is_never_loaded(workspace: Workspace) -> None:
    save_result(workspace, "r1", "neighbors", GRAPH)
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([print], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(workspace.run_dir("r1") / "neighbors.npz", "w") as archive:
        archive.writestr("indices.npy", stream.getvalue())
        archive.writestr("similarities.npy", stream.getvalue())
    with pytest.raises(StorageError, match="is damaged or cannot be read"):
        load_result(workspace, "r1", "neighbors", NeighborGraph)


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_torn_result_is_a_sentence(workspace: Workspace, keep: int) -> None:
    save_result(workspace, "r1", "neighbors", GRAPH)
    path = workspace.run_dir("r1") / "neighbors.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StorageError, match="is damaged or cannot be read"):
        load_result(workspace, "r1", "neighbors", NeighborGraph)


def test_a_changed_byte_of_a_result_is_noticed(workspace: Workspace) -> None:
    save_result(workspace, "r1", "neighbors", GRAPH)
    path = workspace.run_dir("r1") / "neighbors.npz"
    data = bytearray(path.read_bytes())
    data[data.index(GRAPH.indices.tobytes())] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(StorageError, match="is damaged or cannot be read"):
        load_result(workspace, "r1", "neighbors", NeighborGraph)


@pytest.mark.parametrize("bit", [0, 7])
def test_no_changed_bit_of_a_result_gives_other_numbers_or_another_error(workspace: Workspace, bit: int) -> None:
    save_result(workspace, "r1", "neighbors", GRAPH)
    path = workspace.run_dir("r1") / "neighbors.npz"
    whole = path.read_bytes()
    n_noticed = 0
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 1 << bit
        path.write_bytes(data)
        try:
            graph = load_result(workspace, "r1", "neighbors", NeighborGraph)
        except StorageError:
            n_noticed += 1
        else:
            np.testing.assert_array_equal(graph.indices, GRAPH.indices)
            np.testing.assert_array_equal(graph.similarities, GRAPH.similarities)
    assert n_noticed > len(whole) // 2


def test_a_run_is_finished_only_with_its_last_file(workspace: Workspace) -> None:
    save_json(workspace, "r1", "findings", [{"kind": "leak"}])
    assert not is_finished(workspace, "r1")
    finish_run(workspace, "r1", {"n_files": 3})
    assert is_finished(workspace, "r1")
    assert load_json(workspace, "r1", "run") == {"n_files": 3}
    assert load_json(workspace, "r1", "findings") == [{"kind": "leak"}]
    assert not is_finished(workspace, "r2")


def test_a_name_that_is_a_path_is_refused(workspace: Workspace) -> None:
    with pytest.raises(ParameterError, match="A result is named by"):
        save_json(workspace, "r1", "../evil", {})


def test_a_manifest_comes_back_whole(workspace: Workspace) -> None:
    manifest = manifest_of([1, 2, 1])
    save_manifest(workspace, manifest)
    assert load_manifest(workspace, manifest.digest) == manifest


def test_a_manifest_that_is_missing_damaged_or_another_one_is_a_sentence(workspace: Workspace) -> None:
    with pytest.raises(StorageError, match=r"is not in the workspace\. Run the dataset again"):
        load_manifest(workspace, "ab12")
    save_manifest(workspace, Manifest(table=pa.table({"path": ["a"]}), digest="ab12"))
    path = workspace.manifests_dir / "ab12.parquet"
    path.rename(workspace.manifests_dir / "ffff.parquet")
    with pytest.raises(StorageError, match="is not the one of that digest"):
        load_manifest(workspace, "ffff")
    path.write_bytes(b"")
    with pytest.raises(StorageError, match="is damaged or cannot be read"):
        load_manifest(workspace, "ab12")
