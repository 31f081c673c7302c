"""Parts of a run's images: computed once, resumed, and found where they were planted."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from dataeval_ui.cli import main
from dataeval_ui.errors import CancelledError, InputError, ParameterError, StorageError
from dataeval_ui.services.context import open_services
from dataeval_ui.services.parts import Example, RunParts, compute_parts
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import PARTS_JOB, _executor, open_run, start_parts
from dataeval_ui.settings import load_settings
from dataeval_ui.types import Silent
from tests.exported import prepared
from tests.planted_parts import BOX, CARRIERS, SOURCE, write_planted
from tests.services.conftest import run_folder
from tests.tiny_models import record_tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    base = tmp_path_factory.mktemp("parts")
    settings = load_settings(
        {"workspace": prepared(base / "w"), "n_decoders": 1, "commit_size": 8, "batch_size": 8}, environment={}
    )
    services = open_services(settings)
    images = write_planted(base / "images")
    summary = run_folder(services, images, backbone=record_tiny(services.workspace))
    return open_run(services, summary["run"])


def row_of(run: Run, name: str) -> int:
    (row,) = [row for row in range(run.n_images) if run.places(row)[0].path == name]
    return row


class CancelAfter(Silent):
    """Cancels at the n-th look once embedding began."""

    def __init__(self, n: int) -> None:
        self.left, self.begun = n, False

    def report(self, stage: str, n_done: int, n_total: int) -> None:
        self.begun = self.begun or stage == "embed"

    def check_cancelled(self) -> None:
        self.left -= self.begun
        if self.left < 0:
            raise CancelledError("stop")


def test_nothing_is_found_before_parts_are_computed_and_a_cancelled_job_is_resumed(run: Run) -> None:
    with pytest.raises(StorageError, match="have the run's parts computed first"):
        RunParts(run, aside=False).example(0, BOX)
    with pytest.raises(CancelledError):
        compute_parts(run.services, run, CancelAfter(1))
    between = RunParts(run, aside=False).state()
    assert 0 < between.n_stored < run.n_images
    state = compute_parts(run.services, run, Silent())
    assert (state.n_stored, state.n_images) == (run.n_images, run.n_images)
    assert state.n_bytes / run.n_images * 10_000 < 500e6
    parts = RunParts(run, aside=False).cells.parts.names()
    assert compute_parts(run.services, run, Silent()) == state
    assert RunParts(run, aside=False).cells.parts.names() == parts


def test_a_part_that_was_pasted_into_other_images_is_found_there(run: Run) -> None:
    compute_parts(run.services, run, Silent())
    parts = RunParts(run, aside=False)
    found = parts.search([parts.example(row_of(run, SOURCE), BOX)], k=len(CARRIERS))
    names = {run.places(int(row))[0].path for row in found.rows}
    assert names == set(CARRIERS)
    for row, heat in zip(found.rows, found.heat, strict=True):
        x, y = CARRIERS[run.places(int(row))[0].path]
        cell_row, cell_column = divmod(int(heat.argmax()), found.side)
        assert abs((cell_column + 0.5) / found.side - x) < 0.2
        assert abs((cell_row + 0.5) / found.side - y) < 0.2


def test_the_images_of_examples_are_left_out_unless_asked_for(run: Run) -> None:
    compute_parts(run.services, run, Silent())
    parts, row = RunParts(run, aside=False), row_of(run, SOURCE)
    example = parts.example(row, BOX)
    assert row not in parts.search([example]).rows
    found = parts.search([example], with_examples=True)
    assert found.rows[0] == row
    assert found.scores[0] == pytest.approx(1, abs=1e-5)
    with pytest.raises(ParameterError, match="At most 16"):
        parts.search([example] * 17)
    with pytest.raises(ParameterError, match=r"k must be in \[1, 1000\]"):
        parts.search([example], k=0)


def test_an_image_of_ones_own_has_the_parts_of_its_copy_in_the_run(run: Run) -> None:
    compute_parts(run.services, run, Silent())
    parts, row = RunParts(run, aside=False), row_of(run, SOURCE)
    codes, picture = parts.own_image(run.image_path(row).read_bytes())
    stored = parts.example(row, BOX).codes
    cosines = (codes * 1.0 * stored).sum(1) / np.linalg.norm(codes * 1.0, axis=1) / np.linalg.norm(stored * 1.0, axis=1)
    assert cosines.min() > 0.999
    assert picture.startswith(b"\xff\xd8")
    assert parts.search([Example(codes=codes, box=BOX)], k=1).rows[0] == row
    with pytest.raises(InputError, match="cannot be searched with"):
        parts.own_image(b"no image")


def test_the_job_of_the_page_computes_parts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dataeval_ui.services.runs.ensure_worker", lambda services: None)
    job = start_parts(run.services, run.id)
    assert job.kind == PARTS_JOB
    assert _executor(run.services)(job, Silent()) == {"run": run.id, "n_images": run.n_images}
    assert start_parts(run.services, run.id).id == job.id


def test_the_command_finds_the_planted_part(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    compute_parts(run.services, run, Silent())
    workspace = ["--workspace", str(run.services.workspace.root)]
    box = ["--box", *map(str, BOX)]
    assert main(["parts", run.id, "--image-id", SOURCE, *box, "--k", "3", "--json", *workspace]) == 0
    printed = json.loads(capsys.readouterr().out)["images"]
    assert {row["path"] for row in printed} <= set(CARRIERS)
    assert main(["parts", run.id, "--image-id", SOURCE, *workspace]) == 2
    assert "--box says where" in capsys.readouterr().err


def test_weights_that_have_changed_are_told(run: Run) -> None:
    record = replace(run.record, key=replace(run.record.key, checkpoint="0" * 16))
    with pytest.raises(InputError, match="have changed"):
        RunParts(Run(run.services, record, run.dataset), aside=False)
