"""What a command line says to input that cannot be: one sentence, exit code 2, nothing started."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataeval_ui.cli import main
from dataeval_ui.commands.output import show


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"no image, and never read")
    return folder


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("run", "~no-such-user-here/x"), "home folder of a user"),
        (("run", "a" * 300), "cannot be opened (File name too long)"),
        (("run", "/" + "x/" * 5000), "cannot be opened (File name too long)"),
        (("run", ""), "is empty"),
        (("run", "line\nfeed"), "There is no file or folder"),
        (("run", "\x1b[31mred"), "There is no file or folder"),
        (("run", "/dev/zero"), "neither a file nor a folder"),
        (("run", "PHOTOS", "--seed", "-1"), "random_state must be in [0, 4294967295], got -1."),
        (("run", "PHOTOS", "--seed", str(2**32)), "random_state must be in"),
        (("run", "PHOTOS", "--min-dist", "nan"), "min_dist must be in"),
        (("run", "PHOTOS", "--outlier-threshold", "nan"), "outlier_threshold must be in"),
        (("run", "PHOTOS", "--backbone", "../../x"), "There is no backbone named"),
        (("run", "PHOTOS", "--label-from", "folder:" + "9" * 5000), "must be 'leaf' or a number"),
        (("findings", "\0"), "There is no run named"),
        (("resume", "' OR 1=1 --"), "There is no job named"),
        (("remove", ".."), "There is no dataset named"),
        (("runs", "--workspace", "~no-such-user-here/w"), "home folder of a user"),
        (("runs", "--workspace", "a" * 300), "File name too long"),
    ],
)
def test_bad_input_is_one_line_without_control_characters(
    args: tuple[str, ...], sentence: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(folder) if arg == "PHOTOS" else arg for arg in args]
    if "--workspace" not in given:
        given += ["--workspace", str(tmp_path / "workspace")]
    assert main(given) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.endswith("\n")
    assert said[:-1].isprintable()


def test_a_table_of_hostile_names_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"path": "\x1b]0;owned\x07\x1b[2J\u202egnp.exe", "n": 1}, {"path": "two\nlines", "n": 2}]
    assert show(rows, False, empty="", key="rows") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
