"""What nobody sees, and which pages somebody sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import streamlit as st

from dataeval_ui.services.shared import shared_services
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.panels.frame import render_frame
from dataeval_ui.ui.text import plain
from dataeval_ui.ui.viewer import account_here

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

    from dataeval_ui.services.access import Viewer

GUESTS_PAGES = ("explore", "duplicates", "outliers", "coverage", "quality", "labels", "slices", "health", "review")
"""Pages of one run, which open it by `cached.run`. A new page is the owner's until it is named here."""

_PAGES = Path(__file__).parent.parent / "app_pages"


def pages_for(
    viewer: Viewer, sections: Mapping[str, Sequence[StreamlitPage]]
) -> dict[str, list[StreamlitPage]] | list[StreamlitPage]:
    """Return the pages of the navigation that a viewer may open; a guest begins at a page of welcome.

    A guest's few pages stand in a row: menus would only hide them.
    """
    account = []
    if account_here() is not None and not viewer.is_guest:
        page = _PAGES / "account.py"
        account = [
            st.Page(page, title="Account", icon=":material/account_circle:", help="Who you are, and the way out.")
        ]
    if viewer.is_owner:
        shown = {section: list(pages) for section, pages in sections.items()}
        return {**shown, "Account": account} if account else shown
    welcome = st.Page(
        _PAGES / "welcome.py", title="Start", icon=":material/home:", default=True, help="What you were invited to."
    )
    every = [page for pages in sections.values() for page in pages]
    return [welcome, *(page for page in every if page.url_path in GUESTS_PAGES), *account]


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


_LOG_IN = """<a href="{base_path}/login" target="_self"
style="display:inline-block;padding:0.4rem 1rem;border-radius:8px;
background:#2563c4;color:#fff;font-weight:600;text-decoration:none">Log in</a>"""
_LOG_OUT = '<a href="{base_path}/logout" target="_self">Log out</a>'
"""An address, since a button's message would not be run: nobody has sent it."""


def turn_away(viewer: Viewer) -> NoReturn:
    """Say why nothing is shown, with the way in, and end the script."""
    st.navigation([st.Page(_nothing, title="Log in", default=True)], position="hidden")
    render_frame("")
    with st.container(border=True):
        st.subheader("Nothing to see here", icon=":material/lock:", anchor=False)
        st.markdown(plain(viewer.reason))
        if viewer.reason.startswith("This link"):
            st.link_button("Forget this link", f"{base_path()}/leave")
        elif shared_services().settings.login == "oidc":
            st.html(_LOG_IN.format(base_path=base_path()))
        if account_here() is not None:  # whom a provider has named, without a role here
            st.html(_LOG_OUT.format(base_path=base_path()))
    st.stop()


def _nothing() -> None:
    """Draw no page."""
