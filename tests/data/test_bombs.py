"""Small files that stand for much: refused before they cost what they promise."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataeval_ui.data import list_source, safe_member_path
from dataeval_ui.errors import SourceError, UnsafeArchiveError
from dataeval_ui.settings import Settings
from dataeval_ui.types import LabelRule


def test_a_table_that_grows_in_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataeval_ui.data.table.MAX_TABLE_BYTES", 10_000_000)
    path = tmp_path / "bomb.parquet"
    same = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 1000]))
    pq.write_table(pa.table({"path": same}), path)
    assert path.stat().st_size < 100_000
    with pytest.raises(SourceError, match="more than 10,000,000 bytes once it is read"):
        list_source(path, rule=LabelRule(), settings=Settings(workspace=tmp_path / "workspace"))


def test_an_archive_of_too_many_files_is_refused_before_one_is_written(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for n in range(20):
            archive.writestr(f"{n}.png", b"")
    settings = Settings(workspace=tmp_path / "workspace", max_archive_files=19)
    with pytest.raises(UnsafeArchiveError, match="more than 19 files"):
        list_source(tmp_path / "many.zip", rule=LabelRule(), settings=settings)
    assert [path for path in (tmp_path / "workspace").rglob("*") if path.is_file()] == []


def test_a_name_of_hundreds_of_folders_is_refused() -> None:
    assert len(safe_member_path("a/" * 63 + "x.png").parts) == 64
    with pytest.raises(UnsafeArchiveError, match="more than 64 folders deep"):
        safe_member_path("a/" * 64 + "x.png")


def test_parquet_whose_text_is_not_utf_8_is_refused_in_a_sentence(tmp_path):
    offsets = pa.py_buffer(struct.pack("<2i", 0, 3))
    text = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"a\x9fb")])
    pq.write_table(pa.table({"path": text}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        list_source(tmp_path / "t.parquet", rule=LabelRule(), settings=Settings(workspace=tmp_path / "workspace"))
