"""Images by outlier score, with the threshold in the user's hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import streamlit as st

from dataeval_ui.figures import histogram_figure
from dataeval_ui.services.outlier_scores import OutlierMethod, nearest_normal
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.download import render_download
from dataeval_ui.ui.panels.health_list import selection_address
from dataeval_ui.ui.panels.neighbours import captions
from dataeval_ui.ui.panels.picture import facts_html, render_facts_of, render_measured, render_picture, render_places
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.panels.threshold_check import render_threshold_check
from dataeval_ui.ui.text import count

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Float32

GALLERY, NEAREST, NORMAL = "outlier_gallery", "outlier_nearest", "outlier_normal"
PAGE_SIZE = 60
N_ODDEST = 20
_THRESHOLD, _METHOD = "outlier_threshold_here", "outlier_method"

_METHODS: dict[OutlierMethod, tuple[str, str]] = {
    "knn": (
        "kNN distance",
        "the mean distance to the nearest images, calibrated to between 0 and 1; the run's own score",
    ),
    "combined": ("Combined", "Far from everything, and farther from its neighbours than they are from theirs"),
    "lof": ("LOF", "the local outlier factor: how much sparser it is around an image than around its neighbours"),
    "mahalanobis": ("Mahalanobis", "the distance to the nearest class, by the spread within the classes"),
    "cluster": ("Cluster distance", "the distance to the nearest cluster's centre, by the spread of that cluster"),
}


def take_clicks(run: Run) -> None:
    """Look at the image that was clicked, before anything is drawn."""
    for key in (GALLERY, NEAREST, NORMAL):
        sent: Any = st.session_state.get(key)
        row = sent.get("click") if sent else None
        if type(row) is int and 0 <= row < run.n_images:
            state.update_address(image=str(row))


def own_threshold(run: Run, method: OutlierMethod) -> float:
    """Return the run's own threshold: the scores of all methods mean the same by it."""
    return run.record.params.outlier_threshold


def current_method() -> OutlierMethod:
    """Return the method of the address, or else the run's own."""
    wanted = state.str_param("method")
    return next((method for method in get_args(OutlierMethod) if method == wanted), "knn")


def current_threshold(run: Run, method: OutlierMethod = "knn") -> float:
    """Return the threshold of the address, or else the method's own."""
    wanted = state.float_param("threshold")
    return wanted if wanted is not None and 0 <= wanted <= 1 else own_threshold(run, method)


def _change_method() -> None:
    chosen = st.session_state[_METHOD]
    state.update_address(method=None if chosen == "knn" else chosen, threshold=None)


def render_outliers(run: Run) -> None:
    """Draw histogram, threshold, gallery, and beside it the image that is looked at."""
    import numpy as np

    urls = RunUrls(run.id, base_path())
    method = current_method()
    threshold = current_threshold(run, method)
    st.session_state[_METHOD] = method
    st.segmented_control(
        "Method",
        list(_METHODS),
        format_func=lambda name: _METHODS[name][0],
        key=_METHOD,
        required=True,
        on_change=_change_method,
    )
    scores = cached.method_scores(run, method)
    rows = np.argsort(-scores, kind="stable")
    rows = rows[scores[rows] >= threshold]
    main, side = st.columns([9, 5], gap="medium")
    with main:
        render_threshold(
            scores,
            threshold,
            about=f"The default is {own_threshold(run, method):g}. The score is {_METHODS[method][1]}.",
        )
        render_threshold_check(
            run,
            f"outliers-{method}",
            scores,
            threshold,
            bounds=(0.0, 1.0),
            question="Is this image unlike the rest of the dataset?",
        )
        if not len(rows):
            render_none(scores, threshold)
            return
        _render_actions(run, rows, threshold, method)
        page = 1
        n_pages = -(-len(rows) // PAGE_SIZE)
        if n_pages > 1:
            page = min(n_pages, st.pagination(n_pages, key="outlier_page"))
        shown = [int(row) for row in rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]]
        gallery(
            [GalleryItem(row=row, badge=f"{float(scores[row]):.2f}", **captions(run, row)) for row in shown],
            key=GALLERY,
            thumbnails_url=urls.thumbnails,
            size_px=112,
            selected_row=state.int_param("image"),
            label="Outliers, the oddest first",
        )
    with side:
        _render_image(run, urls, shown, method, threshold)


