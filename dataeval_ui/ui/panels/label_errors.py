"""Suspected label errors, ranked, each beside images of the given and of the suggested class, and the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dataeval_ui.services.labels import label_errors_table, nearest_of_class
from dataeval_ui.share.tables import table_bytes
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.download import render_table_download
from dataeval_ui.ui.panels.health_list import selection_address
from dataeval_ui.ui.panels.label_decision import decided_rows, render_decision
from dataeval_ui.ui.panels.picture import facts_html, render_picture, render_places
from dataeval_ui.ui.text import count, plain, visible

if TYPE_CHECKING:
    from dataeval_ui.services.labels import Classes
    from dataeval_ui.services.run import Run
    from dataeval_ui.types.base import Int64
    from dataeval_ui.types.labels import LabelErrors

GALLERY, GIVEN, SUGGESTED, CELL = "label_gallery", "label_given", "label_suggested", "label_cell_gallery"
PAGE_SIZE = 60
N_NEAREST = 5
_HIDE = "label_hide_decided"


def take_clicks(run: Run) -> None:
    """Look at the suspect that was clicked; open any other image on the map. Before anything is drawn."""
    for key in (GALLERY, GIVEN, SUGGESTED, CELL):
        sent: Any = st.session_state.get(key)
        row = sent.get("click") if sent else None
        if type(row) is not int or not 0 <= row < run.n_images:
            continue
        if key == GALLERY:
            state.update_address(image=str(row))
        else:
            st.switch_page("app_pages/explore.py", query_params={"run": run.id, "image": str(row)})


def render_errors(run: Run, column: str) -> None:
    """Draw the ranked gallery, and beside it the suspect that is looked at."""
    classes, errors = cached.classes_of(run, column), cached.label_errors(run, column)
    rows = errors.rows
    n_judged = int((errors.scores == errors.scores).sum())
    if not len(rows):
        st.success(f"None of {count(n_judged, 'label')} is suspected to be wrong.", icon=":material/check_circle:")
        _render_not_judged(classes, n_judged)
        return
    decided = decided_rows(run) if column == "label" else {}
    if decided:
        st.session_state[_HIDE] = state.str_param("decided") == "hide"
        if st.session_state[_HIDE]:
            rows = rows[[int(row) not in decided for row in rows]]
    main, side = st.columns([9, 6], gap="medium")
    with main:
        _render_head(run, column, errors, rows, n_judged, bool(decided))
        n_pages = -(-len(rows) // PAGE_SIZE)
        page = min(n_pages, st.pagination(n_pages, key="label_page")) if n_pages > 1 else 1
        shown = [int(row) for row in rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]]
        row = state.int_param("image")
        if row is None or row >= run.n_images or not errors.suspected[row]:
            row = shown[0] if shown else None
        gallery(
            [_item(classes, errors, other, decided.get(other)) for other in shown],
            key=GALLERY,
            thumbnails_url=RunUrls(run.id, base_path()).thumbnails,
            size_px=112,
            selected_row=row,
            label="Suspected label errors, the most suspect first",
            empty="All are decided. Show the decided ones, or take the cleaned list from Review.",
        )
        _render_not_judged(classes, n_judged)
    with side:
        if row is not None:
            _render_suspect(run, column, classes, errors, row)
            if column == "label":
                following = [int(other) for other in rows if int(other) not in decided and int(other) != row]
                render_decision(run, row, classes, errors, following[0] if following else None)


def _item(classes: Classes, errors: LabelErrors, row: int, verdict: str | None) -> GalleryItem:
    given, suggested = classes.names[int(classes.codes[row])], classes.names[int(errors.suggested[row])]
    return GalleryItem(
        row=row,
        caption=visible(given, max_chars=60),
        sub=visible(f"✓ {verdict}" if verdict else f"→ {suggested}", max_chars=60),
        badge=f"{float(errors.confidence[row]):.0%}",
    )


def _render_head(run: Run, column: str, errors: LabelErrors, rows: Int64, n_judged: int, any_decided: bool) -> None:
    n = int(errors.suspected.sum())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{count(n, 'suspected error')}** among {count(n_judged, 'label')} ({n / n_judged:.1%})", width="content"
        )
        if len(rows):
            st.page_link(
                "app_pages/explore.py",
                label="Show on the map",
                icon=":material/bubble_chart:",
                query_params={"run": run.id, **selection_address(run, [int(row) for row in rows])},
            )
        render_table_download(
            lambda fmt: table_bytes(label_errors_table(run, errors.rows, column), fmt),
            about="A row a suspected image, the most suspect first: given and suggested label, score, confidence.",
            name=f"label-errors-{run.id}",
            key="label_errors_download",
        )
        if any_decided:
            st.toggle("Hide decided", key=_HIDE, on_change=_toggle)
    st.caption(
        "Below each image its label, and the class that it looks like; the number is how sure that is. Two classifiers "
        "that never saw the image's own label agree on it. Suspected is not proven: look before you relabel."
    )


def _toggle() -> None:
    state.update_address(decided="hide" if st.session_state[_HIDE] else None)


def _render_not_judged(classes: Classes, n_judged: int) -> None:
    n_left = int((classes.codes >= 0).sum()) - n_judged
    if n_left:
        st.caption(f"{count(n_left, 'image')} of classes with fewer than three images cannot be judged.")


def _render_suspect(run: Run, column: str, classes: Classes, errors: LabelErrors, row: int) -> None:
    urls = RunUrls(run.id, base_path())
    given, suggested = int(classes.codes[row]), int(errors.suggested[row])
    picture, facts = st.columns([5, 6], gap="small", wrap=False)
    with picture:
        render_picture(run, row, urls, height_px=150)
    with facts:
        own = float(errors.given_probability[row])
        told = [
            ("Label", classes.names[given]),
            ("Looks like", classes.names[suggested]),
            ("Sure of that", f"{float(errors.confidence[row]):.0%}"),
            ("Sure of the label", f"{own:.0%}"),
        ]
        st.html(facts_html(told))
        st.page_link(
            "app_pages/explore.py",
            label="Show it on the map",
            icon=":material/bubble_chart:",
            query_params={"run": run.id, "image": str(row)},
        )
    render_places(run, row)
    for key, code in ((GIVEN, given), (SUGGESTED, suggested)):
        name = plain(classes.names[code], max_chars=60)
        st.caption(f"Its nearest images labelled **{name}**" + (", the label it has:" if code == given else ":"))
        gallery(
            [
                GalleryItem(row=other, badge=f"{similarity:.2f}", caption=_file_name(run, other))
                for other, similarity in nearest_of_class(run, row, classes, code, k=N_NEAREST)
            ],
            key=key,
            thumbnails_url=urls.thumbnails,
            size_px=64,
            label=f"Nearest images labelled {visible(classes.names[code], max_chars=60)}",
            empty="No other image has this label.",
        )


def _file_name(run: Run, row: int) -> str:
    return visible(run.first_places["path"][row].as_py().rpartition("/")[2], max_chars=40)
