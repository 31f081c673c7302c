"""The analysed run that ships with the demo is of the files that ship, and finds what was planted in them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xxhash

from dataeval_ui.embed.backbones import DEFAULT_BACKBONE
from dataeval_ui.services.context import open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.execute import RESULTS_VERSION
from dataeval_ui.services.runs import open_run
from dataeval_ui.types import AnalysisParams
from tests.demo_truth import DEMO, IMAGES, TRUTH, files_below, planted_exact_groups, planted_near_pairs

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

BUNDLE = DEMO / "demo-run.zip"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    services = open_services(workspace=tmp_path_factory.mktemp("workspace"))
    return open_run(services, install_demo(services).id)


@pytest.fixture(scope="module")
def id_of(run: Run) -> dict[str, str]:
    """Image id of every readable file."""
    rows = run.manifest.select(["path", "image_id", "status"]).to_pylist()
    return {row["path"]: row["image_id"] for row in rows if row["status"] == "ok"}


def paths_of(run: Run, kind: str) -> set[frozenset[str]]:
    return {frozenset(finding.paths) for finding in run.findings if finding.kind == kind}


def test_the_bundle_is_small_and_names_no_folder_of_its_maker() -> None:
    assert BUNDLE.stat().st_size < 6_000_000
    with zipfile.ZipFile(BUNDLE) as archive:
        card = archive.read("bundle.json").decode()
    assert '"/' not in card
    assert str(Path.home()) not in card


def test_the_run_is_of_the_shipped_files(run: Run, id_of: dict[str, str]) -> None:
    assert sorted(run.manifest["path"].to_pylist()) == files_below(IMAGES)
    assert id_of == {path: xxhash.xxh3_128_hexdigest((IMAGES / path).read_bytes()) for path in id_of}


def test_the_run_is_what_a_run_with_the_defaults_gives_now(run: Run) -> None:
    assert run.record.backbone == DEFAULT_BACKBONE
    assert run.record.params == AnalysisParams()
    assert run.record.summary["results_version"] == RESULTS_VERSION


def test_the_files_of_the_run_are_found_where_the_demo_lies(run: Run) -> None:
    assert Path(run.services.catalog.get_dataset(run.record.dataset_id).source) == IMAGES.resolve()
    assert run.image_path(0).resolve().is_relative_to(IMAGES.resolve())
    assert run.thumbnail(0) is not None


def test_exact_copies_found_are_those_planted(run: Run) -> None:
    assert paths_of(run, "exact_duplicates") == planted_exact_groups()


def test_unreadable_files_found_are_those_planted(run: Run) -> None:
    assert paths_of(run, "unreadable") == {frozenset([row["path"]]) for row in TRUTH["unreadable"]}


def test_leaks_found_are_those_planted(run: Run) -> None:
    assert paths_of(run, "leak") == {frozenset([row["original"], row["copy"]]) for row in TRUTH["leaks"]}


def test_near_copies_found_are_those_planted(run: Run, id_of: dict[str, str]) -> None:
    pairs = zip(run.duplicates.left.tolist(), run.duplicates.right.tolist(), strict=True)
    found = {frozenset([run.image_ids[left], run.image_ids[right]]) for left, right in pairs}
    planted = {frozenset(id_of[path] for path in pair) for pair in planted_near_pairs()}
    assert planted - found == set()
    assert found - planted == set()


def test_odd_images_rank_at_the_top(run: Run, id_of: dict[str, str]) -> None:
    order = [run.image_ids[row] for row in np.argsort(-run.outliers.scores, kind="stable")]
    ranks = {row["what"]: order.index(id_of[row["path"]]) for row in TRUTH["odd"]}
    assert max(ranks.values()) < 2 * len(ranks), ranks
    assert {frozenset([row["path"]]) for row in TRUTH["odd"]} <= paths_of(run, "outlier")


def test_wrong_labels_disagree_with_their_neighbours_more_than_others(run: Run, id_of: dict[str, str]) -> None:
    labels = np.array(run.first_places["label"].to_pylist())
    agreement = (labels[run.graph.indices] == labels[:, None]).mean(axis=1)
    wrong = np.array([run.row_of[id_of[row["path"]]] for row in TRUTH["wrong_labels"]])
    rest = np.setdiff1d(np.arange(run.n_images), wrong)
    assert np.median(agreement[wrong]) < 0.1 < np.median(agreement[rest])
