"""A workspace saved while it is used, and restored elsewhere, on both back ends."""

from __future__ import annotations

import errno
import json
import stat
import threading
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from dataeval_ui.cli import main
from dataeval_ui.errors import InputError, StorageError
from dataeval_ui.services import backups
from dataeval_ui.services.access import OWNER
from dataeval_ui.services.backups import back_up, restore
from dataeval_ui.services.context import Services, open_services
from dataeval_ui.services.decision_files import import_decisions, load_marks
from dataeval_ui.services.links import is_in_force, make_link, open_link
from dataeval_ui.services.review import decide, review_queue
from dataeval_ui.services.runs import open_run
from dataeval_ui.settings import load_settings
from dataeval_ui.store.secret import workspace_secret
from dataeval_ui.types import LabelRule
from tests.demo import install_demo

Open = Callable[..., Services]


@pytest.fixture
def open_(tmp_path: Path) -> Open:
    def opened(name: str = "workspace", url: str = "") -> Services:
        return open_services(load_settings({"workspace": tmp_path / name, "catalog_url": url}, environment={}))

    return opened


def used(services: Services) -> str:
    """Fill a workspace: a run, decisions of two kinds, a link; returns the link's token."""
    record = install_demo(services)
    run = open_run(services, record.id)
    item = review_queue(run)[0]
    decide(run, item, "remove", viewer=OWNER, comment="gone")
    mark = {"id": "0" * 32, "at": "2026-05-04T03:02:01+00:00", "target": f"finding:{item.key}", "decision": "keep"}
    saved = {"format": "dataeval-ui-decisions", "version": 1, "run": run.id, "reviewer": "Ann", "decisions": [mark]}
    assert import_decisions(run, [json.dumps(saved).encode()]).n_new == 1
    upload = services.workspace.sources_dir / "up1"
    upload.mkdir()
    (upload / "a.png").write_bytes(b"not really")
    services.catalog.add_dataset(name="uploaded", source=str(upload), root=str(upload), rule=LabelRule(), kind="upload")
    return make_link(services, record.id, role="decide", expires=timedelta(days=1))[1]


def rows_of(services: Services) -> dict[str, list[dict[str, object]]]:
    from dataeval_ui.store.catalog_tables import METADATA

    return {name: services.catalog._rows(table.select()) for name, table in METADATA.tables.items()}


def files_of(services: Services) -> dict[str, bytes]:
    return {name: (services.workspace.root / name).read_bytes() for name in backups._files(services.workspace.root)}


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("sqlite", "sqlite"),
        pytest.param("postgres", "sqlite", marks=pytest.mark.postgres),
        pytest.param("sqlite", "postgres", marks=pytest.mark.postgres),
    ],
)
def test_a_restored_workspace_has_every_row_and_file_and_goes_on(
    request: pytest.FixtureRequest, open_: Open, tmp_path: Path, source: str, target: str
) -> None:
    urls = {name: request.getfixturevalue("postgres_url") if name == "postgres" else "" for name in (source, target)}
    first = open_("workspace", urls[source])
    token = used(first)
    before = rows_of(first), files_of(first)
    assert any(name.startswith("runs/") and "/decisions/" in name for name in before[1])
    out = tmp_path / "saved.zip"
    assert back_up(first, out) == len(before[1])
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    second = open_("elsewhere", urls[target])
    done = restore(second, out)
    assert (done.n_datasets, done.n_runs, done.n_decisions) == (2, 1, 2)
    moved = rows_of(second)
    [uploaded] = [row for row in moved["datasets"] if row["name"] == "uploaded"]
    assert (Path(str(uploaded["root"])) / "a.png").read_bytes() == b"not really"
    assert Path(str(uploaded["root"])).is_relative_to(second.workspace.root)
    for row in moved["datasets"]:
        for column in ("root", "source"):
            row[column] = str(row[column]).replace(str(second.workspace.root), str(first.workspace.root))
    assert moved == before[0]
    assert files_of(second) == before[1]
    assert list(second.workspace.root.glob(".restore-*")) == []

    run = open_run(second, second.catalog.list_runs()[0].id)
    item = review_queue(run)[0]
    assert {d.verdict for d in item.held.values()} == {"remove", "keep"}
    assert len(load_marks(run)) == 1
    assert run.thumbnail(0)
    numbers = second.catalog.last_decision(run.dataset.id)
    decide(run, item, "unsure", viewer=OWNER)
    assert second.catalog.last_decision(run.dataset.id) > numbers
    assert is_in_force(open_link(second, token)[0])
    for services in (first, second):
        services.catalog.close()


