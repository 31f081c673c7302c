"""Runs of the same images under several backbones, compared."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataeval_ui.analysis.comparison import share_of
from dataeval_ui.cli import main
from dataeval_ui.errors import InputError, ParameterError, StorageError, UnknownNameError
from dataeval_ui.services.compare import (
    compare_runs,
    comparison_json,
    overlap_name,
    sentence_of,
)
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.demo import install_demo
from dataeval_ui.services.planted import TRANSFORMS, load_planted, measure_planted, planted_copies, sample_rows
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import _executor, open_run, remove_run, resume_job
from dataeval_ui.settings import load_settings
from dataeval_ui.types import Silent
from tests.second_run import NAME, add_second_run, register_tiny


@dataclass(frozen=True)
class Two:
    """A workspace with the demo under its own backbone and under the tiny one."""

    services: Services
    first: str
    second: str


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    settings = load_settings({"workspace": tmp_path_factory.mktemp("two") / "w", "n_decoders": 1}, environment={})
    services = open_services(settings)
    first = install_demo(services).id
    with pytest.MonkeyPatch.context() as monkeypatch:
        register_tiny(monkeypatch, services)
        yield Two(services=services, first=first, second=add_second_run(services, first))


def copy_run(services: Services, run_id: str, new_id: str, **changes: object) -> str:
    record = services.catalog.get_run(run_id)
    copy = {f.name: getattr(record, f.name) for f in fields(record)}
    services.catalog.add_run(**{**copy, "id": new_id, **changes})
    return new_id


def test_both_runs_have_all_images_and_overlap_lies_between_none_and_all(two: Two) -> None:
    comparison = compare_runs(two.services, [two.first, two.second])
    assert len(comparison.image_ids) == 620
    assert comparison.n_alone == (0, 0)
    assert comparison.k == 15
    assert 0 < comparison.mean_overlap < 1
    disputed = comparison.most_disputed(10)
    assert comparison.overlap[disputed].max() <= np.sort(comparison.overlap)[9]


def test_the_overlap_is_that_of_the_two_graphs(two: Two) -> None:
    comparison = compare_runs(two.services, [two.first, two.second])
    left, right = (open_run(two.services, run_id).graph.indices for run_id in comparison.run_ids)
    expected = [len(set(a) & set(b)) / len(set(a) | set(b)) for a, b in zip(left, right, strict=True)]
    assert comparison.overlap == pytest.approx(expected)
    backwards = compare_runs(two.services, [two.second, two.first])
    assert backwards.overlap == pytest.approx(expected)


def test_a_trained_network_beats_sums_of_pixels_and_the_sentence_chooses_it(two: Two) -> None:
    comparison = compare_runs(two.services, [two.second, two.first])
    tiny, lite = comparison.scores
    assert (tiny.name, lite.name) == (NAME, "efficientnet-lite0")
    assert tiny.knn is not None
    assert lite.knn is not None
    assert tiny.knn.value < lite.knn.value
    assert not tiny.knn.overlaps(lite.knn)
    assert "choose efficientnet-lite0." in sentence_of(comparison)
    assert (tiny.images_per_s, tiny.peak_rss_bytes) == (120.5, 512_000_000)


def test_runs_of_one_backbone_differ_in_maps_and_clusters_alone(two: Two) -> None:
    import shutil

    twin = copy_run(two.services, two.first, "twin")
    shutil.copytree(two.services.workspace.run_dir(two.first), two.services.workspace.run_dir(twin))
    comparison = compare_runs(two.services, [two.first, twin])
    assert comparison.mean_overlap == 1
    assert len({score.name for score in comparison.scores}) == 2
    assert "find the same neighbours for every image" in sentence_of(comparison)
    remove_run(two.services, twin)
    with pytest.raises(UnknownNameError):
        compare_runs(two.services, [two.first, twin])


def test_the_sentence_does_not_choose_where_intervals_overlap_or_labels_lack(two: Two) -> None:
    comparison = compare_runs(two.services, [two.second, two.first])
    tiny, lite = comparison.scores
    close = replace(tiny, knn=share_of(300, 620)), replace(lite, knn=share_of(310, 620))
    said = sentence_of(replace(comparison, scores=close))
    assert "agrees with the label of 50% of images (46% to 54%), tiny of 48% of images" in said
    assert "the intervals of efficientnet-lite0 and tiny overlap, so the labels do not decide" in said
    unlabelled = replace(tiny, knn=None), replace(lite, knn=None)
    assert "no two labels" in sentence_of(replace(comparison, scores=unlabelled))


def test_images_that_are_not_shared_are_counted_and_their_neighbours_replaced(two: Two) -> None:
    import shutil

    from dataeval_ui.store.manifests import load_manifest, save_manifest
    from dataeval_ui.store.results import load_result, save_result
    from dataeval_ui.types import Clustering, Manifest, NeighborGraph

    run = open_run(two.services, two.first)
    table = load_manifest(two.services.workspace, run.record.manifest_digest).table.slice(100)
    save_manifest(two.services.workspace, Manifest(table=table, digest="part"))
    part = copy_run(two.services, two.first, "part", manifest_digest="part")
    shutil.copytree(two.services.workspace.run_dir(two.first), two.services.workspace.run_dir(part))
    kept = [run.row_of[image_id] for image_id in open_run(two.services, part).image_ids]
    clustering = load_result(two.services.workspace, part, "clustering", Clustering)
    changed = replace(clustering, cluster_labels=clustering.cluster_labels[kept])
    save_result(two.services.workspace, part, "clustering", changed)
    graph = load_result(two.services.workspace, part, "neighbors", NeighborGraph)
    save_result(two.services.workspace, part, "neighbors", replace(graph, indices=graph.indices[: len(kept), :3]))
    comparison = compare_runs(two.services, [two.first, part])
    assert len(comparison.image_ids) == len(kept)
    assert comparison.n_alone == (620 - len(kept), 0)
    # the same backbone on the same images: both are searched anew among these, and agree
    assert comparison.mean_overlap == 1
    ids = open_run(two.services, part).image_ids[:10]
    assert comparison.translate(np.arange(10), 1, 0).tolist() == sorted(run.row_of[image_id] for image_id in ids)
    column = run.column(overlap_name(comparison, 0))
    assert np.isnan(column.values).sum() == 620 - len(kept)
    remove_run(two.services, part)


def test_what_cannot_be_compared_is_one_sentence(two: Two) -> None:
    import pyarrow as pa

    from dataeval_ui.store.manifests import load_manifest, save_manifest
    from dataeval_ui.types import Manifest

    for wrong in ([two.first], [two.first] * 2, ["a", "b", "c", "d", "e"]):
        with pytest.raises(ParameterError, match="two to 4 different runs"):
            compare_runs(two.services, wrong)
    table = load_manifest(two.services.workspace, two.services.catalog.get_run(two.first).manifest_digest).table
    others = pa.array([None if i is None else i[::-1] for i in table["image_id"].to_pylist()], pa.string())
    table = table.set_column(table.column_names.index("image_id"), "image_id", others)
    save_manifest(two.services.workspace, Manifest(table=table, digest="others"))
    import shutil

    other = copy_run(two.services, two.first, "others", manifest_digest="others")
    shutil.copytree(two.services.workspace.run_dir(two.first), two.services.workspace.run_dir(other))
    with pytest.raises(InputError, match="share 0 images"):
        compare_runs(two.services, [two.first, other])
    remove_run(two.services, other)


def test_the_sample_is_the_same_for_every_run_of_the_same_images(two: Two) -> None:
    runs = [open_run(two.services, run_id) for run_id in (two.first, two.second)]
    chosen = [[run.image_id(row) for row in sample_rows(run)] for run in runs]
    assert chosen[0] == chosen[1]
    assert len(set(chosen[0])) == 100


def test_each_copy_is_what_its_name_says() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[:, :100] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    copies = {name: Image.open(io.BytesIO(data)) for name, data in planted_copies(buffer.getvalue()).items()}
    assert set(copies) == set(TRANSFORMS)
    assert copies["resize"].size == (100, 50)
    assert copies["crop"].size == (180, 90)
    assert copies["jpeg"].format == "JPEG"
    assert np.asarray(copies["flip"].convert("L"))[50, 10] < 20
    assert np.asarray(copies["jpeg"].convert("L"))[50, 10] > 235
    tiny = io.BytesIO()
    Image.new("RGB", (1, 1)).save(tiny, "JPEG")
    assert set(planted_copies(tiny.getvalue())) == set(TRANSFORMS)


def test_copies_are_found_again_and_kept_under_the_run(two: Two) -> None:
    run = open_run(two.services, two.second)
    assert load_planted(run) is None
    job = two.services.catalog.add_job("planted", {"run": run.id})
    result = _executor(two.services)(job, Silent())
    assert result == {"run": run.id, "n_images": 100}
    found = load_planted(run)
    assert found is not None
    assert measure_planted(two.services, run, Silent()) == found
    # sums over cells hardly change with size and compression, and do with what is left and right
    assert found.shares["resize"].value > 0.95
    assert found.shares["jpeg"].value > 0.95
    assert found.shares["flip"].value < found.shares["resize"].value
    assert found.images_per_s > 0
    told = comparison_json(compare_runs(two.services, [two.first, two.second]), [None, found])
    json.dumps(told)
    assert told["runs"][0]["recall"] is None
    assert set(told["runs"][1]["recall"]) == set(TRANSFORMS)
    path = Path(two.services.workspace.run_dir(run.id)) / "planted.json"
    path.write_text('{"version": 1}')
    with pytest.raises(StorageError, match=r"Delete planted\.json"):
        load_planted(run)
    path.unlink()


def test_copies_of_files_that_are_gone_are_refused(two: Two) -> None:
    run = open_run(two.services, two.second)
    run.dataset = replace(run.dataset, root=str(two.services.workspace.root))
    with pytest.raises(InputError, match="put the files of this run back"):
        measure_planted(two.services, run, Silent())
    assert load_planted(run) is None


def test_a_run_of_objects_is_compared_without_copies(
    two: Two, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Run, "is_of_objects", True)
    with pytest.raises(InputError, match="this run is of objects"):
        measure_planted(two.services, open_run(two.services, two.second), Silent())
    where = ["--workspace", str(two.services.workspace.root)]
    assert main(["compare", two.first, two.second, "--json", *where]) == 0
    assert [run["recall"] for run in json.loads(capsys.readouterr().out)["runs"]] == [None, None]


def test_a_cancelled_measurement_can_be_resumed(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataeval_ui.services import runs

    monkeypatch.setattr(runs, "ensure_worker", lambda services: None)
    job = runs.start_planted(two.services, two.second)
    assert runs.start_planted(two.services, two.second).id == job.id
    two.services.catalog.request_cancel(job.id)
    resumed = resume_job(two.services, job.id)
    assert resumed.payload == job.payload
    two.services.catalog.request_cancel(resumed.id)


def test_the_command_prints_one_object_or_a_table(two: Two, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--workspace", str(two.services.workspace.root)]
    assert main(["compare", two.first, two.second, "--no-copies", "--json", *where]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [run["backbone"] for run in told["runs"]] == ["efficientnet-lite0", NAME]
    assert len(told["most_disputed"]) == 20
    assert main(["compare", two.first, two.second, "--no-copies", *where]) == 0
    table = capsys.readouterr().out
    assert "kNN accuracy" in table
    assert "choose efficientnet-lite0" in table
    assert main(["compare", two.first, "--no-copies", *where]) == 2
    assert "two to 4 different runs" in capsys.readouterr().err
