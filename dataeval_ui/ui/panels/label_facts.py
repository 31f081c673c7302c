"""How hard the classes are to tell apart, how they are spread, and what predicts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dataeval_ui.errors import InputError
from dataeval_ui.figures import class_share_figure, confusion_figure, count_figure, selected_rows
from dataeval_ui.services.labels import balance, class_counts, parity
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.download import render_download
from dataeval_ui.ui.panels.health_list import selection_address
from dataeval_ui.ui.panels.label_errors import CELL, PAGE_SIZE
from dataeval_ui.ui.panels.neighbours import captions
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.text import count, plain, visible

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from dataeval_ui.services.labels import Classes
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.labels import Association, BayesErrorBounds, NeighbourConfusion

MAX_CLASSES = 20
MAX_CELLS = 200
LEVEL = 0.05
_MATRIX, _CELL = "label_confusion", "label_cell"


def render_difficulty(run: Run, column: str) -> None:
    """Draw the bounds of the Bayes error as a sentence, and the confusion matrix of the neighbourhoods."""
    classes = cached.classes_of(run, column)
    bounds = cached.bayes_error(run, column)
    with st.container(border=True, gap="small", key="label_bayes"):
        st.markdown(f"**{bayes_sentence(bounds)}**")
        st.caption(
            f"By the nearest neighbour {_range(bounds['knn'])}, by the spanning tree {_range(bounds['mst'])}, both "
            "with their sampling error (95 %). They hold for many images; few in many dimensions make both too large."
        )
    st.subheader("Whose neighbours disagree", anchor=False)
    cells = cached.neighbour_confusion(run, column)
    st.caption(
        "Each row is a label, each column what most neighbours of its images are labelled, the colour the share of the "
        "row. Click a cell, or choose it below, to see its images."
    )
    _render_matrix(classes, cells)
    _render_cell(run, classes, cells)


def bayes_sentence(bounds: dict[str, BayesErrorBounds] | Any) -> str:
    """Say what the bounds mean."""
    low, high = min(b.lower for b in bounds.values()), max(b.upper for b in bounds.values())
    return f"Even the best classifier on these embeddings would be wrong on {low:.1%} to {high:.1%} of the images."


def _range(bounds: BayesErrorBounds) -> str:
    return f"{bounds.lower:.1%} to {bounds.upper:.1%}"


def _render_matrix(classes: Classes, cells: NeighbourConfusion) -> None:
    import numpy as np

    shown = largest_classes(classes, cells)
    place = np.full(len(classes.names), -1, dtype=np.int64)
    place[shown] = np.arange(len(shown))
    rows, columns = place[cells.given_codes], place[cells.voted_codes]
    inside = (rows >= 0) & (columns >= 0)
    counts = np.zeros((len(shown), len(shown)), dtype=np.int64)
    counts[rows[inside], columns[inside]] = cells.n_images[inside]
    if len(shown) < len(classes.names):
        st.caption(f"The {len(shown)} of {len(classes.names):,} classes whose neighbours disagree most.")
    st.plotly_chart(
        confusion_figure(counts, [classes.names[code] for code in shown], dark=is_dark()),
        key=_MATRIX,
        config={"displayModeBar": False},
        on_select=lambda: _click([int(code) for code in shown]),
        selection_mode="points",
        alt="Confusion matrix: label by the label of most neighbours",
    )


def largest_classes(classes: Classes, cells: NeighbourConfusion) -> npt.NDArray[np.int64]:
    """Return the codes that the matrix shows: all, or those with the most disagreement; in the order of names."""
    import numpy as np

    n_classes = len(classes.names)
    if n_classes <= MAX_CLASSES:
        return np.arange(n_classes)
    differ = cells.given_codes != cells.voted_codes
    n = np.bincount(cells.given_codes[differ], weights=cells.n_images[differ], minlength=n_classes)
    n += np.bincount(cells.voted_codes[differ], weights=cells.n_images[differ], minlength=n_classes)
    return np.sort(np.argsort(-n, kind="stable")[:MAX_CLASSES])


def _click(shown: list[int]) -> None:
    points = selected_rows(st.session_state.get(_MATRIX))
    if points and points[0] < len(shown) ** 2:
        given, voted = divmod(points[0], len(shown))
        state.update_address(cell=f"{shown[given]}-{shown[voted]}", cell_page=None)


def _render_cell(run: Run, classes: Classes, cells: NeighbourConfusion) -> None:
    differ = cells.given_codes != cells.voted_codes
    codes = list(zip(cells.given_codes.tolist(), cells.voted_codes.tolist(), strict=True))
    listed = [cell for cell, is_off in zip(codes, differ.tolist(), strict=True) if is_off][:MAX_CELLS]
    wanted = parse_cell(state.str_param("cell"), len(classes.names))
    if wanted is None and not listed:
        st.success("Every image's neighbours vote for its own label.", icon=":material/check_circle:")
        return
    given, voted = chosen = wanted or listed[0]
    options = listed if chosen in listed else [chosen, *listed]
    n_of = dict(zip(codes, cells.n_images.tolist(), strict=True))
    st.session_state[_CELL] = chosen
    st.selectbox(
        "Label and what the neighbours say",
        options,
        key=_CELL,
        format_func=lambda cell: visible(
            f"{classes.names[cell[0]]} → {classes.names[cell[1]]} ({n_of.get(cell, 0):,})", max_chars=100
        ),
        on_change=lambda: state.update_address(cell="{}-{}".format(*st.session_state[_CELL])),
    )
    rows = cells.rows(given, voted)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{count(len(rows), 'image')}** labelled {plain(classes.names[given], max_chars=60)}, whose neighbours "
            f"say {plain(classes.names[voted], max_chars=60)}",
            width="content",
        )
        if len(rows):
            st.page_link(
                "app_pages/explore.py",
                label="Show on the map",
                icon=":material/bubble_chart:",
                query_params={"run": run.id, **selection_address(run, [int(row) for row in rows])},
            )
            render_download(run, rows, name="confusion", key="confusion_download")
    n_pages = -(-len(rows) // PAGE_SIZE)
    page = min(n_pages, st.pagination(n_pages, key=f"label_cell_{given}_{voted}")) if n_pages > 1 else 1
    gallery(
        [
            GalleryItem(row=int(row), **captions(run, int(row)))
            for row in rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        ],
        key=CELL,
        thumbnails_url=RunUrls(run.id, base_path()).thumbnails,
        size_px=96,
        label="Images of the cell",
        empty="No image is in this cell.",
    )


def parse_cell(text: str | None, n_classes: int) -> tuple[int, int] | None:
    """Read "given-voted", two codes below the number of classes; None where it is no such cell."""
    given, _, voted = (text or "").partition("-")
    codes = [int(code) for code in (given, voted) if len(code) <= 9 and code.isascii() and code.isdecimal()]
    return (codes[0], codes[1]) if len(codes) == 2 and max(codes) < n_classes else None


def render_balance(run: Run, column: str) -> None:
    """Draw how many images each class has, and whether the splits have the same shares of each."""
    classes, spread = cached.classes_of(run, column), balance(run, column)
    counts = dict(zip(classes.names, spread.counts.tolist(), strict=True))
    largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    n_without = run.n_images - int(spread.counts.sum())
    one = len(counts) == 1
    st.markdown(
        f"**{count(len(counts), 'class', 'classes')}**: "
        + (
            f"every labelled image is {plain(largest, max_chars=60)}; there is nothing to balance."
            if one
            else f"{plain(largest, max_chars=60)} has {counts[largest]:,} images, {spread.imbalance_ratio:.1f} times "
            f"as many as {plain(smallest, max_chars=60)} with {counts[smallest]:,}."
        )
        + (f" {count(n_without, 'image')} without a label." if n_without else "")
    )
    st.caption(
        f"Evenness by Shannon {spread.shannon:.2f}, by Simpson {spread.simpson:.2f}; 1 is all classes equally large."
    )
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Images a class**")
        st.plotly_chart(
            count_figure(counts, dark=is_dark()),
            key="label_counts",
            config={"displayModeBar": False},
            alt="Number of images of each class",
        )
    with right:
        st.markdown("**Share of each class within each split**")
        try:
            test = parity(run, column)
            table = class_counts(run, column)
        except InputError:
            st.info("No splits: put images into folders named train and test, or name a column of splits.")
            return
        st.markdown(parity_sentence(test))
        top = dict(list(table.items())[:MAX_CLASSES])
        st.plotly_chart(
            class_share_figure(top, dark=is_dark()),
            key="label_parity",
            config={"displayModeBar": False},
            alt="Share of each class within each split",
        )
        if len(table) > len(top):
            st.caption(f"The {len(top)} largest of {len(table):,} classes.")


def parity_sentence(test: Association) -> str:
    """Say whether the splits have the same shares of classes."""
    numbers = f"(p = {test.p_value:.2g}, Cramér's V {test.cramers_v:.2f})"
    if test.p_value > LEVEL:
        return f"The splits hold the classes in the same shares, as far as the number of images can tell {numbers}."
    return f"The splits hold the classes in different shares {numbers}: what is measured on one is not the other."


def render_predictors(run: Run, column: str) -> None:
    """Draw which other columns tell the label, the best first."""
    found = cached.label_predictors(run, column)
    if not found:
        st.info("There is no other column to predict the label with.")
        return
    best = found[0]
    st.markdown(
        f"**{plain(best.title, max_chars=60)}** tells most about it (mutual information "
        f"{best.mutual_information:.2f} of 1)." + _warning(best.mutual_information)
    )
    st.caption(
        "A column that tells the label without looking at the picture is a shortcut that a model will take. Numbers "
        "are cut at their deciles. The p-value is of independence, corrected for the number of columns (Bonferroni)."
    )
    st.dataframe(
        {
            "Column": [visible(p.title, max_chars=80) for p in found],
            "Mutual information": [p.mutual_information for p in found],
            "Cramér's V": [p.association.cramers_v for p in found],
            "p-value": [f"{min(1.0, p.association.p_value * len(found)):.2g}" for p in found],
        },
        column_config={
            name: st.column_config.ProgressColumn(name, min_value=0, max_value=1, format="%.2f")
            for name in ("Mutual information", "Cramér's V")
        },
        hide_index=True,
        width="stretch",
        key="label_predictors",
    )


def _warning(mutual_information: float) -> str:
    return " A model could take it for the label." if mutual_information >= 0.5 else ""
