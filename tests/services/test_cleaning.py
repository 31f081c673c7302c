"""A cleaned copy of the demo, links to it, the same as COCO, and decisions from the command line."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import shutil
from pathlib import Path

import pytest

from dataeval_ui.cli import main
from dataeval_ui.errors import DataEvalUIError, InputError, StorageError
from dataeval_ui.services import cleaning
from dataeval_ui.services.access import OWNER
from dataeval_ui.services.cleaning import clean
from dataeval_ui.services.coco_export import coco_bytes, coco_document
from dataeval_ui.services.demo import demo_folder, install_demo
from dataeval_ui.services.review import cleaned_manifest, decide, review_queue, undo
from dataeval_ui.services.run import Run
from dataeval_ui.services.runs import open_run
from dataeval_ui.types import LabelRule
from tests.ui.conftest import open_workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose run is of a copy of the demo's images."""
    base = tmp_path_factory.mktemp("cleaning")
    shutil.copytree(demo_folder() / "images", base / "images")
    services = open_workspace(base / "workspace")
    run = install_demo(services)
    services.catalog.update_dataset(run.dataset_id, source=str(base / "images"), root=str(base / "images"))
    return base / "workspace"


@pytest.fixture
def run(workspace: Path) -> Run:
    services = open_workspace(workspace)
    run = open_run(services, services.catalog.list_runs()[0].id)
    while undo(run, viewer=OWNER):
        pass
    return run


def decided(run: Run) -> tuple[str, str]:
    """Remove one outlier, relabel another as a class that is there; returns their paths."""
    items = [i for i in review_queue(run) if i.finding.kind == "outlier" and len(i.finding.paths) == 1]
    removed, relabelled = items[0], next(i for i in items[1:] if "/birds/" not in i.finding.paths[0])
    decide(run, removed, "remove", viewer=OWNER)
    decide(run, relabelled, "relabel", viewer=OWNER, label="birds")
    return removed.finding.paths[0], relabelled.finding.paths[0]


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("how", ["copy", "link"])
def test_the_cleaned_folder_has_what_stays_with_the_labels_that_were_chosen(run: Run, tmp_path: Path, how: str) -> None:
    removed, relabelled = decided(run)
    source = Path(run.dataset.root)
    before = digests(source)
    where = ["--workspace", str(run.services.workspace.root)]
    assert main(["clean", run.id, str(tmp_path / "clean"), f"--{how}", *where]) == 0
    assert digests(source) == before
    written = digests(tmp_path / "clean")
    assert removed not in written
    assert relabelled not in written
    split, _, name = relabelled.split("/")
    moved = [path for path in written if path.startswith(f"{split}/birds/") and path not in before]
    assert [path.rpartition("/")[2] for path in moved] == [name]
    assert written[moved[0]] == before[relabelled]
    readable = {row["path"] for row in run.manifest.select(["path", "status"]).to_pylist() if row["status"] == "ok"}
    assert set(written) - set(moved) == readable - {removed, relabelled}
    assert all(before[path] == digest for path, digest in written.items() if path not in moved)
    links = [path for path in (tmp_path / "clean").rglob("*") if path.is_symlink()]
    assert len(links) == (len(written) if how == "link" else 0)
    assert [path.name for path in tmp_path.iterdir()] == ["clean"]


