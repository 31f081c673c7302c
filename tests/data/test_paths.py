import unicodedata
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataeval_ui.data.paths import check_allowed, is_litter, is_sidecar, resolve_roots, safe_member_path
from dataeval_ui.errors import AccessDeniedError, UnsafeArchiveError


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("cat/1.png", "cat/1.png"),
        ("./cat//1.png", "cat/1.png"),
        ("cat\\1.png", "cat/1.png"),
        ("näme/猫.png", "näme/猫.png"),
        ("..hidden/a..b.png", "..hidden/a..b.png"),
        ("aux.png", "aux.png"),
    ],
)
def test_harmless_names_keep_their_parts(name: str, path: str) -> None:
    assert safe_member_path(name) == PurePosixPath(path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("/etc/passwd", "absolute"),
        ("\\\\server\\share\\a.png", "absolute"),
        ("C:\\a.png", "absolute"),
        ("c:a.png", "absolute"),
        ("./C:a.png", "absolute"),
        ("../a.png", "leaves its folder"),
        ("a/../../b.png", "leaves its folder"),
        ("a\\..\\..\\b.png", "leaves its folder"),
        ("a\0.png", "NUL"),
        ("", "empty"),
        ("./.", "empty"),
        ("x" * 256, "longer"),
        ("/".join(["x" * 100] * 11), "longer"),
        ("é" * 128, "longer"),
        ("a\udce9.png", "not Unicode"),
    ],
)
def test_harmful_names_are_refused_in_a_sentence(name: str, says: str) -> None:
    with pytest.raises(UnsafeArchiveError, match=says) as caught:
        safe_member_path(name)
    assert str(caught.value).endswith(".")


NAMES = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from(["..", ".", "", "a", "C:", "c:x", "/", "\\", "\0", "..\\", "con", "é"]), max_size=8).map(
        "/".join
    ),
)


@given(NAMES)
def test_whatever_passes_stays_below_its_folder(name: str) -> None:
    try:
        path = safe_member_path(name)
    except UnsafeArchiveError:
        return
    assert not path.is_absolute()
    assert path.parts
    assert ".." not in path.parts
    assert not any("/" in part or "\\" in part or "\0" in part for part in path.parts)
    assert not (
        path.parts[0][1:2] == ":"
        and unicodedata.category(path.parts[0][0]).startswith("L")
        and path.parts[0][0].isascii()
    )
    assert all(len(part.encode()) <= 255 for part in path.parts)
    assert safe_member_path(str(path)) == path


def test_litter_and_sidecars_are_told_from_images() -> None:
    assert all(map(is_litter, [".DS_Store", "Thumbs.db", "__MACOSX", ".git", "desktop.ini"]))
    assert not any(map(is_litter, ["cat.png", "thumbs", "a.db"]))
    assert all(map(is_sidecar, ["labels.csv", "README", "LICENSE", "a.JSON", "notes.txt", "x.tar.md"]))
    assert not any(map(is_sidecar, ["a.png", "a", "a.svg", "a.dat", "a.mp4", "csv", "readme.png"]))


def test_a_path_outside_the_roots_is_refused_with_the_way_out(tmp_path: Path) -> None:
    roots = resolve_roots([tmp_path / "data"])
    check_allowed(str(tmp_path.resolve() / "data" / "a.png"), roots)
    check_allowed("/anything", None)
    for outside in ("data2/a.png", "other.png"):
        with pytest.raises(AccessDeniedError, match="DATAEVAL_UI_DATA_ROOTS"):
            check_allowed(str(tmp_path.resolve() / outside), roots)
    with pytest.raises(AccessDeniedError, match="none"):
        check_allowed("/anything", [])