def test_the_command_line_saves_and_restores_while_others_decide(open_: Open, tmp_path: Path) -> None:
    services = open_()
    used(services)
    run = open_run(services, services.catalog.list_runs()[0].id)
    items, acknowledged, stop = review_queue(run), [], threading.Event()

    def write() -> None:
        while not stop.is_set():
            for item in items:
                acknowledged.append(decide(run, item, "keep", viewer=OWNER).id)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while len(acknowledged) < 5:
            stop.wait(0.01)
        before = list(acknowledged)
        out = tmp_path / "saved.zip"
        assert main(["backup", str(out), "--workspace", str(services.workspace.root)]) == 0
    finally:
        stop.set()
        writer.join()
    assert main(["restore", str(out), "--workspace", str(tmp_path / "new")]) == 0
    restored = open_("new")
    kept = [d.id for d in restored.catalog.list_decisions(run.dataset.id)]
    assert set(before) <= set(kept)
    assert len(kept) == len(set(kept))


def test_only_an_empty_workspace_is_filled_and_no_file_is_written_over(
    open_: Open, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services = open_()
    used(services)
    out = tmp_path / "saved.zip"
    back_up(services, out)
    with pytest.raises(InputError, match=r"exists\. Name a new file"):
        back_up(services, out)
    with pytest.raises(InputError, match="would be lost with it"):
        back_up(services, services.workspace.root / "runs" / "saved.zip")
    assert main(["restore", str(out), "--workspace", str(services.workspace.root)]) == 2
    assert "is not empty. Restore into a new one" in capsys.readouterr().err
    assert main(["backup", str(tmp_path / "no" / "folder.zip"), "--workspace", str(services.workspace.root)]) == 2
    assert main(["restore", str(tmp_path / "missing.zip"), "--workspace", str(tmp_path / "new")]) == 2


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"../evil": b"x"}, "was changed: it holds '../evil'"),
        ({"/etc/evil": b"x"}, "was changed"),
        ({"images/../../evil": b"x"}, "was changed"),
        ({"images\\evil": b"x"}, "was changed"),
        ({"settings.toml": b"x"}, "was changed"),
        ({"runs//x": b"x"}, "was changed"),
        ({"secret.key": b"again"}, "holds a file twice"),
        ({"backup.json": b"{"}, "no backup"),
        ({"backup.json": b'{"format": "dataeval-ui-backup", "version": 99}'}, "A newer DataEval UI"),
        ({"catalog.sqlite": b"no database" * 999}, "cannot be read"),
    ],
)
def test_a_changed_backup_is_refused_and_leaves_nothing(
    open_: Open, tmp_path: Path, change: dict[str, bytes], sentence: str
) -> None:
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    small = open_("small")
    workspace_secret(small.workspace)
    back_up(small, good)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            if name not in change or name == "secret.key":
                target.writestr(name, source.read(name))
        for name, data in change.items():
            info = zipfile.ZipInfo("x")
            info.filename = name
            target.writestr(info, data)
    services = open_("new")
    with pytest.raises((InputError, StorageError), match=sentence):
        restore(services, bad)
    assert services.catalog.is_empty()
    assert files_of(services) == {}
    assert list(services.workspace.root.glob(".restore-*")) == []
    assert not (tmp_path / "evil").exists()
    assert restore(services, good).n_files == 1


@pytest.mark.parametrize("at", [0.3, 0.9])
def test_a_damaged_backup_is_refused(open_: Open, tmp_path: Path, at: float) -> None:
    services = open_()
    used(services)
    out = tmp_path / "saved.zip"
    back_up(services, out)
    data = bytearray(out.read_bytes())
    for i in range(200):
        data[int(len(data) * at) + i] ^= 0xFF
    out.write_bytes(data)
    new = open_("new")
    with pytest.raises(StorageError, match="damaged"):
        restore(new, out)
    assert new.catalog.is_empty()
    assert files_of(new) == {}


def test_a_full_disk_leaves_no_half_backup(open_: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = open_()
    used(services)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    (tmp_path / "out").mkdir()
    with pytest.raises(StorageError, match="is full"):
        back_up(services, tmp_path / "out" / "saved.zip")
    assert list((tmp_path / "out").iterdir()) == []


def test_jobs_of_the_old_place_are_cancelled(open_: Open, tmp_path: Path) -> None:
    services = open_()
    services.catalog.add_job("run", {})
    back_up(services, tmp_path / "saved.zip")
    new = open_("new")
    restore(new, tmp_path / "saved.zip")
    assert [job.state for job in new.catalog.list_jobs()] == ["cancelled"]
