"""The list of backbones, as scripts read it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dataeval_ui.cli import main
from dataeval_ui.embed.backbones import BACKBONES
from tests.tiny_models import DECLARED, write_onnx


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """What `backbones --json` prints in a workspace with a model of one's own, in a process without torch."""
    workspace = tmp_path_factory.mktemp("listed")
    path = write_onnx(workspace / "tiny.onnx")
    declared = "\n".join(f"{key} = {json.dumps(value)}" for key, value in DECLARED.items())
    (workspace / "settings.toml").write_text(
        f'[[models]]\nname = "mine"\nkind = "onnx"\npath = "{path.as_posix()}"\nlicence = "ours"\n{declared}\n'
    )
    code = "import sys; from dataeval_ui.cli import main; main(sys.argv[1:]); assert 'torch' not in sys.modules"
    told = subprocess.run(
        [sys.executable, "-c", code, "backbones", "--json", "--workspace", str(workspace)],
        env={**os.environ, "DATAEVAL_UI_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    rows: list[dict[str, object]] = json.loads(told.stdout)["backbones"]
    return rows


def test_every_row_of_the_registry_and_the_own_model_is_listed_once_in_order(listed: list[dict[str, object]]) -> None:
    assert [row["name"] for row in listed] == [*BACKBONES, "mine"]


@pytest.mark.parametrize("name", list(BACKBONES))
def test_a_row_says_what_its_page_says(listed: list[dict[str, object]], name: str) -> None:
    (row,) = [row for row in listed if row["name"] == name]
    backbone = BACKBONES[name]
    assert (row["family"], row["n_dims"], row["licence"]) == (backbone.family, backbone.n_dims, backbone.licence)
    assert row["input_px"] == backbone.preprocessing.input_px
    assert row["size_mb"] == (backbone.size_mb or None)
    assert row["best_for"]
    if backbone.hub and backbone.revision != "main":
        assert re.fullmatch(r"[0-9a-f]{40}", backbone.revision)
        assert row["revision"] == backbone.revision
    else:
        assert row["revision"] == (f"sha256:{backbone.sha256}" if backbone.sha256 else "pinned at first use")


def test_what_is_on_this_machine_is_told(listed: list[dict[str, object]]) -> None:
    states = {row["name"]: row["available"] for row in listed}
    assert states["efficientnet-lite0"] == states["mine"] == "here"
    assert set(states.values()) <= {"here", "missing"}  # nothing can be downloaded offline


def test_the_own_model_has_what_was_declared(listed: list[dict[str, object]]) -> None:
    mine = listed[-1]
    assert (mine["family"], mine["licence"], mine["input_px"]) == ("your own", "ours", DECLARED["input_px"])
    assert mine["n_dims"] is None  # told by the network alone


def test_one_name_lists_one_row_and_a_wrong_one_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backbones", "resnet50", "--json", "--workspace", str(tmp_path)]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)["backbones"]] == ["resnet50"]
    assert main(["backbones", "resnet5", "--json", "--workspace", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "Did you mean 'resnet50'" in told.err


def test_the_hub_is_not_asked_for_news_offline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.toml").write_text("offline = true\n", encoding="utf-8")
    assert main(["backbones", "resnet50", "--newest", "--workspace", str(tmp_path)]) == 2
    assert "The hub may not be asked (offline); leave --newest out." in capsys.readouterr().err
