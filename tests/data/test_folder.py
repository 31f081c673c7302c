import os
import sys
from pathlib import Path

import pytest

from dataeval_ui.data import folder as folder_module
from dataeval_ui.data.folder import list_folder
from dataeval_ui.errors import AccessDeniedError, CancelledError, SourceError
from dataeval_ui.types import LabelRule, Listing, Silent
from tests.data.images import encoded, photo

PNG = encoded(photo(8, 8))


def fill(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(PNG)
    return root


def listed(root: Path) -> Listing:
    return list_folder(root, rule=LabelRule())


def reasons(listing: Listing) -> dict[str, str | None]:
    return dict(zip(listing.table["path"].to_pylist(), listing.table["reason"].to_pylist(), strict=True))


def test_places_come_in_the_order_of_their_bytes(tmp_path: Path) -> None:
    fill(tmp_path, "b/1.png", "a/2.png", "a/10.png", "a.png", "ä.png", "B.png")
    paths = listed(tmp_path).table["path"].to_pylist()
    assert paths == ["B.png", "a.png", "a/10.png", "a/2.png", "b/1.png", "ä.png"]
    assert paths == sorted(paths, key=lambda path: path.encode())


def test_size_time_label_and_split_are_known(tmp_path: Path) -> None:
    fill(tmp_path, "train/cat/1.png")
    [row] = listed(tmp_path).table.to_pylist()
    status = (tmp_path / "train/cat/1.png").stat()
    assert row == {
        "path": "train/cat/1.png",
        "label": "cat",
        "split": "train",
        "n_bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "status": "listed",
        "reason": None,
    }


def test_litter_and_sidecars_are_no_places_and_unknown_extensions_are(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", ".hidden.png", ".git/a.png", "__MACOSX/a.png", "Thumbs.db", "labels.csv", "README", "x.dat")
    fill(tmp_path, "scan", "drawing.svg")
    assert listed(tmp_path).table["path"].to_pylist() == ["a.png", "drawing.svg", "scan", "x.dat"]


def test_links_inside_the_root_are_places_of_their_own(tmp_path: Path) -> None:
    fill(tmp_path, "real/1.png")
    (tmp_path / "alias.png").symlink_to("real/1.png")
    (tmp_path / "linked").symlink_to("real")
    assert reasons(listed(tmp_path)) == {"alias.png": None, "linked/1.png": None, "real/1.png": None}


def test_links_that_leave_or_break_are_findings(tmp_path: Path) -> None:
    root = fill(tmp_path / "root", "1.png")
    fill(tmp_path / "outside", "2.png")
    (root / "out.png").symlink_to(tmp_path / "outside/2.png")
    (root / "outdir").symlink_to(tmp_path / "outside")
    (root / "broken.png").symlink_to("nothing.png")
    (root / "self.png").symlink_to("self.png")
    found = reasons(listed(root))
    assert sorted(found) == ["1.png", "broken.png", "out.png", "outdir", "self.png"]
    assert str(tmp_path.resolve() / "outside/2.png") in str(found["out.png"])
    assert "leads out" in str(found["outdir"])
    assert "cannot be opened" in str(found["broken.png"])
    assert found["self.png"] is not None


def test_a_root_whose_name_begins_like_the_folder_is_outside(tmp_path: Path) -> None:
    root = fill(tmp_path / "root", "1.png")
    fill(tmp_path / "root2", "2.png")
    (root / "out.png").symlink_to(tmp_path / "root2/2.png")
    assert "leads out" in str(reasons(listed(root))["out.png"])


def test_a_loop_of_links_ends_and_is_a_finding(tmp_path: Path) -> None:
    fill(tmp_path, "a/b/1.png")
    (tmp_path / "a/b/up").symlink_to("..")
    (tmp_path / "a/b/root").symlink_to(tmp_path)
    found = reasons(listed(tmp_path))
    assert sorted(found) == ["a/b/1.png", "a/b/root", "a/b/up"]
    assert "back to a folder that holds it" in str(found["a/b/up"])


def test_folders_that_link_to_each_other_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "MAX_LINKED_FOLDERS", 50)
    names = "abcdefgh"
    for name in names:
        fill(tmp_path, f"{name}/1.png")
        for other in names:
            (tmp_path / name / f"to-{other}").symlink_to(f"../{other}")
    found = reasons(listed(tmp_path))
    assert sum(reason is None for reason in found.values()) == len(names) + 50
    assert any("more than 50 linked folders" in str(reason) for reason in found.values())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_a_finding(tmp_path: Path) -> None:
    fill(tmp_path, "1.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert reasons(listed(tmp_path))["pipe.png"] == "This is a named pipe, not a file."


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
def test_a_name_that_is_not_utf8_is_a_finding(tmp_path: Path) -> None:
    fill(tmp_path, "1.png", "caf\\xe9.png")
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(PNG)
    (tmp_path / os.fsdecode(b"dir\xe9")).mkdir()
    found = reasons(listed(tmp_path))
    assert len(found) == 4
    assert found["caf\\xe9.png'"] is not None or found["caf\\xe9.png"] is not None
    assert [reason for path, reason in found.items() if path.startswith("dir")] == [
        "The name dir\\xe9 is not UTF-8: rename it."
    ]


def test_an_empty_folder_and_one_of_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no images"):
        listed(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(SourceError, match="holds no images"):
        listed(tmp_path)


def test_a_folder_outside_the_allowed_roots_is_refused(tmp_path: Path) -> None:
    root = fill(tmp_path / "root", "1.png")
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed/link").symlink_to(root)
    with pytest.raises(AccessDeniedError, match="outside the folders"):
        list_folder(tmp_path / "allowed/link", rule=LabelRule(), allowed_roots=[str(tmp_path / "allowed")])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_rights_is_a_finding(tmp_path: Path) -> None:
    fill(tmp_path, "1.png", "shut/2.png")
    (tmp_path / "shut").chmod(0)
    try:
        assert "cannot be opened" in str(reasons(listed(tmp_path))["shut"])
    finally:
        (tmp_path / "shut").chmod(0o700)


class Stopped(Silent):
    def check_cancelled(self) -> None:
        raise CancelledError("Stopped.")


def test_a_listing_can_be_cancelled(tmp_path: Path) -> None:
    with pytest.raises(CancelledError):
        list_folder(fill(tmp_path, "1.png"), rule=LabelRule(), progress=Stopped())
