from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.errors import StorageError
from dataeval_ui.store.parts import EmbeddingParts
from dataeval_ui.store.view import open_view
from dataeval_ui.store.workspace import Workspace
from tests.fakes import KEY, embedding_of


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    parts = EmbeddingParts(workspace, KEY)
    for start in range(0, 20, 5):
        numbers = range(start, start + 5)
        parts.append_embeddings([str(n) for n in numbers], np.stack([embedding_of(n) for n in numbers]))
    return workspace


def view_files(workspace: Workspace) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(workspace.views_dir)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in workspace.views_dir.rglob("*")
        if path.is_file()
    }


def test_rows_stand_in_the_order_of_the_run(filled: Workspace) -> None:
    view = open_view(filled, KEY, ["7", "0", "19"])
    np.testing.assert_array_equal(view.embeddings, np.stack([embedding_of(n) for n in (7, 0, 19)]))
    np.testing.assert_allclose(view.norms, np.linalg.norm(view.embeddings, axis=1), rtol=1e-6)
    assert view.image_ids == ("7", "0", "19")
    assert view.embeddings.dtype == view.norms.dtype == np.float32


def test_a_view_cannot_be_written(filled: Workspace) -> None:
    with pytest.raises(ValueError, match="read-only"):
        open_view(filled, KEY, ["7"]).embeddings[0, 0] = 1


def test_a_view_that_is_there_is_used_again(filled: Workspace) -> None:
    ids = [str(n) for n in range(20)]
    open_view(filled, KEY, ids)
    before = view_files(filled)
    open_view(filled, KEY, tuple(ids))
    assert view_files(filled) == before
    open_view(filled, KEY, ids[::-1])
    assert len(view_files(filled)) == 2 * len(before)


@pytest.mark.parametrize("name", ["embeddings.f32", "norms.f32", "view.json"])
@pytest.mark.parametrize("damage", ["missing", "short", "zeros"])
def test_a_damaged_view_is_built_again(filled: Workspace, name: str, damage: str) -> None:
    ids = [str(n) for n in range(20)]
    expected = np.array(open_view(filled, KEY, ids).embeddings)
    (path,) = filled.views_dir.glob(f"*/{name}")
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(bytes(path.stat().st_size - (damage == "short")))
    view = open_view(filled, KEY, ids)
    np.testing.assert_array_equal(view.embeddings, expected)
    np.testing.assert_allclose(view.norms, np.linalg.norm(expected, axis=1), rtol=1e-6)


@pytest.mark.parametrize("name", ["embeddings.f32", "norms.f32"])
def test_a_changed_bit_anywhere_in_a_view_never_gives_another_number(workspace: Workspace, name: str) -> None:
    matrix = np.random.default_rng(0).standard_normal((500, 4)).astype(np.float32)
    ids = [str(n) for n in range(500)]
    EmbeddingParts(workspace, KEY).append_embeddings(ids, matrix)
    norms = np.array(open_view(workspace, KEY, ids).norms)
    (path,) = workspace.views_dir.glob(f"*/{name}")
    for place in np.random.default_rng(1).integers(0, path.stat().st_size, 40):
        data = bytearray(path.read_bytes())
        data[place] ^= 1
        path.write_bytes(data)
        view = open_view(workspace, KEY, ids)
        np.testing.assert_array_equal(view.embeddings, matrix)
        np.testing.assert_array_equal(view.norms, norms)


def test_images_without_an_embedding_are_counted(filled: Workspace) -> None:
    with pytest.raises(StorageError, match="2 of 3 images are not in the store"):
        open_view(filled, KEY, ["7", "77", "78"])
    assert list(filled.views_dir.iterdir()) == []


def test_a_key_without_embeddings_is_a_sentence(workspace: Workspace) -> None:
    with pytest.raises(StorageError, match="None of 1 images has an embedding of this backbone"):
        open_view(workspace, KEY, ["7"])


def test_a_run_without_images_has_an_empty_view(filled: Workspace) -> None:
    assert open_view(filled, KEY, []).embeddings.shape == (0, 4)
    assert open_view(filled, KEY, []).norms.shape == (0,)


def test_more_rows_than_a_row_group_and_compaction_change_nothing(workspace: Workspace) -> None:
    parts = EmbeddingParts(workspace, KEY)
    matrix = np.random.default_rng(0).standard_normal((10_000, 3)).astype(np.float32)
    ids = [f"{n:05d}" for n in range(10_000)]
    for start in (0, 9_000, 9_500):
        stop = {0: 9_000, 9_000: 9_500, 9_500: 10_000}[start]
        parts.append_embeddings(ids[start:stop], matrix[start:stop])
    order = np.random.default_rng(1).permutation(10_000)
    before = open_view(workspace, KEY, [ids[i] for i in order])
    np.testing.assert_array_equal(before.embeddings, matrix[order])
    parts.parts.compact()
    for path in workspace.views_dir.rglob("*.f32"):
        path.unlink()
    np.testing.assert_array_equal(open_view(workspace, KEY, [ids[i] for i in order]).embeddings, matrix[order])


def test_an_open_view_outlives_its_files(filled: Workspace) -> None:
    view = open_view(filled, KEY, ["3"])
    for path in sorted(filled.views_dir.rglob("*"), reverse=True):
        Path.rmdir(path) if path.is_dir() else path.unlink()
    np.testing.assert_array_equal(view.embeddings[0], embedding_of(3))
