"""Account: who is logged in at this browser, and the way out."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.text import plain
from dataeval_ui.ui.viewer import account_here, require

_MAY = {
    "view": "You can look at everything here.",
    "comment": "You can look at everything here, and comment.",
    "decide": "You can look at everything here, comment, and decide.",
    "owner": "You can do everything here.",
}

with shown_errors():
    viewer = require("view")
    account = account_here()
    if account is None:
        st.markdown("Nobody is logged in at this browser.")
    else:
        with st.container(border=True):
            st.subheader(plain(account.name, max_chars=120), icon=":material/account_circle:", anchor=False)
            st.markdown(_MAY[viewer.role])
            st.html(
                f'<a href="{base_path()}/logout" target="_self" style="display:inline-block;padding:0.4rem 1rem;'
                'border-radius:8px;border:1px solid currentColor;text-decoration:none;font-weight:600">Log out</a>'
            )
