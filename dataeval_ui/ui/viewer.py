"""Who looks at a page, from the cookies of its browser; asked anew at every run of a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from dataeval_ui.errors import AccessDeniedError
from dataeval_ui.services.access import OWNER, Viewer, may, viewer_of_cookies
from dataeval_ui.services.login import account_of
from dataeval_ui.services.shared import shared_services

if TYPE_CHECKING:
    from dataeval_ui.services.access import Action
    from dataeval_ui.services.login import Account

DOOR = "X-Dataeval-Ui-Door"
"""The server's middleware sets this header, whatever the browser sent: "local" or "remote"."""


def current_viewer() -> Viewer:
    """Return who looks at the page.

    A script that no browser looks at (a test's) is the owner's. Behind a browser, what does not come through the
    server's door is nobody's.
    """
    headers = st.context.headers
    if len(headers) == 0:
        return OWNER
    door = headers.get(DOOR)
    if door not in ("local", "remote"):
        return Viewer(role="nobody", reason="Start the server with `dataeval-ui serve` or `streamlit run app.py`.")
    cookies = st.context.cookies.to_dict()
    return viewer_of_cookies(shared_services(), cookies, is_local=door == "local", claims=claims_of(cookies))


def account_here() -> Account | None:
    """Return who is logged in at this browser, by the owner's password or by a provider; None where nobody is."""
    if len(st.context.headers) == 0:
        return None
    cookies = st.context.cookies.to_dict()
    return account_of(shared_services(), cookies, claims_of(cookies))


def require(action: Action, run_id: str | None = None) -> Viewer:
    """Return who looks at the page; AccessDeniedError where they may not do this."""
    viewer = current_viewer()
    permission = may(viewer, action, run_id)
    if not permission.allowed:
        raise AccessDeniedError(permission.reason)
    return viewer


def can(action: Action, run_id: str | None = None) -> bool:
    """Whether the page should offer something to whoever looks at it. Hiding is a courtesy; `require` is the rule."""
    return may(current_viewer(), action, run_id).allowed


def claims_of(cookies: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Return what an OpenID Connect provider said of a browser's user, from the cookie of Streamlit's `st.login`.

    None where nobody is logged in, the cookie is not signed by this server, or no provider is set up.
    """
    if not any(name.startswith("_streamlit_user") for name in cookies):
        return None
    from streamlit.auth_util import get_cookie_with_chunks
    from streamlit.web.server.server_util import get_cookie_secret
    from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

    secret = get_cookie_secret()

    def signed(name: str) -> bytes | None:
        value = cookies.get(name)
        return None if value is None or not secret else decode_signed_value(secret, name, value.encode("latin-1"))

    content = get_cookie_with_chunks(signed, "_streamlit_user")
    try:
        claims = json.loads(content) if content else None
    except ValueError:
        return None
    return claims if isinstance(claims, dict) and claims.get("is_logged_in") else None
