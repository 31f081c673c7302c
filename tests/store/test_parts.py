import logging
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dataeval_ui.errors import StorageError
from dataeval_ui.store.images import read_image_columns
from dataeval_ui.store.parts import EmbeddingParts, ImageParts, Parts, to_matrix
from dataeval_ui.store.workspace import Workspace
from tests.fakes import KEY, decoded_image, embedding_of, image_id

SCHEMA = pa.schema([("image_id", pa.string()), ("value", pa.int64())])


def rows(*numbers: int, offset: int = 0) -> pa.Table:
    return pa.table({"image_id": [str(n) for n in numbers], "value": [n + offset for n in numbers]}, schema=SCHEMA)


def values(parts: Parts, *ids: str) -> list[int]:
    return parts.read(ids, ["value"]).column("value").to_pylist()


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts.local(tmp_path / "parts", SCHEMA)


def test_rows_come_back_in_the_order_asked_for_and_as_often(parts: Parts) -> None:
    parts.append(rows(1, 2))
    parts.append(rows(3, 4))
    assert values(parts, "4", "1", "4", "2") == [4, 1, 4, 2]
    assert sorted(parts.read(None, ["value"]).column("value").to_pylist()) == [1, 2, 3, 4]
    assert parts.read([], ["value"]).num_rows == 0


def test_the_same_rows_give_the_same_bytes_and_are_there_once(parts: Parts, tmp_path: Path) -> None:
    other = Parts.local(tmp_path / "other", SCHEMA)
    name = parts.append(rows(1, 2))
    assert other.append(rows(1, 2)) == name == parts.append(rows(1, 2))
    assert parts.names() == [name]
    assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_rows_that_stand_in_two_parts_resolve_to_the_first_part(parts: Parts) -> None:
    parts.append(rows(1, 2), name="b")
    parts.append(rows(2, 3, offset=100), name="a")
    assert parts.ids() == {"1", "2", "3"}
    assert values(parts, "1", "2", "3") == [1, 102, 103]


def test_ids_that_are_not_there_are_counted(parts: Parts) -> None:
    parts.append(rows(1))
    assert parts.missing(["9", "1", "8"]) == ["9", "8"]
    with pytest.raises(StorageError, match="2 of 3 images are not in the store"):
        parts.read(["9", "1", "8"], ["value"])


def test_an_empty_table_commits_nothing(parts: Parts) -> None:
    assert parts.append(SCHEMA.empty_table()) == ""
    assert parts.names() == []
    assert parts.ids() == set()


def test_the_digest_follows_the_list_of_parts(parts: Parts) -> None:
    before = parts.digest()
    parts.append(rows(1))
    after = parts.digest()
    parts.append(rows(1))
    assert before != after == parts.digest()


def test_parts_that_were_read_are_not_read_again(parts: Parts, tmp_path: Path) -> None:
    first = parts.append(rows(1))
    assert parts.ids() == {"1"}
    (tmp_path / "parts" / first).write_bytes(b"would not parse")
    parts.append(rows(2))
    assert parts.ids() == {"1", "2"}


def test_a_zero_byte_part_is_set_aside_with_a_sentence(
    parts: Parts, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts.append(rows(1))
    (tmp_path / "parts" / "torn.parquet").touch()
    with caplog.at_level(logging.WARNING):
        assert Parts.local(tmp_path / "parts", SCHEMA).ids() == {"1"}
    assert "torn.parquet is damaged" in caplog.text
    assert (tmp_path / "parts" / "torn.parquet.damaged").exists()


@pytest.mark.parametrize("keep", [1, 10, 0.3, 0.9, 0.999])
def test_a_torn_part_never_gives_rows(parts: Parts, tmp_path: Path, keep: float) -> None:
    path = tmp_path / "parts" / parts.append(rows(*range(5000)))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep) if keep < 1 else int(keep)])
    assert Parts.local(tmp_path / "parts", SCHEMA).ids() == set()


def test_a_changed_byte_is_noticed_and_its_images_are_computed_again(parts: Parts, tmp_path: Path) -> None:
    path = tmp_path / "parts" / parts.append(rows(*range(100)))
    data = bytearray(path.read_bytes())
    column = pa.parquet.ParquetFile(path).metadata.row_group(0).column(1)
    data[column.data_page_offset + column.total_compressed_size - 3] ^= 0xFF
    path.write_bytes(data)
    reopened = Parts.local(tmp_path / "parts", SCHEMA)
    assert len(reopened.ids()) == 100
    with pytest.raises(StorageError, match=r"was damaged and is set aside. Run again"):
        reopened.read(["1"], ["value"])
    assert reopened.ids() == set()
    reopened.append(rows(*range(100)))
    assert values(reopened, "99", "0") == [99, 0]


def test_compacting_keeps_every_row_and_the_resolution_of_duplicates(parts: Parts, tmp_path: Path) -> None:
    for start in range(0, 40, 4):
        parts.append(rows(*range(start, start + 5)))
    parts.append(rows(0, offset=500), name="0first")
    before = parts.read(None, ["image_id", "value"]).to_pydict()
    assert parts.compact(target_rows=1000) == 11
    assert len(parts.names()) == 1
    after = Parts.local(tmp_path / "parts", SCHEMA).read(None, ["image_id", "value"]).to_pydict()
    assert dict(zip(*after.values(), strict=True)) == dict(zip(*before.values(), strict=True))
    assert parts.compact(target_rows=1000) == 0


