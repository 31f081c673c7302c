"""Light or dark, for what Streamlit does not colour by itself."""

from __future__ import annotations

import streamlit as st


def is_dark() -> bool:
    """Whether the page is shown dark."""
    return st.context.theme.type == "dark"