def test_labels_that_no_folder_tells_stand_in_a_list(run: Run, tmp_path: Path) -> None:
    _, relabelled = decided(run)
    run.services.catalog.update_dataset(run.dataset.id, rule=LabelRule(label_from="none"))
    try:
        changed = open_run(run.services, run.id)
        done = clean(changed, review_queue(changed), tmp_path / "clean", how="link")
    finally:
        run.services.catalog.update_dataset(run.dataset.id, rule=LabelRule())
    assert (done.n_removed, done.n_relabelled, done.beside) == (1, 1, ("labels.csv",))
    with (tmp_path / "clean" / "labels.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["path"]: row for row in csv.DictReader(stream)}
    assert rows[relabelled]["label"] == "birds"
    assert len(rows) == done.n_files
    assert all((tmp_path / "clean" / path).is_file() for path in rows)


def test_only_an_empty_folder_elsewhere_is_written(run: Run, tmp_path: Path) -> None:
    items = review_queue(run)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    root = Path(run.dataset.root)
    for dest, sentence in (
        (tmp_path / "full", "is not an empty folder"),
        (tmp_path / "link", "is not an empty folder"),
        (root / "clean", "lies in the dataset"),
        (tmp_path / ".." / root.parent.name / "images" / "clean", "lies in the dataset"),
        (run.services.workspace.root / "clean", "lies in the workspace"),
    ):
        if dest.parent.exists():
            with pytest.raises(InputError, match=sentence):
                clean(run, items, dest, how="copy")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert clean(run, items, tmp_path / "empty", how="link").n_files > 600


@pytest.mark.parametrize("path", ["../outside.png", "/etc/passwd", "a/../../outside.png"])
def test_a_manifest_that_leads_out_of_its_folder_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (Path(run.dataset.root).parent / "outside.png").write_bytes(b"secret")
    rows = cleaned_manifest(run, review_queue(run))
    first = rows.slice(0, 1).to_pylist()[0] | {"path": path}
    monkeypatch.setattr(cleaning, "cleaned_manifest", lambda *_: type(rows).from_pylist([first], schema=rows.schema))
    with pytest.raises(DataEvalUIError, match=r"leaves its folder|is absolute"):
        clean(run, [], tmp_path / "clean", how="copy")
    assert list(tmp_path.iterdir()) == []


def test_a_link_out_of_the_dataset_is_not_followed(run: Run, tmp_path: Path) -> None:
    victim = Path(run.dataset.root) / run.manifest["path"][0].as_py()
    kept = victim.read_bytes()
    (tmp_path / "elsewhere.png").write_bytes(kept)
    victim.unlink()
    victim.symlink_to(tmp_path / "elsewhere.png")
    try:
        with pytest.raises(DataEvalUIError, match="leads out of its dataset's folder"):
            clean(run, review_queue(run), tmp_path / "clean", how="copy")
    finally:
        victim.unlink()
        victim.write_bytes(kept)
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere.png"]


def test_a_file_that_changed_or_went_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    victim = Path(run.dataset.root) / run.manifest["path"][5].as_py()
    kept = victim.read_bytes()
    try:
        victim.write_bytes(kept + b"more")
        with pytest.raises(InputError, match="has changed since this run"):
            clean(run, review_queue(run), tmp_path / "clean", how="copy")
        victim.unlink()
        with pytest.raises(InputError, match="is no longer in"):
            clean(run, review_queue(run), tmp_path / "clean", how="link")
    finally:
        victim.write_bytes(kept)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_behind(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, n_opened = Path.open, 0

    def full(self: Path, mode: str = "r", *args: object, **kwargs: object) -> object:
        nonlocal n_opened
        n_opened += mode == "xb"
        if n_opened > 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(self, mode, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(StorageError, match="is full"):
        clean(run, review_queue(run), tmp_path / "clean", how="copy")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    monkeypatch.setattr(cleaning.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 5))
    with pytest.raises(StorageError, match=r"and .* has 0\.0 GB left"):
        clean(run, review_queue(run), tmp_path / "clean", how="copy")
    assert list(tmp_path.iterdir()) == []


def test_two_files_never_share_a_name() -> None:
    taken: set[str] = set()
    for expected in ("a/b.png", "a/b-2.png", "a/b-3.png"):
        target = cleaning._free("a/b.png", taken)
        taken.add(target)
        assert target == expected
    assert cleaning._free("a.b/c", {"a.b/c"}) == "a.b/c-2"


def test_as_coco_what_is_removed_is_left_out_and_everything_comes_back(run: Run, tmp_path: Path) -> None:
    removed, relabelled = decided(run)
    where = ["--format", "coco", "--workspace", str(run.services.workspace.root)]
    assert main(["cleaned", run.id, str(tmp_path / "labels.json"), *where]) == 0
    document = json.loads((tmp_path / "labels.json").read_text())
    names = {category["id"]: category["name"] for category in document["categories"]}
    images = {image["id"]: image for image in document["images"]}
    label_of = {images[a["image_id"]]["file_name"]: names[a["category_id"]] for a in document["annotations"]}
    assert removed not in {image["file_name"] for image in images.values()}
    assert label_of[relabelled] == "birds"
    for annotation in document["annotations"]:
        image = images[annotation["image_id"]]
        assert annotation["bbox"] == [0, 0, image["width"], image["height"]]
    assert main(["decisions", run.id, str(tmp_path / "all.json"), *where]) == 0
    everything = json.loads((tmp_path / "all.json").read_text())
    told = {image["file_name"]: image["decision"] for image in everything["images"] if "decision" in image}
    assert {path: decision["action"] for path, decision in told.items()} == {removed: "remove", relabelled: "relabel"}
    assert {d["verdict"] for d in everything["decisions"]} >= {"remove", "relabel"}
    assert main(["decisions", run.id, str(tmp_path / "all.csv"), *where]) == 2


def test_as_coco_a_guest_of_one_run_gets_no_decision_of_another(run: Run) -> None:
    from dataclasses import replace

    item = review_queue(run)[0]
    kept = decide(run, item, "keep", viewer=OWNER)
    elsewhere = replace(kept, id="of-another-run", run_id="other")
    run.services.catalog.add_decisions([elsewhere])
    for alone, n in ((False, 2), (True, 1)):
        told = json.loads(coco_bytes(run, review_queue(run), with_decisions=True, of_run_alone=alone))["decisions"]
        assert len([d for d in told if d["id"] in (kept.id, elsewhere.id)]) == n


def test_coco_is_read_back_by_our_own_reader(run: Run, tmp_path: Path) -> None:
    from dataeval_ui.data import list_source

    decided(run)
    done = clean(run, review_queue(run), tmp_path / "clean", how="link")
    document = coco_document(run, review_queue(run))
    kept = {p.relative_to(tmp_path / "clean").as_posix() for p in (tmp_path / "clean").rglob("*") if p.is_file()}
    document["images"] = [image for image in document["images"] if image["file_name"] in kept]
    known = {image["id"] for image in document["images"]}
    document["annotations"] = [a for a in document["annotations"] if a["image_id"] in known]
    (tmp_path / "clean" / "labels.json").write_text(json.dumps(document))
    shutil.copytree(tmp_path / "clean", tmp_path / "again")  # the reader follows no link out of a dataset
    listing = list_source(str(tmp_path / "again"), rule=LabelRule(format="coco"), settings=run.services.settings)
    assert listing.objects is not None
    assert listing.objects.num_rows == len(document["annotations"])
    assert listing.objects["reason"].null_count == listing.objects.num_rows
    assert listing.n_files == done.n_files


def test_the_command_line_decides_by_the_key_that_findings_prints(
    run: Run, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    where = ["--workspace", str(run.services.workspace.root)]
    assert main(["findings", run.id, "--kind", "near_duplicates", *where]) == 0
    found = json.loads(capsysbinary.readouterr().out)[0]
    key, stays = found["key"], found["image_ids"][-1]
    n_before = len(run.services.catalog.list_decisions(run.dataset.id))
    argv = ["decide", run.id, key[:10], "remove", "--keep", stays, "--comment", "blurred", "--reviewer", "Ann", *where]
    for _ in range(2):
        assert main([*argv, "--id", "from-a-script-1", "--json"]) == 0
        told = json.loads(capsysbinary.readouterr().out)
        assert (told["id"], told["finding"]) == ("from-a-script-1", key)
    [kept] = run.services.catalog.list_decisions(run.dataset.id)[n_before:]
    assert (kept.verdict, kept.comment, kept.reviewer, kept.source) == ("remove", "blurred", "Ann", "local")
    assert set(kept.image_ids) == set(found["image_ids"]) - {stays}
    for wrong in (["nothing", "keep"], [key, "relabel"], [key, "keep", "--label", "x"], [key, "comment"], ["", "keep"]):
        assert main(["decide", run.id, *wrong, *where]) == 2
    assert len(run.services.catalog.list_decisions(run.dataset.id)) == n_before + 1


def test_the_objects_of_an_annotated_dataset_come_along_with_their_masks(run: Run, tmp_path: Path) -> None:
    import pyarrow as pa

    from dataeval_ui.store.manifests import save_manifest
    from dataeval_ui.types import Manifest

    removed, _ = decided(run)
    kept = next(p for p in run.manifest["path"].to_pylist() if p != removed)
    polygon = [[1.0, 1.0, 9.0, 1.0, 9.0, 9.0]]
    common = {
        "object": 0,
        "x_px": 1.0,
        "y_px": 2.0,
        "width_px": 8.0,
        "height_px": 7.0,
        "is_crowd": False,
        "reason": None,
    }
    rows = [
        {"path": kept, "label": "wing", "mask": json.dumps({"polygons": polygon}), "status": "ok", **common},
        {"path": kept, "label": "bad", "mask": None, "status": "unusable", **common, "object": 1, "reason": "no box"},
        {"path": removed, "label": "tail", "mask": None, "status": "ok", **common},
    ]
    services = run.services
    manifest = Manifest(table=run.manifest, digest="annotated", objects=pa.Table.from_pylist(rows))
    save_manifest(services.workspace, manifest)
    services.catalog.update_run(run.id, manifest_digest="annotated")
    try:
        annotated = open_run(services, run.id)
        done = clean(annotated, review_queue(annotated), tmp_path / "clean", how="link")
    finally:
        services.catalog.update_run(run.id, manifest_digest=run.record.manifest_digest)
    assert done.beside == ("annotations.json",)
    document = json.loads((tmp_path / "clean" / "annotations.json").read_text())
    assert [c["name"] for c in document["categories"]] == ["wing"]
    [annotation] = document["annotations"]
    assert (annotation["bbox"], annotation["segmentation"]) == ([1.0, 2.0, 8.0, 7.0], polygon)
    [image] = [image for image in document["images"] if image["id"] == annotation["image_id"]]
    assert image["file_name"] == kept
    assert {image["file_name"] for image in document["images"]} == set(digests(tmp_path / "clean")) - {
        "annotations.json"
    }
