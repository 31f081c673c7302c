"""What a source holds, before it becomes a dataset."""

from __future__ import annotations

import streamlit as st

from dataeval_ui.figures import count_figure
from dataeval_ui.services.datasets import DatasetPreview
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.text import count, plain, size


def render_preview(preview: DatasetPreview) -> None:
    """Draw counts, labels, splits, some paths and the problems."""
    n_usable = preview.n_files - preview.n_problems
    facts = [f"**{count(n_usable, 'image file')}**", size(preview.n_bytes)]
    facts.append(count(len(preview.labels), "label") if preview.labels else "no labels")
    facts.append(count(len(preview.splits), "split") if preview.splits else "no splits")
    if preview.n_objects:
        facts.append(count(preview.n_objects, "object"))
    if preview.n_bad_objects:
        facts.append(f"{preview.n_bad_objects:,} of them unusable")
    if preview.metadata:
        facts.append(count(len(preview.metadata), "further column"))
    if preview.n_problems:
        facts.insert(1, f":red[{count(preview.n_problems, 'file')} that cannot be images]")
    st.markdown(" · ".join(facts))
    if preview.labels or preview.splits:
        labels, splits = st.columns([3, 2])
        with labels:
            if preview.labels:
                st.caption("Files by label")
                st.plotly_chart(
                    count_figure(dict(preview.labels), max_bars=8, dark=is_dark()),
                    key="preview_labels",
                    config={"displayModeBar": False},
                    alt=f"Number of files for each of {len(preview.labels)} labels",
                )
        with splits:
            if preview.splits:
                st.caption("Files by split")
                st.plotly_chart(
                    count_figure(dict(preview.splits), max_bars=6, dark=is_dark()),
                    key="preview_splits",
                    config={"displayModeBar": False},
                    alt=f"Number of files for each of {len(preview.splits)} splits",
                )
    with st.expander(f"{min(len(preview.sample), 8)} of the paths"):
        for path in preview.sample[:8]:
            st.text(path)
    if preview.n_problems:
        with st.expander(f"{count(preview.n_problems, 'file')} cannot be images", icon=":material/broken_image:"):
            for path, reason in preview.problems:
                st.markdown(f"{plain(path, max_chars=120)}  \n:gray[{plain(reason)}]")
            if preview.n_problems > len(preview.problems):
                st.caption(f"and {preview.n_problems - len(preview.problems):,} more")
            st.caption("They stay in the dataset as findings, each with its reason.")
