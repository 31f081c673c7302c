import pyarrow as pa
import pytest

from dataeval_ui.data import finish_manifest

COLUMNS = {
    "path": ["a.png", "b.png"],
    "image_id": ["00", None],
    "label": ["cat", None],
    "split": [None, "test"],
    "n_bytes": [4, 5],
    "mtime_ns": [1, 2],
    "status": ["ok", "unreadable"],
    "reason": [None, "The file is empty."],
    "meta.n": [1, 2],
}


def digest(**changes: object) -> str:
    return finish_manifest(pa.table({**COLUMNS, **changes})).digest


def test_the_digest_does_not_change_with_what_shapes_no_result() -> None:
    table = pa.table(COLUMNS)
    same = [
        table.select(list(reversed(table.column_names))),
        pa.concat_tables([table.slice(0, 1), table.slice(1)]),
        table.set_column(8, "meta.n", pa.array([1, 2], pa.int16())),
        pa.table({**COLUMNS, "mtime_ns": [7, 8]}),
    ]
    assert {finish_manifest(other).digest for other in same} == {digest()}
    assert len(digest()) == 16


@pytest.mark.parametrize("name", ["path", "image_id", "label", "split", "status", "meta.n"])
def test_a_change_of_any_column_that_shapes_a_result_changes_it(name: str) -> None:
    values = list(reversed(COLUMNS[name]))
    assert digest(**{name: values}) != digest()


def test_an_own_column_more_or_renamed_changes_it() -> None:
    assert digest(**{"meta.m": [1, 2]}) != digest()
    renamed = {("meta.o" if name == "meta.n" else name): values for name, values in COLUMNS.items()}
    assert finish_manifest(pa.table(renamed)).digest != digest()


OBJECTS = {
    "path": ["a.png", "a.png"],
    "object": [0, 1],
    "label": ["cat", None],
    "x_px": [1.5, None],
    "mask": [None, "{}"],
}


def test_objects_are_in_the_digest_and_a_manifest_without_them_keeps_its_own() -> None:
    table, objects = pa.table(COLUMNS), pa.table(OBJECTS)
    finished = finish_manifest(table, objects)
    assert finished.objects == objects
    assert finished.digest != finish_manifest(table).digest == digest()
    assert finish_manifest(table, pa.concat_tables([objects[:1], objects[1:]])).digest == finished.digest
    for name, values in OBJECTS.items():
        changed = pa.table({**OBJECTS, name: pa.array(list(reversed(values)), objects.schema.field(name).type)})
        assert (finish_manifest(table, changed).digest == finished.digest) == (name == "path")
