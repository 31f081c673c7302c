"""Label columns as people have them, from a CSV to every analysis that takes labels: an answer or one sentence."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataeval_ui.analysis import projection
from dataeval_ui.cli import main
from dataeval_ui.embed.embedder import Embedder
from dataeval_ui.errors import DataEvalUIError
from dataeval_ui.services import labels
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.coverage import labelled_images, suggest_to_label
from dataeval_ui.services.datasets import add_dataset
from dataeval_ui.services.exports import export_bytes
from dataeval_ui.services.gate import check_run
from dataeval_ui.services.health import findings_of, list_cards
from dataeval_ui.services.outlier_scores import outlier_methods
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run, run_here
from dataeval_ui.services.slices import find_run_slices, slices_table
from dataeval_ui.settings import load_settings
from dataeval_ui.types import AnalysisParams, Silent
from tests.exported import prepared

MIXED = ["1", "1.0", "true", "None", "-1e309", "cat", "\u202ecat", " cat ", "=2+3", "x" * 5_000, "", "nan"]
COLUMNS: dict[str, Callable[[int], str]] = {
    "empty": lambda row: "",
    "one class": lambda row: "cat",
    "NaN": lambda row: "NaN",
    "NaN and a class": lambda row: "nan" if row % 2 else "cat",
    "a class an image": lambda row: f"class {row}",
    "classes of two": lambda row: f"class {row // 2}",
    "mixed types": lambda row: MIXED[row % len(MIXED)],
}

ANALYSES: dict[str, Callable[[Run], object]] = {
    "suspected labels": labels.label_errors,
    "table of suspects": lambda run: labels.label_errors_table(run, np.arange(run.n_images)),
    "Bayes error": labels.bayes_error,
    "balance": labels.balance,
    "parity": labels.parity,
    "counts": labels.class_counts,
    "predictors": labels.predictors,
    "confusion": labels.confusion,
    "nearest of a class": lambda run: labels.nearest_of_class(run, 0, labels.classes_of(run), 0),
    "columns to choose": labels.label_columns,
    "of another column": lambda run: labels.label_errors(run, "meta.kind"),
    "slices": lambda run: slices_table(find_run_slices(run)).num_rows,
    "health": lambda run: [card.sentence for card in list_cards(run)],
    "findings": lambda run: findings_of(run, None),
    "labelled": labelled_images,
    "what to label next": lambda run: suggest_to_label(run, n=3),
    "outlier methods": outlier_methods,
    "agreement with neighbours": lambda run: [column.categories for column in run.columns.values()],
    "gate": lambda run: check_run(run, ["label_error_fraction > 0.5"]),
    "export": lambda run: export_bytes(run, "csv"),
}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    workspace = prepared(tmp_path_factory.mktemp("hostile") / "workspace")
    return open_services(load_settings({"workspace": workspace, "n_decoders": 1}, environment={}))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    write_photos(folder, 36)
    return folder


def write_photos(folder: Path, n: int) -> None:
    rng = np.random.default_rng(0)
    for row in range(n):
        Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)).save(folder / f"{row}.png")


def run_of(services: Services, folder: Path, values: Sequence[str], name: str) -> Run:
    """Run the photos of a table whose columns `label` and `kind` hold the values; nothing is embedded by a network."""
    table = folder / f"{name.replace(' ', '-').replace(',', '')}.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split", "kind"])
        writer.writerows(
            [f"{row}.png", value, "test" if row % 3 == 0 else "train", value] for row, value in enumerate(values)
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projection, "_fit_umap", lambda start, *_: start)
        patch.setattr(projection, "warm_up", lambda: None)
        patch.setattr(
            Embedder, "embed", lambda _, pixels: pixels.reshape(len(pixels), -1)[:, ::4801].astype(np.float32)
        )
        request = RunRequest(
            dataset_id=add_dataset(services, table).id,
            backbone="efficientnet-lite0",
            params=AnalysisParams(n_neighbors=5),
        )
        return open_run(services, run_here(services, request, Silent())["run"])


def answers(run: Run) -> dict[str, str]:
    """What each analysis says: "answered.", or its one sentence."""
    told = {}
    for name, ask in ANALYSES.items():
        try:
            ask(run)
        except DataEvalUIError as error:
            told[name] = str(error)
        else:
            told[name] = "answered."
    assert [text for text in told.values() if not text.isprintable() or not text.endswith(".")] == []
    return told


@pytest.mark.parametrize("name", COLUMNS)
def test_every_analysis_answers_or_says_why_not(
    services: Services, photos: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(services, photos, [COLUMNS[name](row) for row in range(36)], name)
    told = answers(run)
    always = {"columns to choose", "slices", "health", "findings", "labelled", "what to label next", "outlier methods"}
    assert {what for what in always | {"gate", "export"} if told[what] != "answered."} == set(), told
    if name in ("empty", "NaN"):
        assert "is empty" in told["balance"]
        assert "is empty" in told["suspected labels"]
    else:
        assert told["balance"] == told["confusion"] == "answered."
    if name in ("one class", "NaN and a class"):
        assert "two classes" in told["Bayes error"]
    capsys.readouterr()
    workspace = str(services.workspace.root)
    assert main(["check", run.id, "--fail-on", "label_error_fraction > 0.99", "--json", "--workspace", workspace]) == 0
    assert json.loads(capsys.readouterr().out)["conditions"][0]["failed"] is False
    status = main(["drift", run.id, run.id, "--split", "train", "test", "--json", "--workspace", workspace])
    said = capsys.readouterr()
    assert status == 0, said.err
    assert 0 < json.loads(said.out)["drift_p_value"] <= 1
