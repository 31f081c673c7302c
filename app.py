"""`streamlit run app.py`: the same server as `dataeval-ui serve`."""

from streamlit.starlette import App

from dataeval_ui.server.app import MAIN_SCRIPT, app_parts

app = App(MAIN_SCRIPT, **app_parts())  # Streamlit looks for this very call
