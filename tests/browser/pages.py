"""The test pages: the map at `/`, the rest at `/parts`."""

from pathlib import Path

import streamlit as st

st.set_page_config(page_title="Components", layout="wide")
here = Path(__file__).parent
st.navigation(
    [st.Page(here / "map_page.py"), st.Page(here / "parts_page.py", url_path="parts")],
    position="hidden",
).run()
