"""The command line as a user meets it: what it prints, where, and its exit codes."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dataeval_ui.cli import main
from tests.images import make_dataset
from tests.services.conftest import Finished

pytestmark = pytest.mark.slow


def run_cli(finished: Finished, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own on the finished workspace."""
    workspace = str(finished.services.workspace.root)
    command = [sys.executable, "-m", "dataeval_ui", *args, "--workspace", workspace]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def test_run_json_prints_one_object_and_nothing_else(finished: Finished) -> None:
    done = run_cli(finished, "run", str(finished.folder), "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["run"] == finished.summary["run"]
    assert summary["n_files"] == summary["n_images"] + summary["n_unreadable"]
    keys = ["read", "embed", "neighbors", "project", "cluster", "findings", "total"]
    assert list(summary["seconds"]) == keys
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("run", "/no/such/folder"), "/no/such/folder"),
        (("run", ".", "--backbone", "resnet5O"), "Did you mean 'resnet50'?"),
        (("findings", "nope"), "There is no run named 'nope'."),
        (("search", "shapes", "--image", "/no/such.png"), "cannot be read"),
        (("search", "shapes", "--image-id", "nope"), "There is no image with the id or path 'nope'"),
        (("export", "shapes", "/tmp/out.xlsx"), "must end in .csv, .parquet or .json; that of a run also in .html"),
        (("cancel", "nope"), "There is no job named 'nope'."),
    ],
)
def test_wrong_input_is_one_sentence_and_exit_code_2(finished: Finished, args: tuple[str, ...], sentence: str) -> None:
    done = run_cli(finished, *args)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert sentence in done.stderr
    assert done.stderr.startswith("dataeval-ui: ")
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without telling it")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_is_cancelled_and_not_left_running(finished: Finished, tmp_path: Path, number: int) -> None:
    make_dataset(tmp_path / "set")
    workspace = str(finished.services.workspace.root)
    command = [sys.executable, "-m", "dataeval_ui", "run", str(tmp_path / "set"), "--json", "--workspace", workspace]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a suite that was itself started in the background of a script ignores SIGINT, and so would the command
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert process.stderr is not None
    assert "Reading images" in process.stderr.readline()
    process.send_signal(number)
    out, said = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, ""), said
    assert said.splitlines()[-1] == "dataeval-ui: cancelled; run the same command again to go on."
    assert not [job for job in finished.services.catalog.list_jobs() if job.state == "running"]


def test_an_empty_folder_says_what_to_do(finished: Finished, tmp_path: Path) -> None:
    done = run_cli(finished, "run", str(tmp_path))
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def call(finished: Finished, capsysbinary: pytest.CaptureFixture[bytes], *args: str) -> bytes:
    """Run a command in this process and return what it printed."""
    capsysbinary.readouterr()
    assert main([*args, "--workspace", str(finished.services.workspace.root)]) == 0
    return capsysbinary.readouterr().out


def test_findings_are_the_same_in_every_format(finished: Finished, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    import pyarrow.parquet

    as_json = json.loads(call(finished, capsysbinary, "findings", "shapes"))
    as_csv = list(
        csv.DictReader(io.StringIO(call(finished, capsysbinary, "findings", "shapes", "--format", "csv").decode()))
    )
    parquet = call(finished, capsysbinary, "findings", "shapes", "--format", "parquet")
    as_parquet = pyarrow.parquet.read_table(io.BytesIO(parquet)).to_pylist()
    assert [f["sentence"] for f in as_json] == [f["sentence"] for f in as_csv] == [f["sentence"] for f in as_parquet]
    assert {f["kind"] for f in as_json} >= {"exact_duplicates", "unreadable", "leak"}
    only = json.loads(call(finished, capsysbinary, "findings", "shapes", "--kind", "unreadable"))
    assert only == [f for f in as_json if f["kind"] == "unreadable"]


def test_searching_with_a_file_of_the_set_finds_that_file_first(
    finished: Finished, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    image = finished.folder / "train/circle/circle-05.png"
    out = call(finished, capsysbinary, "search", "shapes", "--image", str(image), "--k", "3", "--json")
    found = json.loads(out)["neighbors"]
    assert found[0]["path"] == "train/circle/circle-05.png"
    assert found[0]["similarity"] == pytest.approx(1.0, abs=1e-4)
    assert [f["rank"] for f in found] == [1, 2, 3]


def test_export_writes_a_row_an_image(
    finished: Finished, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    out = tmp_path / "shapes.csv"
    assert call(finished, capsysbinary, "export", "shapes", str(out)) == b""
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == 43
    assert {row["label"] for row in rows} == {"circle", "square", "stripes"}
    assert all(float(row["outlier_score"]) <= 1 for row in rows)


@pytest.mark.parametrize("what", ["backbones", "datasets", "runs", "jobs"])
def test_lists_are_objects_with_their_own_name(
    finished: Finished, capsysbinary: pytest.CaptureFixture[bytes], what: str
) -> None:
    rows = json.loads(call(finished, capsysbinary, what, "--json"))[what]
    assert rows
    table = call(finished, capsysbinary, what).decode()
    assert len(table.splitlines()) == len(rows) + 1


def test_the_layers_of_a_backbone_are_listed_with_the_poolings_that_fit(
    finished: Finished, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    out = call(finished, capsysbinary, "backbones", "efficientnet-lite0", "--layers", "--json")
    layers = {layer["layer"]: layer for layer in json.loads(out)["layers"]}
    assert layers["conv_head"]["shape"] == [1280, 7, 7]
    assert layers["conv_head"]["flat"] == 1280 * 49
    assert layers["conv_head"]["poolings"] == ["mean", "max", "gem", "flatten"]
    assert layers["output"]["poolings"] == ["none"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--input-px", "64"), "--input-px says something about --model FILE, which is missing."),
        (("--model", "m.onnx"), "--model needs --input-px"),
        (("--model", "m.pth", "--input-px", "64"), "name the network of its weights: --architecture"),
        (("--model", "m.onnx", "--input-px", "64"), "There is no file"),
        (("--layer", "layer9", "--pooling", "median"), "There is no pooling named 'median'"),
        (("--pooling", "max"), "--pooling needs --layer with efficientnet-lite0"),
    ],
)
def test_a_model_that_is_half_declared_is_one_sentence(
    finished: Finished, capsysbinary: pytest.CaptureFixture[bytes], options: tuple[str, ...], why: str
) -> None:
    workspace = str(finished.services.workspace.root)
    assert main(["run", str(finished.folder), *options, "--workspace", workspace]) == 2
    assert why in capsysbinary.readouterr().err.decode()
