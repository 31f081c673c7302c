"""Exports: what a person's spreadsheet and a program's parser read back."""

import csv
import io
import json
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from dataeval_ui.errors import StorageError
from dataeval_ui.share.tables import findings_table, harmless, table_bytes, write_table
from dataeval_ui.types import Finding

TABLE = pa.table({"path": ["a,b.png", '"q".png', "=1+1"], "score": pa.array([0.5, math.nan, None], pa.float32())})


def test_csv_reads_back_with_the_standard_library() -> None:
    rows = list(csv.DictReader(io.StringIO(table_bytes(TABLE, "csv").decode())))
    assert [row["path"] for row in rows] == ["a,b.png", '"q".png', "'=1+1"]


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@a", "\tx"])
def test_text_that_a_spreadsheet_would_run_is_made_harmless(text: str) -> None:
    assert harmless(text) == f"'{text}"


def test_other_text_is_left_alone() -> None:
    assert harmless("a=b") == "a=b"
    assert harmless(None) is None


def test_json_has_null_where_a_number_is_missing_or_not_finite() -> None:
    rows = json.loads(table_bytes(TABLE, "json"))
    assert [row["score"] for row in rows] == [0.5, None, None]


def test_parquet_keeps_values_and_types() -> None:
    assert pyarrow.parquet.read_table(io.BytesIO(table_bytes(TABLE, "parquet"))).schema == TABLE.schema


def test_writing_into_a_missing_folder_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        write_table(TABLE, tmp_path / "missing" / "out.csv", "csv")
    assert list(tmp_path.iterdir()) == []


def test_a_findings_table_keeps_the_evidence_as_json() -> None:
    finding = Finding(
        kind="leak",
        severity=0.9,
        sentence="s",
        advice="a",
        image_ids=("x", "y"),
        paths=("p", "q"),
        evidence={"cosine": 0.99},
    )
    row = findings_table([finding]).to_pylist()[0]
    assert (row["n_images"], row["image_ids"], json.loads(row["evidence"])) == (2, "x;y", {"cosine": 0.99})
