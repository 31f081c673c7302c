"""Where settings come from, and what happens to bad ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dataeval_ui.errors import ParameterError, UnknownNameError
from dataeval_ui.settings import Settings, environment_of, in_environment, load_settings, numba_environment


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("port = 1\nbatch_size = 2\nthumbnail_px = 30\n")
    environment = {"DATAEVAL_UI_PORT": "10", "DATAEVAL_UI_BATCH_SIZE": "20"}
    settings = load_settings({"workspace": tmp_path, "port": 100}, environment=environment)
    assert (settings.port, settings.batch_size, settings.thumbnail_px) == (100, 20, 30)


def test_none_from_the_command_line_means_not_given() -> None:
    assert load_settings({"port": None}, environment={"DATAEVAL_UI_PORT": "9"}).port == 9


def test_roots_are_split_at_the_platforms_separator(tmp_path: Path) -> None:
    text = os.pathsep.join(["/a", "/b"])
    assert load_settings({}, environment={"DATAEVAL_UI_DATA_ROOTS": text}).data_roots == (Path("/a"), Path("/b"))


def test_the_address_of_the_catalog_reaches_a_child_and_is_not_shown() -> None:
    settings = load_settings({}, environment={"DATAEVAL_UI_CATALOG_URL": "postgresql://me:secret@host/name"})
    assert environment_of(settings)["DATAEVAL_UI_CATALOG_URL"] == "postgresql://me:secret@host/name"
    assert "secret" not in repr(settings)


def test_variables_reach_a_child_while_they_are_set_and_are_put_back_whatever_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATAEVAL_UI_PORT", "1")
    monkeypatch.delenv("DATAEVAL_UI_HOST", raising=False)
    code = "import os; raise SystemExit(os.environ['DATAEVAL_UI_PORT'] + os.environ['DATAEVAL_UI_HOST'])"
    with (
        pytest.raises(subprocess.CalledProcessError) as raised,
        in_environment({"DATAEVAL_UI_PORT": "2", "DATAEVAL_UI_HOST": "here"}),
    ):
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert raised.value.stderr == "2here\n"
    assert os.environ["DATAEVAL_UI_PORT"] == "1"
    assert "DATAEVAL_UI_HOST" not in os.environ


def test_numba_compiles_into_the_workspace_unless_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/chosen")
    assert numba_environment(Settings(n_threads=3), Path("/w/numba"))["NUMBA_CACHE_DIR"] == "/chosen"
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    given = {"NUMBA_NUM_THREADS": "3", "NUMBA_CACHE_DIR": "/w/numba"}
    assert numba_environment(Settings(n_threads=3), Path("/w/numba")) == given


def test_an_unknown_setting_in_the_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("prot = 1\n")
    with pytest.raises(UnknownNameError, match="Did you mean 'port'"):
        load_settings({"workspace": tmp_path}, environment={})


@pytest.mark.parametrize(("name", "value"), [("port", "many"), ("offline", "perhaps"), ("decode_timeout_s", "soon")])
def test_a_value_of_the_wrong_type_is_one_sentence(name: str, value: str) -> None:
    with pytest.raises(ParameterError, match=f"'{name}' needs a value of type"):
        load_settings({name: value}, environment={})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("commit_size", -1),
        ("n_threads", 0),
        ("n_decoders", -1),
        ("thumbnail_px", 0),
        ("max_pixels", 0),
        ("port", 65_536),
        ("batch_size", 10**30),
        ("decode_timeout_s", "nan"),
        ("decode_timeout_s", "inf"),
    ],
)
def test_a_value_outside_its_range_is_one_sentence(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=f"'{name}' must be in "):
        load_settings({name: value}, environment={})


@pytest.mark.parametrize("value", ["1.5", "true", "9" * 5000])
def test_what_is_no_whole_number_is_not_rounded_to_one(tmp_path: Path, value: str) -> None:
    (tmp_path / "settings.toml").write_text(f"batch_size = {value}\n")
    with pytest.raises(ParameterError) as caught:
        load_settings({"workspace": tmp_path}, environment={})
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", ["workspace", "weights_dir", "data_roots"])
def test_the_home_folder_of_nobody_is_one_sentence(name: str) -> None:
    with pytest.raises(ParameterError, match="home folder of a user"):
        load_settings({name: "~no-such-user-here/x"}, environment={})


def test_settings_that_cannot_be_read_say_so(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").mkdir()
    with pytest.raises(ParameterError, match=r"cannot be read: Is a directory"):
        load_settings({"workspace": tmp_path}, environment={})


def test_a_file_that_is_no_toml_says_which(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("port = = 1")
    with pytest.raises(ParameterError, match=r"settings\.toml is no TOML file"):
        load_settings({"workspace": tmp_path}, environment={})


def test_every_setting_says_what_it_is_for() -> None:
    from dataclasses import fields

    assert all(f.metadata["doc"].endswith(".") for f in fields(Settings))
