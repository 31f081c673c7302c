"""Runs whose rows are objects, from the command line's services to what pages and exports ask of them."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataeval_ui.data import list_source
from dataeval_ui.errors import InputError, ParameterError, SourceError, StorageError
from dataeval_ui.server.access import AccessMiddleware
from dataeval_ui.server.routes import data_routes
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.datasets import add_dataset, preview_dataset
from dataeval_ui.services.exports import export_bytes
from dataeval_ui.services.objects import object_of
from dataeval_ui.services.requests import RunRequest
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run, run_here
from dataeval_ui.settings import load_settings
from dataeval_ui.store.bundle import export_bundle, import_bundle
from dataeval_ui.types import AnalysisParams, Json, LabelRule, Silent
from tests.data.annotations import coco, coco_object, write_json
from tests.exported import prepared
from tests.scenes import COLOURS, write_scenes


@dataclass(frozen=True)
class Finished:
    services: Services
    folder: Path
    summary: Json
    run: Run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    base = tmp_path_factory.mktemp("objects")
    folder = write_scenes(base / "scenes")
    services = open_services(
        load_settings({"workspace": prepared(base / "workspace"), "n_decoders": 1}, environment={})
    )
    summary = run_objects(services, folder)
    return Finished(services, folder, summary, open_run(services, summary["run"]))


def run_objects(services: Services, folder: Path, *, rule: LabelRule | None = None, **params: object) -> Json:
    dataset = add_dataset(services, folder, rule=rule)
    chosen = AnalysisParams.from_json({"objects": True, "n_neighbors": 5, **params})
    return run_here(services, RunRequest(dataset_id=dataset.id, backbone="efficientnet-lite0", params=chosen), Silent())


def test_the_rows_are_objects_with_their_classes(finished: Finished) -> None:
    s = finished.summary
    assert (s["unit"], s["n_files"], s["n_images"], s["n_unreadable"]) == ("object", 29, 28, 1)
    assert finished.run.column("label").counts() == (("cat", 14), ("dog", 14))
    assert finished.run.record.name == "scenes · efficientnet-lite0 · objects"


def test_objects_of_one_class_are_neighbours(finished: Finished) -> None:
    labels = np.array(finished.run.first_places["label"].to_pylist())
    assert (labels[finished.run.graph.indices[:, 0]] == labels).mean() > 0.9


def test_the_object_of_a_row_is_what_was_annotated(finished: Finished) -> None:
    annotations = json.loads((finished.folder / "labels.json").read_text())["annotations"]
    for row in (0, 5, 27):
        found = finished.run.object_of(row)
        assert found is not None
        assert found.file == f"images/{row // 2:02d}.png"
        assert found.number == row % 2
        assert found.box == tuple(annotations[row]["bbox"])
        assert found.file_size == (120, 80)
        assert finished.run.objects_beside(row) == [row - row % 2, row - row % 2 + 1]
        assert finished.run.image_path(row) == (finished.folder / found.file).resolve()


def test_area_aspect_and_share_of_the_image_are_columns(finished: Finished) -> None:
    run = finished.run
    found = run.object_of(3)
    assert found is not None
    _, _, width, height = found.box
    values = {name: run.column(name).values[3] for name in ("object_area", "object_aspect", "object_relative_area")}
    assert values == pytest.approx(
        {
            "object_area": width * height,
            "object_aspect": width / height,
            "object_relative_area": width * height / (120 * 80),
        }
    )
    assert "is_crowd" not in run.columns


def test_exports_tell_file_number_and_box(finished: Finished) -> None:
    rows = json.loads(export_bytes(finished.run, "json", rows=[3]))
    assert (rows[0]["path"], rows[0]["file"], rows[0]["object"]) == ("images/01.png#1", "images/01.png", 1)
    assert rows[0]["box_width_px"] == finished.run.object_of(3).box[2]


def test_the_same_run_again_is_the_same_and_reads_nothing(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object, **__: object) -> None:
        raise AssertionError("a file was read")

    monkeypatch.setattr("dataeval_ui.embed.decoders.Decoder.__init__", read)
    again = run_objects(finished.services, finished.folder)
    assert (again["run"], again["n_embedded"]) == (finished.summary["run"], 0)
    dataset = finished.services.catalog.get_dataset(finished.run.dataset.id)
    assert dataset.manifest_digest is None  # that of whole images


def test_the_server_gives_the_crop_and_the_image_with_the_box(finished: Finished) -> None:
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.testclient import TestClient

    run = finished.run
    app = Starlette(
        routes=data_routes(lambda _: run, finished.services.settings),
        middleware=[Middleware(AccessMiddleware, hosts=())],
    )
    client = TestClient(app, base_url="http://127.0.0.1:8501", client=("127.0.0.1", 1))
    found = run.object_of(1)
    assert found is not None
    sent = client.get("/api/runs/a/images/1")
    assert sent.status_code == 200, sent.text
    crop = Image.open(io.BytesIO(sent.content))
    assert crop.size == found.crop[2:]
    assert np.abs(np.array(crop.getpixel((crop.width // 2, crop.height // 2))) - COLOURS[7]).max() < 40
    answer = client.get("/api/runs/a/boxes/1")
    assert answer.status_code == 200, answer.text
    whole = Image.open(io.BytesIO(answer.content))
    plain = Image.open(finished.folder / found.file)
    assert whole.size == plain.size
    changed = np.argwhere(np.abs(np.asarray(whole, int) - np.asarray(plain.convert("RGB"), int)).max(axis=2) > 100)
    left, top, _, height = found.box
    assert abs(changed[:, 1].min() - left) <= 4
    assert abs(changed[:, 0].max() - (top + height)) <= 4
    assert client.get("/api/runs/a/boxes/1", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    tinted = client.get("/api/runs/a/boxes/0")  # the first object has a mask: the upper left half of its box
    x, y, width, height = finished.run.object_of(0).box
    picture = Image.open(io.BytesIO(tinted.content)).convert("RGB")
    inside = picture.getpixel((round(x + width / 4), round(y + height / 4)))
    outside = picture.getpixel((round(x + width * 0.85), round(y + height * 0.85)))
    assert inside[2] - outside[2] > 40  # towards pink, from red
    assert finished.run.object_of(1).mask is None
    assert client.get("/api/runs/a/boxes/99").status_code == 400


def test_a_dataset_without_objects_is_refused_in_one_sentence(finished: Finished, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no annotations of objects: run it by whole images"):
        run_objects(finished.services, finished.folder, rule=LabelRule(format="folder"))
    (tmp_path / "none/images").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(tmp_path / "none/images/1.png")
    write_json(tmp_path / "none/labels.json", coco([{"id": 1, "file_name": "1.png"}], []))
    with pytest.raises(SourceError, match="name no objects"):
        run_objects(finished.services, tmp_path / "none")
    outside = coco([{"id": 1, "file_name": "1.png"}], [coco_object(1, 1, [50, 0, 5, 5])])
    write_json(tmp_path / "none/labels.json", outside)
    with pytest.raises(SourceError, match=r"None of the 1 objects of 'none' can be used.*outside.*Mend the annotation"):
        run_objects(finished.services, tmp_path / "none")


def test_a_margin_outside_its_range_is_refused(finished: Finished) -> None:
    with pytest.raises(ParameterError, match=r"object_margin must be in \[0.0, 1.0\], got 2.0"):
        run_objects(finished.services, finished.folder, object_margin=2.0)


def test_the_preview_counts_objects(finished: Finished) -> None:
    preview = preview_dataset(finished.services, finished.folder, rule=LabelRule())
    assert (preview.n_files, preview.n_objects, preview.n_bad_objects) == (14, 29, 1)


def test_a_bundle_carries_a_run_of_objects_with_its_boxes_and_masks(finished: Finished, tmp_path: Path) -> None:
    mine, out = finished.services, tmp_path / "run.zip"
    export_bundle(mine.workspace, mine.catalog, finished.run.id, out, include_images=True)
    other = open_services(load_settings({"workspace": tmp_path / "other"}, environment={}))
    import_bundle(other.workspace, other.catalog, out)
    taken = open_run(other, finished.run.id)
    rows = range(finished.run.n_images)
    assert [taken.object_of(row) for row in rows] == [finished.run.object_of(row) for row in rows]
    assert any(taken.object_of(row).mask for row in rows)
    assert taken.image_path(3).read_bytes() == finished.run.image_path(3).read_bytes()
    assert taken.record.params == finished.run.record.params


def test_a_row_without_a_box_is_said() -> None:
    with pytest.raises(StorageError, match="tells no box for 'a#0'"):
        object_of({"path": "a#0", "object": 0, "box_left_px": float("nan")})


def test_a_margin_without_objects_is_refused_on_the_command_line(tmp_path: Path) -> None:
    from dataeval_ui.cli import build_parser
    from dataeval_ui.commands import running

    args = build_parser().parse_args(["run", str(tmp_path), "--margin", "0.2"])
    with pytest.raises(InputError, match="give --objects too"):
        running.run(None, args)  # type: ignore[arg-type]  # said before anything is opened


def test_parameters_of_a_run_of_images_are_written_as_before() -> None:
    assert "objects" not in AnalysisParams().to_json()
    assert "object_margin" not in AnalysisParams().to_json()
    chosen = AnalysisParams(objects=True, object_margin=0.25)
    assert AnalysisParams.from_json(chosen.to_json()) == chosen


def test_an_object_that_is_removed_is_missing_from_the_cleaned_copy_and_its_image_stays(
    finished: Finished, tmp_path: Path
) -> None:
    from dataeval_ui.services.access import OWNER
    from dataeval_ui.services.cleaning import clean
    from dataeval_ui.services.review import Item, decide, review_queue, undo
    from dataeval_ui.types import Finding

    run = open_run(finished.services, finished.run.id)
    doomed, renamed = run.image_ids[0], run.image_ids[3]
    for image_id, verdict, label in ((doomed, "remove", ""), (renamed, "relabel", "fox")):
        finding = Finding(
            kind="outlier", severity=1.0, sentence="s", advice="a", image_ids=(image_id,),
            paths=tuple(place.path for place in run.places(run.row_of[image_id])), evidence={},
        )  # fmt: skip
        run.keyed_findings[image_id[:24]] = finding  # type: ignore[index]
        decide(run, Item(key=image_id[:24], finding=finding, held={}), verdict, viewer=OWNER, label=label)  # type: ignore[arg-type]
    done = clean(run, review_queue(run), tmp_path / "clean", how="copy")
    assert (done.n_files, done.n_removed, done.n_relabelled, done.beside) == (14, 1, 1, ("annotations.json",))
    document = json.loads((tmp_path / "clean" / "annotations.json").read_text())
    names = {category["id"]: category["name"] for category in document["categories"]}
    file_of = {image["id"]: image["file_name"] for image in document["images"]}
    told = {(file_of[a["image_id"]], tuple(a["bbox"])): names[a["category_id"]] for a in document["annotations"]}
    expected = {}
    for row in range(run.n_images):
        found = run.object_of(row)
        assert found is not None
        if run.image_ids[row] != doomed:
            label = "fox" if run.image_ids[row] == renamed else run.first_places["label"][row].as_py()
            expected[found.file, found.box] = label
    assert told == expected
    again = list_source(str(tmp_path / "clean"), rule=LabelRule(), settings=finished.services.settings)
    assert again.objects is not None
    assert sorted(again.objects["label"].to_pylist()) == sorted(expected.values())
    while undo(run, viewer=OWNER):
        pass
