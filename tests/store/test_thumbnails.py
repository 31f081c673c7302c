import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from dataeval_ui.store.parts import ImageParts
from dataeval_ui.store.thumbnails import ThumbnailStore
from dataeval_ui.store.workspace import Workspace
from tests.fakes import decoded_image, image_id


def add(workspace: Workspace, *numbers: int) -> None:
    ImageParts(workspace).append_images([decoded_image(n) for n in numbers])


def jpeg(number: int) -> bytes:
    return decoded_image(number).thumbnail


def test_thumbnails_come_by_id_and_unknown_ones_are_left_out(workspace: Workspace) -> None:
    add(workspace, 1, 2)
    store = ThumbnailStore(workspace)
    assert store.get(image_id(1)) == jpeg(1)
    assert store.get(image_id(9)) is None
    assert store.get_many([image_id(2), image_id(9), image_id(2)]) == {image_id(2): jpeg(2)}
    assert store.get_many([]) == {}


def test_new_images_are_found_without_being_told(workspace: Workspace) -> None:
    add(workspace, 1)
    store = ThumbnailStore(workspace)
    store.get(image_id(1))
    add(workspace, 2)
    assert store.get(image_id(2)) == jpeg(2)


def test_parts_that_were_taken_in_are_not_read_again(workspace: Workspace) -> None:
    add(workspace, *range(10))
    assert ThumbnailStore(workspace).refresh() == 10
    assert ThumbnailStore(workspace).refresh() == 0


def test_a_compacted_part_adds_nothing_and_loses_nothing(workspace: Workspace) -> None:
    add(workspace, 1)
    add(workspace, 2)
    store = ThumbnailStore(workspace)
    assert store.refresh() == 2
    add(workspace, 3)
    ImageParts(workspace).parts.compact()
    assert store.refresh() == 1
    assert {n: store.get(image_id(n)) for n in (1, 2, 3)} == {n: jpeg(n) for n in (1, 2, 3)}


@pytest.mark.parametrize("content", [b"", b"no database", bytes(8192)])
def test_a_damaged_database_is_built_again(workspace: Workspace, content: bytes) -> None:
    add(workspace, 1)
    (workspace.views_dir / "thumbnails.sqlite").write_bytes(content)
    assert ThumbnailStore(workspace).get(image_id(1)) == jpeg(1)


def test_a_database_damaged_while_open_is_built_again(workspace: Workspace) -> None:
    add(workspace, *range(200))
    store = ThumbnailStore(workspace)
    store.refresh()
    store.close()
    path = workspace.views_dir / "thumbnails.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    assert store.get(image_id(7)) == jpeg(7)


def test_a_database_that_is_deleted_while_open_is_built_again(workspace: Workspace) -> None:
    add(workspace, 1)
    store = ThumbnailStore(workspace)
    store.get(image_id(1))
    shutil.rmtree(workspace.views_dir)
    add(workspace, 2)
    assert store.get(image_id(2)) == jpeg(2)
    assert store.get(image_id(1)) == jpeg(1)


def test_more_ids_than_a_query_takes_come_back(workspace: Workspace) -> None:
    add(workspace, *range(1200))
    ids = [image_id(n) for n in range(1200)]
    assert ThumbnailStore(workspace).get_many(ids) == {image_id(n): jpeg(n) for n in range(1200)}


def test_many_threads_read_while_images_are_added(workspace: Workspace) -> None:
    add(workspace, *range(50))
    store = ThumbnailStore(workspace)

    def read(number: int) -> bool:
        if number % 20 == 0:
            add(workspace, 50 + number)
            return store.get(image_id(50 + number)) == jpeg(50 + number)
        return store.get(image_id(number % 50)) == jpeg(number % 50)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(200)))
    store.close()