def render_threshold(scores: Float32, threshold: float, *, about: str) -> None:
    """Draw the histogram, and the slider that moves the threshold."""
    figure = histogram_figure(scores, threshold, dark=is_dark(), height_px=110)
    figure.update_xaxes(range=[0, 1])  # as the slider below it
    st.plotly_chart(
        figure,
        key="outlier_histogram",
        config={"displayModeBar": False},
        alt=f"Distribution of the outlier score, with the threshold at {threshold:.3f}",
    )
    st.session_state[_THRESHOLD] = threshold
    st.slider(
        "Outlier from score",
        0.0,
        1.0,
        step=0.005,
        format="%.3f",
        key=_THRESHOLD,
        on_change=_move_threshold,
        help=about,
    )


def _move_threshold() -> None:
    state.update_address(threshold=f"{st.session_state[_THRESHOLD]:g}")


def render_none(scores: Float32, threshold: float) -> None:
    """Say that no image reaches the threshold, and offer the oddest there are."""
    import numpy as np

    highest = np.sort(scores)[-N_ODDEST:]
    st.markdown(f"No image has a score of {threshold:.3f} or more; the highest is {highest[-1]:.3f}.")
    st.button(
        f"Show the oddest {count(len(highest), 'image')}" if len(highest) > 1 else "Show the image",
        icon=":material/visibility:",
        key="show_oddest",
        on_click=state.update_address,
        kwargs={"threshold": f"{np.floor(highest[0] * 200) / 200:g}"},  # a step of the slider
    )


def _render_actions(run: Run, rows: Any, threshold: float, method: OutlierMethod) -> None:
    where = (
        {"colour": "outlier_score", "range.outlier_score": state.format_range((threshold, 1.0))}
        if method == "knn"
        else selection_address(run, [int(row) for row in rows])
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{count(len(rows), 'image')}** from {threshold:.3f} on, the oddest first", width="content")
        st.page_link(
            "app_pages/explore.py",
            label="Show on the map",
            icon=":material/bubble_chart:",
            query_params={"run": run.id, **where},
        )
        render_download(run, rows, name="outliers", key="outliers_download")


def _render_image(run: Run, urls: RunUrls, shown: list[int], method: OutlierMethod, threshold: float) -> None:
    row = state.int_param("image")
    if row is None or row >= run.n_images:
        if not shown:
            return
        row = shown[0]
    picture, facts = st.columns([5, 6], gap="small", wrap=False)
    with picture:
        render_picture(run, row, urls, height_px=190)
    with facts:
        render_facts_of(run, row)
    render_places(run, row)
    if method != "knn":  # the methods are computed when one of them is asked for
        st.caption("How odd it is by each method:")
        by_method = [(_METHODS[name][0], f"{float(cached.method_scores(run, name)[row]):.2f}") for name in _METHODS]
        st.html(facts_html(by_method))
    st.caption("Its nearest images: an outlier is unlike even these.")
    indices, similarities = run.graph.indices[row], run.graph.similarities[row]
    gallery(
        [
            GalleryItem(row=int(other), badge=f"{float(similarity):.2f}", **captions(run, int(other)))
            for other, similarity in list(zip(indices, similarities, strict=True))[:12]
            if other >= 0
        ],
        key=NEAREST,
        thumbnails_url=urls.thumbnails,
        size_px=84,
        label="Nearest images, the most similar first",
    )
    st.caption(f"Its nearest normal images: those with a score below {threshold:.3f}.")
    gallery(
        [
            GalleryItem(row=other, **captions(run, other))
            for other in nearest_normal(run, row, k=6, threshold=threshold, method=method)
        ],
        key=NORMAL,
        thumbnails_url=urls.thumbnails,
        size_px=84,
        label="Nearest normal images, the most similar first",
        empty="No image has a lower score; raise the threshold.",
    )
    render_measured(run, row)
    st.page_link(
        "app_pages/explore.py",
        label="Show it on the map",
        icon=":material/bubble_chart:",
        query_params={"run": run.id, "image": str(row)},
    )
