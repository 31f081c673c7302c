import os
import socket
import tomllib
from pathlib import Path

import pytest
from streamlit.web.server.app_discovery import discover_asgi_app

from dataeval_ui.errors import AccessDeniedError, ParameterError
from dataeval_ui.server.options import STREAMLIT_OPTIONS, config_toml
from dataeval_ui.server.serve import free_port, serve
from dataeval_ui.services.shared import shared_services
from dataeval_ui.settings import Settings, environment_of, load_settings

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.4", "example.org", "::"])
def test_an_address_that_others_reach_is_refused_until_there_is_a_login(host, tmp_path, monkeypatch):
    for name, value in environment_of(Settings(workspace=tmp_path, host=host)).items():
        monkeypatch.setenv(name, value)
    shared_services.cache_clear()
    with pytest.raises(AccessDeniedError, match=r"has no login\. Set a password with `dataeval-ui password`"):
        serve(Settings(workspace=tmp_path, host=host), open_browser=False)
    shared_services.cache_clear()


def test_a_port_in_use_gives_the_next_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port("127.0.0.1", port) < port + 50


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_outside_the_range_is_refused(port):
    with pytest.raises(ParameterError, match=r"port must be in \[0, 65535\]"):
        free_port("127.0.0.1", port)


def test_settings_reach_the_pages_through_the_environment(tmp_path):
    settings = Settings(workspace=tmp_path, data_roots=(tmp_path / "a", tmp_path / "b"), offline=True, port=8777)
    assert load_settings(environment=environment_of(settings)) == settings


def test_blas_gets_the_cores_of_the_settings_unless_the_user_chose(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    environment = environment_of(Settings(n_threads=3))
    assert "OMP_NUM_THREADS" not in environment
    assert environment["OPENBLAS_NUM_THREADS"] == "3"
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_streamlit_run_has_the_options_of_serve():
    written = (ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8")
    assert written == config_toml(), "run scripts/write_streamlit_config.py"
    flat = {}

    def flatten(prefix, table):
        for name, value in table.items():
            flatten(f"{prefix}{name}.", value) if isinstance(value, dict) else flat.update({prefix + name: value})

    flatten("", tomllib.loads(written))
    assert flat == STREAMLIT_OPTIONS


def test_streamlit_knows_every_option():
    from streamlit import config

    assert set(STREAMLIT_OPTIONS) <= set(config._config_options_template)


def test_streamlit_run_finds_our_application_in_app_py():
    assert discover_asgi_app(ROOT / "app.py").is_asgi_app


def contrast(first, second):
    def luminance(colour):
        channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_of_black_on_white_is_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_can_be_read(theme):
    def colour(name):
        return STREAMLIT_OPTIONS[f"theme.{theme}.{name}"]

    for page in ("backgroundColor", "secondaryBackgroundColor", "sidebar.backgroundColor"):
        assert contrast(colour("textColor"), colour(page)) >= 7
        assert contrast(colour("linkColor"), colour(page)) >= 4.5
        assert contrast(colour("primaryColor"), colour(page)) >= 3
