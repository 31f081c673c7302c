"""What stands around every page: the product's name, its style, where one is, and the keys."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.ui.panels.keys import render_keys
from dataeval_ui.ui.panels.style import style_sheet
from dataeval_ui.ui.panels.theme import is_dark

_NAME = """<svg xmlns="http://www.w3.org/2000/svg" width="136" height="28" viewBox="0 0 136 28">
<g fill="{accent}"><circle cx="6" cy="9" r="4"/><circle cx="15" cy="6" r="3"/><circle cx="11" cy="17" r="5"/></g>
<circle cx="20" cy="19" r="2.6" fill="{odd}"/>
<text x="30" y="19.5" font-family="'Source Sans', 'Source Sans 3', 'Segoe UI', Roboto, Arial, sans-serif"
 font-size="17" font-weight="700" fill="{ink}">DataEval UI</text></svg>"""

_CLOSE_MENU = """<script>/* {page} */
if (innerWidth < 768) {{
  document.querySelector('[data-testid="stSidebar"][data-collapsed="false"] ' +
    '[data-testid="stSidebarCollapseButton"] button')?.click();
}}
</script>"""
"""On a narrow screen the pages' names are a menu above the page, and Streamlit leaves it open when one is chosen."""


def render_frame(page: str, *, title: str = "", section: tuple[int, str] | None = None) -> None:
    """Draw the name, left of the pages' names, say which one is open, and close the menu when another page is opened.

    Parameters
    ----------
    page : str
        Path of the page: the browser runs the script again when it changes.
    title : str, optional
        Its name.
    section : (int, str), optional
        Place of its section in the navigation, from 1, and its name.
    """
    dark = is_dark()
    st.logo(
        _NAME.format(
            accent="#4a88e8" if dark else "#2563c4",
            odd="#f0a04b" if dark else "#c2570c",
            ink="#e7ebf1" if dark else "#1a232e",
        ),
        size="medium",
    )
    place, section_name = section or (None, "")
    st.html(style_sheet(title, place, named=title != section_name))
    with st.container(key="close_menu"):
        st.html(_CLOSE_MENU.format(page=page), unsafe_allow_javascript=True)
    render_keys(page)
