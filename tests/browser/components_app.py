"""The server of the components' browser tests: our routes, our access rules, generated runs."""

from pathlib import Path

from streamlit.starlette import App

from dataeval_ui.server.app import app_parts
from tests.browser.generated import generated_run

app = App(Path(__file__).parent / "pages.py", **app_parts(open_run=generated_run))
