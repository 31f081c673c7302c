"""The analysed runs that ship with the demo are of the files that ship, and find what was planted in them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xxhash

from dataeval_ui.embed.backbones import DEFAULT_BACKBONE
from dataeval_ui.services.compare import compare_runs
from dataeval_ui.services.context import open_services
from dataeval_ui.services.demo import LAYER, RUN, install_demo, install_demo_runs, join, part
from dataeval_ui.services.execute import RESULTS_VERSION
from dataeval_ui.services.planted import TRANSFORMS, load_planted
from dataeval_ui.services.runs import find_run, list_runs, open_run
from dataeval_ui.types import AnalysisParams
from tests.demo_truth import DEMO, IMAGES, TRUTH, files_below, planted_exact_groups, planted_near_pairs

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

BUNDLE = DEMO / RUN


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


@pytest.mark.parametrize(("name", "most_bytes"), [(RUN, 6_000_000), (LAYER, 300_000)])
def test_a_bundle_is_small_and_names_no_folder_of_its_maker(name: str, most_bytes: int) -> None:
    assert (DEMO / name).stat().st_size < most_bytes
    with zipfile.ZipFile(DEMO / name) as archive:
        card = archive.read("bundle.json").decode()
    assert '"/' not in card
    assert str(Path.home()) not in card


def test_a_bundle_is_joined_again_as_it_was(tmp_path: Path) -> None:
    contents = []
    join(BUNDLE, DEMO / LAYER, tmp_path / "whole.zip")
    part(BUNDLE, tmp_path / "whole.zip", tmp_path / "parted.zip")
    join(BUNDLE, tmp_path / "parted.zip", tmp_path / "again.zip")
    for name in ("whole.zip", "again.zip"):
        with zipfile.ZipFile(tmp_path / name) as archive:
            contents.append({member: archive.read(member) for member in archive.namelist()})
    assert contents[0] == contents[1]
    assert {"manifest.parquet", "images.parquet", "embeddings.parquet"} <= set(contents[0])


def test_compare_has_every_number_on_the_demo(tmp_path: Path) -> None:
    services = open_services(workspace=tmp_path / "workspace")
    opened = install_demo_runs(services)
    assert install_demo_runs(services) == opened
    assert find_run(services, "demo") == opened
    (other,) = [run for run in list_runs(services) if run.id != opened.id]
    assert other.params == AnalysisParams()
    assert other.summary["results_version"] == RESULTS_VERSION
    comparison = compare_runs(services, [opened.id, other.id])
    assert comparison.n_alone == (0, 0)
    output, early = comparison.scores
    assert output.knn is not None
    assert early.knn is not None
    assert output.knn.low > early.knn.high  # an early layer sees colours and textures, hardly classes
    for run_id, score in zip(comparison.run_ids, comparison.scores, strict=True):
        planted = load_planted(open_run(services, run_id))
        assert planted is not None
        assert set(planted.shares) == set(TRANSFORMS)
        assert planted.n_images == 100
        assert score.clusters is not None
        assert score.images_per_s
        assert score.peak_rss_bytes


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
