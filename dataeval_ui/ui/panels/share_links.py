"""Links of a run: a form that makes one, and the list of those made."""

from __future__ import annotations

import ipaddress
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import streamlit as st

from dataeval_ui.services.links import make_link, parse_expiry
from dataeval_ui.services.sharing import link_url, server_url
from dataeval_ui.store.catalog_base import now_utc
from dataeval_ui.ui import cached
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.clock import moment
from dataeval_ui.ui.text import count, plain
from dataeval_ui.ui.viewer import require

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.store.catalog_sharing import LinkRecord

_ROLES = {
    "view": "look",
    "comment": "look and comment",
    "decide": "look, comment and decide",
}
_TIMES = {"1 day": "1d", "7 days": "7d", "30 days": "30d", "90 days": "90d"}
_FRESH = "dataeval_ui.fresh_link"


def render_new_link(run: Run) -> None:
    """Draw the form that makes a link, and the link just made: it is shown once."""
    views = cached.services().catalog.list_views(run.id)
    titles: dict[str | None, str] = {None: "The map", **{view.id: view.name for view in views}}
    with st.container(border=True):
        st.subheader("Invite somebody", anchor=False)
        with st.form("new_link", border=False):
            role = st.radio("They may", list(_ROLES), format_func=_ROLES.__getitem__, index=2)
            note = st.text_input("For whom", placeholder="Ann, second reader", max_chars=255, help="Only you see this.")
            view = st.selectbox("Opens", list(titles), format_func=lambda v: plain(titles[v], max_chars=60))
            time = st.segmented_control("Works for", list(_TIMES), default="7 days", required=True)
            uses = st.number_input(
                "Browsers it lets in", min_value=1, max_value=1_000_000, value=None, placeholder="any number"
            )
            made = st.form_submit_button("Make the link", type="primary", icon=":material/add_link:")
        if made:
            with shown_errors():
                require("manage")
                link, token = make_link(
                    cached.services(),
                    run.id,
                    role=role,
                    expires=parse_expiry(_TIMES[time]),
                    max_uses=None if uses is None else int(uses),
                    view_id=view,
                    note=note,
                )
                st.session_state[_FRESH] = (link.id, link_url(cached.services(), token, base=_base()))
        _render_fresh(run)


def _render_fresh(run: Run) -> None:
    fresh: tuple[str, str] | None = st.session_state.get(_FRESH)
    if fresh is None:
        return
    link = cached.services().catalog.find_link(fresh[0])
    if link is None or link.revoked_at is not None:
        del st.session_state[_FRESH]
        return
    if link.run_id != run.id:  # made on this page while it showed another run
        return
    st.markdown("**Copy it now.** It is shown once; nobody can read it again from what is stored.")
    st.code(fresh[1], language=None, wrap_lines=True)
    if _is_this_machine(fresh[1]):
        st.caption(
            "It opens on this machine alone. For others, serve at an address that they reach, with a password or a "
            "provider, or send the run as one file."
        )


def render_links(run: Run) -> None:
    """Draw the list of a run's links, those in force first."""
    links, now = cached.services().catalog.list_links(run.id), now_utc()
    st.subheader("Links to this run", anchor=False)
    if not links:
        st.markdown("None yet. A link lets a reviewer see this run and nothing else; you can end it at any time.")
        return
    for link in sorted(links, key=lambda link: link.state(now) in ("expired", "revoked")):
        _render_link(link, now)


def _render_link(link: LinkRecord, now: datetime) -> None:
    state = link.state(now)
    is_over = state in ("expired", "revoked")
    with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"link_{link.id}"):
        colour = {"open": "green", "used up": "orange"}.get(state, "gray")
        title = plain(link.note, max_chars=60) or "Link"
        used = count(link.n_uses, "browser") if link.max_uses is None else f"{link.n_uses} of {link.max_uses} browsers"
        ends = "" if is_over else f" · until {moment(link.expires_at)}"
        st.markdown(f"**{title}** :{colour}-badge[{state}]  \nmay {_ROLES[link.role]} · {used}{ends} · `{link.id}`")
        if not is_over:
            st.button(
                "Revoke",
                key=f"revoke_{link.id}",
                icon=":material/link_off:",
                on_click=_revoke,
                args=(link.id,),
                help="Whoever came in by it is out at the next click.",
            )


def _revoke(link_id: str) -> None:
    with shown_errors():
        require("manage")
        cached.services().catalog.revoke_link(link_id)


def _base() -> str:
    """Return the server's address as the browser sees it, where the settings name none."""
    ours = cached.services()
    if ours.settings.public_url or not st.context.url:
        return server_url(ours)
    parts = urlsplit(st.context.url)
    return f"{parts.scheme}://{parts.netloc}{base_path()}"


def _is_this_machine(url: str) -> bool:
    name = urlsplit(url).hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
