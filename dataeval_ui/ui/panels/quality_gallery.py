"""Images by one measure of their quality, with the threshold in the user's hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.figures import histogram_figure
from dataeval_ui.services.quality import quality_at
from dataeval_ui.ui import state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.download import render_download
from dataeval_ui.ui.panels.neighbours import captions
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.panels.threshold_check import render_threshold_check
from dataeval_ui.ui.text import count

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.quality import QualityIssue, QualityReport

PAGE_SIZE = 60
_N_STEPS = 500
_MEASURE, _THRESHOLD = "quality_measure", "quality_threshold"


def render_quality(run: Run, report: QualityReport) -> None:
    """Draw the choice of a measure, its histogram and threshold, and the images beyond it, worst first."""
    import numpy as np

    issues = {issue.check.name: issue for issue in report.issues}
    wanted = state.str_param("measure")
    name = wanted if wanted in issues else max(issues, key=lambda n: issues[n].n_flagged)
    st.session_state[_MEASURE] = name
    st.selectbox(
        "Measure",
        list(issues),
        key=_MEASURE,
        format_func=lambda n: f"{issues[n].check.title} ({issues[n].n_flagged:,})",
        on_change=_choose,
    )
    issue = issues[name]
    st.caption(issue.check.doc)
    threshold = _render_threshold(issue)
    if threshold is None:
        return
    render_threshold_check(
        run,
        f"quality-{name}",
        issue.values,
        threshold,
        bounds=(float(np.nanmin(issue.values)), float(np.nanmax(issue.values))),
        question=f"{issue.check.title}: would you say that of this image?",
        below=issue.check.side == "low",
        inclusive=False,
    )
    rows = quality_at(issue.values, threshold, issue.check.side)
    with st.container(horizontal=True, vertical_alignment="center"):
        word = "below" if issue.check.side == "low" else "above"
        st.markdown(f"**{count(len(rows), 'image')}** {word} {threshold:.4g}, the worst first", width="content")
        if len(rows):
            render_download(run, rows, name=f"quality-{name}", key="quality_download")
    if not len(rows):
        return
    page, n_pages = 1, -(-len(rows) // PAGE_SIZE)
    if n_pages > 1:
        page = min(n_pages, st.pagination(n_pages, key=f"quality_page_{name}"))
    gallery(
        [
            GalleryItem(row=int(row), badge=f"{float(issue.values[row]):.3g}", **captions(run, int(row)))
            for row in rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        ],
        key="quality_gallery",
        thumbnails_url=RunUrls(run.id, base_path()).thumbnails,
        size_px=112,
        label="Images beyond the threshold, the worst first",
    )


def _render_threshold(issue: QualityIssue) -> float | None:
    """Draw histogram and slider; None where the measure is unknown of every image."""
    import numpy as np

    known = issue.values[np.isfinite(issue.values)]
    if not known.size:
        st.info("This was not measured when the dataset was run: run it again.", icon=":material/info:")
        return None
    low = min(float(known.min()), issue.threshold)
    high = max(float(known.max()), issue.threshold)
    if low == high:
        high = low + 1.0
    wanted = state.float_param("threshold")
    threshold = wanted if wanted is not None and low <= wanted <= high else issue.threshold
    is_log = issue.check.is_log and bool((known > 0).any()) and threshold > 0
    below = issue.check.side == "low"
    figure = histogram_figure(known, threshold, dark=is_dark(), height_px=140, log=is_log, below=below)
    if is_log:
        least = min(float(known[known > 0].min()), threshold)
        figure.update_xaxes(range=[np.log10(least), np.log10(high)])
    else:
        figure.update_xaxes(range=[low, high])  # as the slider below it
    st.plotly_chart(
        figure,
        key="quality_histogram",
        config={"displayModeBar": False},
        alt=f"Distribution of {issue.check.metric}, with the threshold at {threshold:.4g}",
    )
    st.session_state[_THRESHOLD] = threshold
    help_text = f"The dataset itself suggests {issue.suggested_threshold:.4g}."
    if is_log:
        st.select_slider(
            "Threshold",
            log_steps(least, high, threshold, low),
            format_func=lambda step: f"{step:.4g}",
            key=_THRESHOLD,
            on_change=_move,
            help=help_text,
        )
        return threshold
    st.slider(
        "Threshold",
        low,
        high,
        step=(high - low) / _N_STEPS,
        format="%.4g",
        key=_THRESHOLD,
        on_change=_move,
        help=help_text,
    )
    return threshold


def log_steps(least: float, high: float, *others: float) -> list[float]:
    """Return the places of a slider, even on a logarithm, with others that it must have."""
    import numpy as np

    return sorted({*(float(step) for step in np.geomspace(least, high, _N_STEPS)), *others})


def _choose() -> None:
    state.update_address(measure=st.session_state[_MEASURE], threshold=None)


def _move() -> None:
    state.update_address(threshold=repr(float(st.session_state[_THRESHOLD])))
