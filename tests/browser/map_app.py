"""The server of the map's browser tests: our routes, our access rules, a generated run."""

from pathlib import Path

from streamlit.starlette import App

from dataeval_ui.server.app import app_parts
from tests.browser.generated import generated_run

app = App(Path(__file__).parent / "map_page.py", **app_parts(open_run=generated_run))
