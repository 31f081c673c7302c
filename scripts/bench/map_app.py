"""The server of `map.py`."""

from pathlib import Path

from streamlit.starlette import App

from dataeval_ui.server.app import app_parts
from tests.browser.generated import generated_run

app = App(Path(__file__).parent / "map_page.py", **app_parts(open_run=generated_run))
