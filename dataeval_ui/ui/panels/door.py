"""What nobody sees, and which pages somebody sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import streamlit as st

from dataeval_ui.services.shared import shared_services
from dataeval_ui.ui.panels.frame import render_frame
from dataeval_ui.ui.text import plain

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

    from dataeval_ui.services.access import Viewer

GUESTS_PAGES = ("explore", "duplicates", "outliers", "coverage", "quality", "labels", "slices", "health", "review")
"""Pages of one run, which open it by `cached.run`. A new page is the owner's until it is named here."""

_WELCOME = Path(__file__).parent.parent / "app_pages" / "welcome.py"


def pages_for(
    viewer: Viewer, sections: Mapping[str, Sequence[StreamlitPage]]
) -> dict[str, list[StreamlitPage]] | list[StreamlitPage]:
    """Return the pages of the navigation that a viewer may open; a guest begins at a page of welcome.

    A guest's few pages stand in a row: menus would only hide them.
    """
    if viewer.is_owner:
        return {section: list(pages) for section, pages in sections.items()}
    welcome = st.Page(_WELCOME, title="Start", icon=":material/home:", default=True, help="What you were invited to.")
    every = [page for pages in sections.values() for page in pages]
    return [welcome, *(page for page in every if page.url_path in GUESTS_PAGES)]


def section_of(
    page: StreamlitPage, pages: Mapping[str, Sequence[StreamlitPage]] | Sequence[StreamlitPage]
) -> tuple[int, str] | None:
    """Return the place of a page's section among the menus, from 1, and its name; None where pages stand in a row."""
    if not isinstance(pages, Mapping):
        return None
    for at, (name, section) in enumerate(pages.items(), start=1):
        if page.url_path in [each.url_path for each in section]:
            return at, name
    return None


_LOG_IN = """<a href="/login" target="_self" style="display:inline-block;padding:0.4rem 1rem;border-radius:8px;
background:#2563c4;color:#fff;font-weight:600;text-decoration:none">Log in</a>"""
"""An address, since a button's message would not be run: nobody has sent it."""


def turn_away(viewer: Viewer) -> NoReturn:
    """Say why nothing is shown, with the way in, and end the script."""
    st.navigation([st.Page(_nothing, title="Log in", default=True)], position="hidden")
    render_frame("")
    with st.container(border=True):
        st.subheader("Nothing to see here", icon=":material/lock:", anchor=False)
        st.markdown(plain(viewer.reason))
        if viewer.reason.startswith("This link"):
            st.link_button("Forget this link", "/leave")
        elif shared_services().settings.login == "oidc":
            st.html(_LOG_IN)
    st.stop()


def _nothing() -> None:
    """Draw no page."""
