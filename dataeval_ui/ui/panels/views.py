"""Views: the state of a page under a name, opened again exactly."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.errors import UnknownNameError
from dataeval_ui.services.selections import KEPT_PREFIX
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.text import plain, visible
from dataeval_ui.ui.viewer import can, require

if TYPE_CHECKING:
    from dataeval_ui.services.access import Viewer
    from dataeval_ui.services.run import Run

_NAME = "view_name"


def open_named(viewer: Viewer) -> None:
    """Replace `?view=<id>` in the address by the state that was saved under it, and run the page again."""
    view_id = state.str_param("view")
    if view_id is None:
        return
    try:
        view = cached.services().catalog.get_view(view_id)
    except UnknownNameError:
        st.warning("This saved view was removed; the page opens as it is.")
        return
    if viewer.run_id not in (None, view.run_id):
        st.warning("This saved view shows another run.")
        return
    address = {name: values for name, values in view.address.items() if not name.startswith(KEPT_PREFIX)}
    for name, values in view.address.items():
        if name.startswith(KEPT_PREFIX):
            cached.kept_selections().put(name.removeprefix(KEPT_PREFIX), base64.b64decode(values[0]))
    state.set_address({**address, "run": view.run_id})
    st.rerun()


def save_current(run: Run, page: str, name: str) -> None:
    """Save the page as it stands; one of the same name is replaced.

    Raises
    ------
    AccessDeniedError
        A guest's.
    ParameterError
        A name that is empty or too long.
    """
    require("manage")
    address = {key: values for key, values in state.address().items() if key not in ("run", "view")}
    digest = state.kept_digest(state.str_param("selected"))
    if digest is not None and (packed := cached.kept_selections().get(digest)) is not None:
        address[KEPT_PREFIX + digest] = [base64.b64encode(packed).decode("ascii")]
    cached.services().catalog.save_view(run_id=run.id, name=name, page=page, address=address)


def render_views(run: Run, page: str) -> None:
    """Draw the popover that saves this page and opens the saved ones."""
    saved = cached.services().catalog.list_views(run.id)
    may_save = can("manage")
    if not saved and not may_save:
        return
    with st.popover(":material/bookmark:", key="views", help="Saved views: pages as they stood, under a name."):
        for view in saved:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.page_link(
                    f"app_pages/{view.page}.py",
                    label=plain(view.name, max_chars=60),
                    icon=":material/bookmark:",
                    query_params={"run": run.id, "view": view.id},
                )
                if may_save:
                    st.button(
                        "Forget",
                        key=f"forget_{view.id}",
                        icon=":material/delete:",
                        type="tertiary",
                        on_click=_forget,
                        args=(view.id,),
                        help=f"Forget {visible(view.name, max_chars=60)}",
                    )
        if may_save:
            with st.form("save_view", border=False, clear_on_submit=True):
                name = st.text_input("Name of the page as it is now", key=_NAME, max_chars=255)
                if st.form_submit_button("Save", icon=":material/bookmark_add:"):
                    with shown_errors():
                        save_current(run, page, name)
                        st.rerun()


def _forget(view_id: str) -> None:
    with shown_errors():
        require("manage")
        cached.services().catalog.remove_view(view_id)
