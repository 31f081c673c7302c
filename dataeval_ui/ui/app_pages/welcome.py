"""Start: what a guest was invited to, and the pages of it."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.services.runs import list_runs
from dataeval_ui.ui import cached
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.clock import moment
from dataeval_ui.ui.text import count, plain
from dataeval_ui.ui.viewer import require

_MAY = {
    "view": "You can look at everything here. Nothing that you do changes it.",
    "comment": "You can look at everything here, and comment on what was found.",
    "decide": "You can look at everything here, comment, and decide what to do with each finding.",
    "owner": "You can do everything here.",
}

with shown_errors():
    viewer = require("view")
    ours = cached.services()
    runs = [run for run in list_runs(ours) if viewer.run_id in (None, run.id)]
    names = {dataset.id: dataset.name for dataset in ours.catalog.list_datasets()}
    st.subheader("You are invited to look at a dataset", anchor=False)
    st.markdown(
        _MAY[viewer.role] + " A program has compared all images with each other and placed similar ones near each "
        "other on a map; it lists copies, odd ones out and other faults for a person to judge."
    )
    for run in runs[:20]:
        with st.container(border=True):
            st.markdown(f"**{plain(names.get(run.dataset_id, run.name), max_chars=80)}**")
            opened = cached.run(run.id)
            st.caption(f"{count(opened.n_images, 'image')} · {count(len(opened.findings), 'finding')}")
            with st.container(horizontal=True):
                for page, title, icon in (
                    ("explore", "See the map", "bubble_chart"),
                    ("duplicates", "See copies", "content_copy"),
                    ("outliers", "See odd ones out", "scatter_plot"),
                ):
                    st.page_link(
                        f"app_pages/{page}.py", label=title, icon=f":material/{icon}:", query_params={"run": run.id}
                    )
            for view in ours.catalog.list_views(run.id):
                st.page_link(
                    f"app_pages/{view.page}.py",
                    label=plain(view.name, max_chars=80),
                    icon=":material/bookmark:",
                    query_params={"run": run.id, "view": view.id},
                )
    if not runs:
        st.info("The run that you were invited to is no longer here. Ask whoever sent you the link.")
    if viewer.link_id is not None and (link := ours.catalog.find_link(viewer.link_id)) is not None:
        st.caption(f"Your link works until {moment(link.expires_at, year=True)}.")
        st.link_button("Leave", f"{base_path()}/leave", icon=":material/logout:", type="tertiary")
