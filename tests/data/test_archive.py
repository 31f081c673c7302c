import errno
import io
import os
import sys
import tarfile
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from dataeval_ui.data import archive as archive_module
from dataeval_ui.data.archive import unpack, unpack_once
from dataeval_ui.errors import CancelledError, SourceError, StorageError, UnsafeArchiveError
from dataeval_ui.types import Silent, Stage
from tests.data.images import SETTINGS, encoded, photo

PNG = encoded(photo(16, 12))


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def tarred(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        for name, data in members.items():
            add(file, name, data)
    return path


def add(file: tarfile.TarFile, name: str, data: bytes = b"", *, kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = len(data), kind, link
    file.addfile(member, io.BytesIO(data))


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_every_kind_unpacks_to_the_same_files(tmp_path: Path, kind: str) -> None:
    members = {"cat/1.png": PNG, "dog/2.png": PNG * 3, "__MACOSX/cat/._1.png": b"x", "cat/.DS_Store": b"x"}
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        zipped(path, members)
    else:
        tarred(path, members, "w:" + kind.partition(".")[2])
    assert unpack(path, tmp_path / "out", settings=SETTINGS) == 2
    assert files(tmp_path / "out") == ["cat/1.png", "dog/2.png"]
    assert (tmp_path / "out/dog/2.png").read_bytes() == PNG * 3


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="reads zstandard")
def test_zstandard_is_refused_in_a_sentence_where_python_cannot_read_it(tmp_path: Path) -> None:
    (tmp_path / "a.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    with pytest.raises(SourceError, match=r"Python 3\.14"):
        unpack(tmp_path / "a.tar.zst", tmp_path / "out", settings=SETTINGS)


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "a/../../evil.png", "..\\evil.png", "C:\\evil.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_leave_the_folder_are_refused_and_nothing_stays(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    (zipped if kind == "zip" else tarred)(path, {"good.png": PNG, name: PNG})
    with pytest.raises(UnsafeArchiveError):
        unpack_once(path, tmp_path / "in/sources", settings=SETTINGS)
    assert files(tmp_path) == [f"a.{kind}"]
    assert list((tmp_path / "in/sources").iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_of_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        add(file, "good.png", PNG)
        add(file, "evil.png", kind=kind, link="/etc/passwd")
    with pytest.raises(UnsafeArchiveError, match=r"'evil\.png', a link or device"):
        unpack(tmp_path / "a.tar", tmp_path / "out", settings=SETTINGS)


def test_links_of_a_zip_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        link = zipfile.ZipInfo("evil.png")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    with pytest.raises(UnsafeArchiveError, match="a link or device"):
        unpack(tmp_path / "a.zip", tmp_path / "out", settings=SETTINGS)


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("second", ["a.png", "./a.png", "a.png/b.png"])
def test_a_name_that_comes_twice_is_refused(tmp_path: Path, kind: str, second: str) -> None:
    path = tmp_path / f"a.{kind}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of what this test is about
        if kind == "zip":
            with zipfile.ZipFile(path, "w") as file:
                file.writestr("a.png", PNG)
                file.writestr(second, PNG)
        else:
            with tarfile.open(path, "w") as tar:
                add(tar, "a.png", PNG)
                add(tar, second, PNG)
    with pytest.raises(UnsafeArchiveError, match="twice"):
        unpack(path, tmp_path / "out", settings=SETTINGS)


def test_too_many_files_or_bytes_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"{i}.png": PNG for i in range(5)})
    with pytest.raises(UnsafeArchiveError, match="more than 4 files"):
        unpack(path, tmp_path / "1", settings=replace(SETTINGS, max_archive_files=4))
    with pytest.raises(UnsafeArchiveError, match="max_archive_bytes"):
        unpack(path, tmp_path / "2", settings=replace(SETTINGS, max_archive_bytes=5 * len(PNG) - 1))
    tar = tarred(tmp_path / "a.tar", {f"{i}.png": PNG for i in range(5)})
    with pytest.raises(UnsafeArchiveError, match="max_archive_bytes"):
        unpack(tar, tmp_path / "3", settings=replace(SETTINGS, max_archive_bytes=2 * len(PNG)))


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz"])
def test_a_bomb_is_refused_before_it_is_on_disk(tmp_path: Path, kind: str) -> None:
    bomb = {"bomb.png": bytes(60_000_000)}
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        zipped(path, bomb)
    else:
        tarred(path, bomb, "w:" + kind.partition(".")[2])
    with pytest.raises(UnsafeArchiveError, match="200 times its size"):
        unpack(path, tmp_path / "out", settings=SETTINGS)
    assert sum(file.stat().st_size for file in (tmp_path / "out").rglob("*")) < 25_000_000


def test_a_zip_that_lies_about_sizes_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"bomb.png": bytes(30_000_000)})
    data = path.read_bytes()
    path.write_bytes(data.replace((30_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises((SourceError, UnsafeArchiveError)):
        unpack(path, tmp_path / "out", settings=SETTINGS)
    assert sum(file.stat().st_size for file in (tmp_path / "out").rglob("*")) <= 1000


def test_a_bomb_in_what_is_skipped_or_in_a_header_is_refused(tmp_path: Path) -> None:
    tarred(tmp_path / "skipped.tar.xz", {".hidden": bytes(60_000_000), "a.png": PNG}, "w:xz")
    with pytest.raises(UnsafeArchiveError, match="200 times its size"):
        unpack(tmp_path / "skipped.tar.xz", tmp_path / "1", settings=SETTINGS)
    with tarfile.open(tmp_path / "header.tar.xz", "w:xz") as file:
        add(file, "././@LongLink", b"x" * 9_000_000, kind=tarfile.GNUTYPE_LONGNAME)
        add(file, "a.png", PNG)
    with pytest.raises(UnsafeArchiveError, match="header of many megabytes"):
        unpack(tmp_path / "header.tar.xz", tmp_path / "2", settings=SETTINGS)


def test_an_encrypted_zip_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": PNG})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the local header's flag
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the directory's
    path.write_bytes(data)
    with pytest.raises(SourceError, match="encrypted"):
        unpack(path, tmp_path / "out", settings=SETTINGS)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_damaged_archive_is_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    data = os.urandom(200_000)
    if kind == "zip":
        zipped(path, {"a.png": data}, zipfile.ZIP_STORED)
        raw = bytearray(path.read_bytes())
        raw[1000] ^= 0xFF
        path.write_bytes(raw)
    else:
        tarred(path, {"a.png": data}, "w:" + kind.partition(".")[2])
        path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(SourceError, match="cannot be read"):
        unpack_once(path, tmp_path / "sources", settings=SETTINGS)
    assert list((tmp_path / "sources").iterdir()) == []


def test_what_is_no_archive_or_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"nothing of the kind")
    with pytest.raises(SourceError, match="cannot be read"):
        unpack(tmp_path / "a.zip", tmp_path / "1", settings=SETTINGS)
    zipped(tmp_path / "b.zip", {".hidden": b"x"})
    with pytest.raises(SourceError, match="holds no files"):
        unpack(tmp_path / "b.zip", tmp_path / "2", settings=SETTINGS)


def test_the_same_bytes_are_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = archive_module.unpack
    monkeypatch.setattr(archive_module, "unpack", lambda *a, **k: (calls.append(a), original(*a, **k))[1])
    path = zipped(tmp_path / "a.zip", {"a.png": PNG})
    first = unpack_once(path, tmp_path / "sources", settings=SETTINGS)
    path.rename(tmp_path / "b.zip")
    assert unpack_once(tmp_path / "b.zip", tmp_path / "sources", settings=SETTINGS) == first
    assert len(calls) == 1
    assert [entry.name for entry in (tmp_path / "sources").iterdir()] == [first.name]


def test_the_folder_that_wraps_everything_is_stepped_into(tmp_path: Path) -> None:
    def root(members: dict[str, bytes]) -> str:
        path = zipped(tmp_path / "a.zip", members)
        sources = tmp_path / "sources"
        unpacked = unpack_once(path, sources, settings=SETTINGS)
        return "/".join(unpacked.relative_to(sources).parts[1:])

    assert root({"set/cat/1.png": PNG, "set/dog/2.png": PNG}) == "set"
    assert root({"cat/1.png": PNG}) == ""
    assert root({"train/cat/1.png": PNG}) == ""
    assert root({"cat/1.png": PNG, "dog/1.png": PNG}) == ""


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": PNG, "b.png": PNG})
    original = Path.open

    class FullDisk(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_full(self: Path, mode: str = "r", *args: object, **kwargs: object) -> object:
        if mode == "xb":
            original(self, "xb").close()
            return FullDisk()
        return original(self, mode, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(StorageError, match="is full: free some space"):
        unpack_once(path, tmp_path / "sources", settings=SETTINGS)
    assert list((tmp_path / "sources").iterdir()) == []


class StopsAfter(Silent):
    def __init__(self, n: int) -> None:
        self.n_left, self.reports = n, []

    def report(self, stage: Stage, n_done: int, n_total: int) -> None:
        self.reports.append((stage, n_done, n_total))

    def check_cancelled(self) -> None:
        self.n_left -= 1
        if self.n_left < 0:
            raise CancelledError("Stopped.")


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_unpacking_can_be_cancelled_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    (zipped if kind == "zip" else tarred)(path, {f"{i}.png": PNG for i in range(9)})
    progress = StopsAfter(4)
    with pytest.raises(CancelledError):
        unpack_once(path, tmp_path / "sources", settings=SETTINGS, progress=progress)
    assert list((tmp_path / "sources").iterdir()) == []
    done = StopsAfter(10**6)
    unpack_once(path, tmp_path / "sources", settings=SETTINGS, progress=done)
    assert [n for _, n, _ in done.reports] == sorted(n for _, n, _ in done.reports)
    assert all(n_done <= n_total == path.stat().st_size for _, n_done, n_total in done.reports)


def test_a_tar_of_names_in_latin1_is_read(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", encoding="latin-1", format=tarfile.GNU_FORMAT) as file:
        add(file, "caf\xe9.png", PNG)
    unpack(tmp_path / "a.tar", tmp_path / "out", settings=SETTINGS)
    assert files(tmp_path / "out") == ["café.png"]
