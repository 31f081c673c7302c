"""A run from folder to findings, and what a second one costs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from dataeval_ui.errors import CancelledError, InputError, ParameterError, SourceError, UnknownNameError
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.datasets import add_dataset, remove_dataset
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.runs import find_run, list_runs, open_run, run_here
from dataeval_ui.services.search import rows_matching, search_row
from dataeval_ui.settings import load_settings
from dataeval_ui.types import AnalysisParams, Silent
from tests.exported import prepared
from tests.images import draw
from tests.services.conftest import Finished, run_folder

pytestmark = pytest.mark.slow  # the first test of a new machine compiles the map's kernels


def test_every_file_is_an_image_or_a_finding(finished: Finished) -> None:
    s = finished.summary
    assert s["n_files"] == 3 * 14 + 3 + 1
    assert s["n_files"] == s["n_images"] + s["n_unreadable"]
    assert s["n_unreadable"] == 1
    assert s["n_embedded"] + s["n_cached"] == 3 * 14 + 1, (
        "distinct contents: the resized copy is one, equal bytes are not"
    )
    assert s["n_dims"] == 1280
    unreadable = [f for f in open_run(finished.services, s["run"]).findings if f.kind == "unreadable"]
    assert [f.paths for f in unreadable] == [("train/circle/broken-0.png",)]


def test_a_run_that_embedded_records_speed_and_memory(finished: Finished) -> None:
    summary = finished.services.catalog.get_run(finished.summary["run"]).summary
    assert summary["images_per_s"] > 0
    assert summary["peak_rss_bytes"] > 20_000_000


def test_the_planted_copies_are_found(finished: Finished) -> None:
    run = open_run(finished.services, finished.summary["run"])
    exact = {f.paths for f in run.findings if f.kind == "exact_duplicates"}
    assert ("train/circle/circle-00.png", "train/circle/same-bytes.png") in exact
    leaks = {frozenset(f.paths) for f in run.findings if f.kind == "leak"}
    assert frozenset({"train/square/square-01.png", "test/square/leaked.png"}) in leaks
    paths = [run.places(row)[0].path for row in range(run.n_images)]
    pairs = {
        frozenset({paths[left], paths[right]})
        for left, right in zip(run.duplicates.left, run.duplicates.right, strict=True)
    }
    assert frozenset({"train/circle/circle-04.png", "train/circle/resized.jpg"}) in pairs


def test_neighbours_come_in_the_order_of_a_brute_force_cosine(finished: Finished) -> None:
    run = open_run(finished.services, finished.summary["run"])
    unit = np.array(run.view.embeddings, dtype=np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosine = unit @ unit[5]
    cosine[5] = -np.inf
    result = search_row(run, 5, k=10)
    np.testing.assert_array_equal(result.rows, np.argsort(-cosine, kind="stable")[:10])
    np.testing.assert_allclose(result.similarities, np.sort(cosine)[::-1][:10], atol=1e-5)


def test_a_mask_keeps_the_search_to_what_it_allows(finished: Finished) -> None:
    run = open_run(finished.services, finished.summary["run"])
    mask = rows_matching(run, {"label": ["square"], "split": ["test"]})
    rows = search_row(run, 0, k=50, mask=mask).rows
    assert set(rows) == set(np.flatnonzero(mask))
    assert {(p.label, p.split) for row in rows for p in run.places(int(row))} <= {
        ("square", "test"),
        ("square", "train"),
    }


def test_an_unchanged_set_embeds_nothing_and_is_the_same_run(finished: Finished) -> None:
    again = run_folder(finished.services, finished.folder)
    assert (again["run"], again["n_embedded"]) == (finished.summary["run"], 0)
    assert again["n_cached"] == 43


def test_new_images_are_placed_on_the_map_that_stays(finished: Finished, tmp_path: Path) -> None:
    folder = tmp_path / "shapes"
    shutil.copytree(finished.folder, folder)
    services = open_services(load_settings({"workspace": prepared(tmp_path / "workspace")}, environment={}))
    first = open_run(services, run_folder(services, folder)["run"])
    draw("square", 500).save(folder / "train/square/aaa-new.png")
    draw("circle", 501).save(folder / "train/circle/new.png")
    summary = run_folder(services, folder)
    assert summary["n_embedded"] == 2
    assert summary["n_placed"] == 2
    second = open_run(services, summary["run"])
    for image_id, row in first.row_of.items():
        np.testing.assert_array_equal(second.projection.xy[second.row_of[image_id]], first.projection.xy[row])
    new = [row for row in range(second.n_images) if second.image_ids[row] not in first.row_of]
    assert second.projection.placed[new].all()
    assert second.column("placed").text(new[0]) == "placed later"
    refitted = run_folder(services, folder, refit=True)
    assert refitted["run"] != summary["run"]
    assert refitted["n_placed"] == 0


def test_the_same_images_in_another_dataset_are_not_embedded_again(finished: Finished, tmp_path: Path) -> None:
    few = tmp_path / "few"
    shutil.copytree(finished.folder / "test", few)
    summary = run_folder(finished.services, few)
    assert summary["n_embedded"] == 0
    assert summary["n_cached"] == summary["n_images"] > 5
    remove_dataset(finished.services, summary["dataset"])


def test_opening_a_finished_run_computes_nothing(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataeval_ui.analysis import clustering, neighbors, outliers, projection

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("computed")

    for module, name in (
        (neighbors, "find_neighbors"),
        (projection, "project"),
        (clustering, "cluster"),
        (outliers, "score_outliers"),
    ):
        monkeypatch.setattr(module, name, refuse)
    run = open_run(finished.services, finished.summary["run"])
    assert run.table().num_rows == 43
    assert {"cluster", "label", "split", "outlier_score", "duplicate"} <= set(run.columns)


@pytest.mark.parametrize("how", ["id", "prefix", "name", "dataset"])
def test_a_run_is_found_by(finished: Finished, how: str) -> None:
    run = list_runs(finished.services)[0]
    name = {"id": run.id, "prefix": run.id[:6], "name": run.name, "dataset": "shapes"}[how]
    assert find_run(finished.services, name).id == run.id


def test_an_unknown_run_is_named_with_the_known_ones(finished: Finished) -> None:
    with pytest.raises(UnknownNameError, match=r"There is no run named 'nope'\..*Known: "):
        find_run(finished.services, "nope")


class CancelledAfter(Silent):
    """A user who cancels at the n-th question."""

    def __init__(self, n: int) -> None:
        self.n = n

    def check_cancelled(self) -> None:
        self.n -= 1
        if self.n < 0:
            raise CancelledError("Cancelled.")


class CancelledWhenEmbedded(Silent):
    """A user who cancels once so many files are embedded."""

    def __init__(self, n_files: int) -> None:
        self.n_files = n_files
        self.wants_out = False

    def report(self, stage: str, n_done: int, n_total: int) -> None:
        self.wants_out |= stage == "embed" and n_done >= self.n_files

    def check_cancelled(self) -> None:
        if self.wants_out:
            raise CancelledError("Cancelled.")


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return open_services(
        load_settings({"workspace": prepared(tmp_path / "workspace"), "commit_size": 8}, environment={})
    )


def test_a_cancelled_run_keeps_what_it_committed(finished: Finished, services: Services) -> None:
    dataset = add_dataset(services, finished.folder)
    request = RunRequest(dataset_id=dataset.id, backbone="efficientnet-lite0", params=AnalysisParams())
    with pytest.raises(CancelledError):
        run_here(services, request, CancelledWhenEmbedded(16))
    assert [job.state for job in services.catalog.list_jobs()] == ["cancelled"]
    assert list_runs(services) == []
    summary = run_here(services, request, Silent())
    assert 0 < summary["n_embedded"] < 43
    assert summary["n_embedded"] + summary["n_cached"] == 43


def test_a_folder_without_a_readable_image_says_so_and_leaves_no_run(services: Services, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"no image")
    with pytest.raises(SourceError, match=r"None of the 1 files of 'broken' is a readable image\. The first one: "):
        run_folder(services, folder)
    assert list_runs(services) == []


@pytest.mark.parametrize(
    ("params", "rule"),
    [
        ({"n_neighbors": 1}, r"n_neighbors must be in \[2, 100\], got 1\."),
        ({"min_cluster_size": 1}, "min_cluster_size must be at least 2, got 1"),
        ({"hash_radius": 99}, r"hash_radius must be in \[0, 16\], got 99\."),
    ],
)
def test_parameters_outside_their_range_are_refused_before_anything_starts(
    services: Services, finished: Finished, params: dict[str, int], rule: str
) -> None:
    dataset = add_dataset(services, finished.folder)
    request = RunRequest(dataset_id=dataset.id, backbone="efficientnet-lite0", params=AnalysisParams(**params))
    with pytest.raises(ParameterError, match=rule):
        run_here(services, request, Silent())
    assert services.catalog.list_jobs() == []


def test_two_datasets_never_share_a_name(services: Services, finished: Finished, tmp_path: Path) -> None:
    shutil.copytree(finished.folder / "test", tmp_path / "shapes")
    first = add_dataset(services, finished.folder)
    assert add_dataset(services, finished.folder).id == first.id, "the same source is the same dataset"
    assert add_dataset(services, tmp_path / "shapes").name == "shapes 2"
    with pytest.raises(InputError, match="already a dataset named 'shapes'"):
        add_dataset(services, tmp_path / "shapes", name="shapes")


def test_a_cancel_is_heard_while_the_network_is_being_prepared() -> None:
    import threading
    import time

    from dataeval_ui.services.execute import _wait_for

    never = threading.Event()
    started = time.monotonic()
    with pytest.raises(CancelledError):
        _wait_for(never.wait, CancelledAfter(1))
    assert time.monotonic() - started < 30, "did not wait for what it waits for"
    never.set()


def test_what_fails_while_it_is_prepared_is_raised_where_it_is_waited_for() -> None:
    from dataeval_ui.services.execute import _wait_for

    def fail() -> None:
        raise ParameterError("No.")

    with pytest.raises(ParameterError, match="No"):
        _wait_for(fail, Silent())