def test_a_kill_between_joining_and_deleting_leaves_rows_twice_and_read_once(parts: Parts, tmp_path: Path) -> None:
    kept = {}
    for n in range(4):
        name = parts.append(rows(n))
        kept[name] = (tmp_path / "parts" / name).read_bytes()
    parts.compact(target_rows=100)
    for name, data in kept.items():
        (tmp_path / "parts" / name).write_bytes(data)
    reopened = Parts.local(tmp_path / "parts", SCHEMA)
    assert sorted(reopened.read(None, ["value"]).column("value").to_pylist()) == [0, 1, 2, 3]
    assert values(reopened, "3", "0") == [3, 0]


def test_readers_survive_a_compaction_at_any_moment(parts: Parts, tmp_path: Path) -> None:
    for n in range(60):
        parts.append(rows(n * 2, n * 2 + 1))
    wrong: list[object] = []
    over = threading.Event()

    def read() -> None:
        reader = Parts.local(tmp_path / "parts", SCHEMA)
        ids = [str(n) for n in range(120)]
        while not over.is_set():
            try:
                if values(reader, *ids) != list(range(120)):
                    wrong.append("other rows")
                seen = {i for table in reader.iter_tables(["image_id"]) for i in table.column(0).to_pylist()}
                if seen != set(ids):
                    wrong.append(set(ids) - seen)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is wrong
                wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for target in (4, 8, 16, 32, 64, 200, 1000):
        parts.compact(target_rows=target)
    over.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_parts_work_on_any_pyarrow_file_system() -> None:
    from pyarrow.fs import _MockFileSystem

    filesystem = _MockFileSystem()
    filesystem.create_dir("bucket/parts")
    parts = Parts(filesystem, "bucket/parts", SCHEMA)
    parts.append(rows(1, 2))
    parts.append(rows(3))
    assert parts.ids() == {"1", "2", "3"}
    assert values(parts, "3", "1") == [3, 1]
    assert parts.compact() == 2
    assert len(parts.names()) == 1
    assert values(parts, "3", "1") == [3, 1]


def test_a_file_uri_opens_a_local_folder(tmp_path: Path) -> None:
    Parts.from_uri((tmp_path / "parts").as_uri(), SCHEMA).append(rows(7))
    assert values(Parts.local(tmp_path / "parts", SCHEMA), "7") == [7]


def test_images_keep_what_decoding_gave(workspace: Workspace) -> None:
    ImageParts(workspace).append_images([decoded_image(n) for n in range(3)])
    ImageParts(workspace).append_images([decoded_image(n) for n in range(3, 5)])
    table = read_image_columns(workspace, [image_id(4), image_id(0)])
    assert table.select(["width_px", "height_px", "phash", "dhash", "format"]).to_pylist() == [
        {"width_px": 14, "height_px": 24, "phash": 2**64 - 5, "dhash": 4, "format": "JPEG"},
        {"width_px": 10, "height_px": 20, "phash": 2**64 - 1, "dhash": 0, "format": "JPEG"},
    ]
    assert table.column("statistics").to_pylist()[0] == {"brightness": 2.0, "contrast": 1.0}


def test_an_unreadable_image_is_refused(workspace: Workspace) -> None:
    from dataeval_ui.types import DecodedImage

    with pytest.raises(ValueError, match="could not be read, such as: Too large"):
        ImageParts(workspace).append_images([DecodedImage(image_id="a", reason="Too large.")])


def test_embeddings_come_back_bit_by_bit(workspace: Workspace) -> None:
    parts = EmbeddingParts(workspace, KEY)
    assert parts.n_dims is None
    matrix = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    parts.append_embeddings([str(i) for i in range(3)], matrix[:3])
    parts.append_embeddings([str(i) for i in range(3, 5)], matrix[3:])
    assert parts.append_embeddings([], matrix[:0]) == ""
    read = to_matrix(parts.read(["4", "0", "2"]).column("embedding"))
    np.testing.assert_array_equal(read, matrix[[4, 0, 2]])
    assert EmbeddingParts(workspace, KEY).n_dims == 7


def test_embeddings_of_another_length_or_not_finite_are_refused(workspace: Workspace) -> None:
    parts = EmbeddingParts(workspace, KEY)
    parts.append_embeddings(["a"], embedding_of(1)[None])
    with pytest.raises(StorageError, match="holds embeddings of 4 dimensions, got 5"):
        parts.append_embeddings(["b"], np.zeros((1, 5), np.float32))
    with pytest.raises(ValueError, match="1 embeddings hold a value that is not finite"):
        parts.append_embeddings(["b"], np.array([[1, 2, np.nan, 4]], np.float32))
    with pytest.raises(ValueError, match="2 images came with embeddings of shape"):
        parts.append_embeddings(["b", "c"], np.zeros((1, 4), np.float32))
    assert parts.ids() == {"a"}
