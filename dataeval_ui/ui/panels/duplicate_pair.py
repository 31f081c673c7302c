"""One group of duplicates: its two images side by side, the evidence, and its other images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from dataeval_ui.services.duplicate_groups import DuplicateGroup
from dataeval_ui.services.turned import pair_number, turn_of_pair, undoing
from dataeval_ui.types.turned import turn_words
from dataeval_ui.ui import state
from dataeval_ui.ui.components.gallery import GalleryItem, gallery
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.pair import PairImage, pair
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.picture import facts_html, render_picture
from dataeval_ui.ui.text import count, html, plain, visible

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types import DuplicatePairs
    from dataeval_ui.types.turned import TurnedPairs

MEMBERS = "duplicate_members"


def render_group(run: Run, group: DuplicateGroup) -> None:
    """Draw a group."""
    urls = RunUrls(run.id, base_path())
    _render_headline(run, group)
    if group.kind == "exact":
        render_picture(run, group.rows[0], urls, height_px=300)
        _render_files(run, group)
        return
    left, right = chosen_pair(group)
    second = pair_side(run, right, urls)
    if group.kind == "turned" and _render_undo():
        second = turned_back(run, left, right, second)
    pair(pair_side(run, left, urls), second, key="duplicate_pair", height_px=320)
    render_evidence(run, left, right)
    st.html(comparison_html(run, left, right))
    if len(group.rows) > 2:
        _render_members(run, group, left, right, urls)


def _render_headline(run: Run, group: DuplicateGroup) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if group.kind == "exact":
            st.markdown(f"**{count(group.n_files, 'file')} hold exactly the same image**", width="content")
        else:
            how = f"show the same picture, {group.turn}" if group.turn else "look nearly the same"
            st.markdown(f"**{count(len(group.rows), 'image')} {how}**", width="content")
        if group.is_leak:
            splits = ", ".join(plain(split, max_chars=30) for split in group.splits)
            st.badge(f"Across splits: {splits}", icon=":material/warning:", color="red")
        if group.labels_differ:
            st.badge(f"{len(group.labels)} labels", icon=":material/label:", color="orange")
        selection, _ = _packed(run, group)
        st.page_link(
            "app_pages/explore.py",
            label="Show on the map",
            icon=":material/bubble_chart:",
            query_params={"run": run.id, "image": str(group.rows[0]), "panel": "image"} | selection,
        )


def _render_undo() -> bool:
    """Let the user see the second picture as its file has it, or as it lies on the first."""
    about = "On: the second picture lies on the first, so that the two can be compared. Off: as its file has it."
    return st.toggle("Turn the second back", value=True, key="undo_turn", help=about)


def turned_back(run: Run, left: int, right: int, side: PairImage) -> PairImage:
    """Return the right side of a turned pair as it lies on the left; of another pair, as it is."""
    turn = turn_of_pair(run, left, right)
    return side if turn is None else replace(side, turn=undoing(turn))


def _packed(run: Run, group: DuplicateGroup) -> tuple[dict[str, str], bytes]:
    import numpy as np

    text, packed = state.encode_selection(np.array(group.rows, dtype=np.int64), run.n_images)
    return ({} if state.kept_digest(text) else {"selected": text}), packed


def chosen_pair(group: DuplicateGroup) -> tuple[int, int]:
    """Return the two images of a near group that are compared: those of the address, or its most alike pair."""
    left, right = state.int_param("left"), state.int_param("right")
    if left not in group.rows:
        left = group.rows[0]
    if right not in group.rows or right == left:
        right = next(row for row in group.rows if row != left)
    assert left is not None  # both are rows of the group now
    assert right is not None
    return left, right


def pair_side(run: Run, row: int, urls: RunUrls) -> PairImage:
    """Return one side of a pair: its address, path, split, label and size."""
    place = run.places(row)[0]
    about = [text for text in (place.split, place.label, _size(run, row)) if text]
    return PairImage(
        url=urls.image(row),
        caption=visible(place.path, max_chars=70),
        sub=visible(" · ".join(about), max_chars=90),
    )


def _size(run: Run, row: int) -> str:
    table = run.first_places
    return f"{table['width_px'][row].as_py()} × {table['height_px'][row].as_py()} px"


def comparison_html(run: Run, left: int, right: int) -> str:
    """Return a table of both images as HTML, with what differs in bold; everything is shown as text."""
    facts = [_facts(run, left), _facts(run, right)]
    rows = ""
    for name in facts[0]:
        a, b = facts[0][name], facts[1][name]
        weight = "600" if a != b else "400"
        cell = f'<td style="padding:3px 10px 3px 0;font-weight:{weight};overflow-wrap:anywhere;border:0">'
        rows += (
            f'<tr><th scope="row" style="text-align:left;font-weight:400;opacity:.62;padding:3px 14px 3px 0;border:0">'
            f"{html(name)}</th>{cell}{html(a)}</td>{cell}{html(b)}</td></tr>"
        )
    return (
        '<table style="width:100%;table-layout:fixed;border-collapse:collapse;font-size:.875rem">'
        '<colgroup><col style="width:22%"><col><col></colgroup>'
        f"<tbody>{rows}</tbody></table>"
    )


def _facts(run: Run, row: int) -> dict[str, str]:
    place, table = run.places(row)[0], run.first_places
    return {
        "Path": place.path,
        "Label": place.label or "–",
        "Split": place.split or "–",
        "Size": _size(run, row),
        "File": f"{table['format'][row].as_py() or ''} · {table['n_bytes'][row].as_py() / 1000:,.1f} kB",
        "Cluster": run.columns["cluster"].text(row),
        "Outlier score": run.columns["outlier_score"].text(row),
    }


def render_evidence(run: Run, left: int, right: int) -> None:
    """Draw what the pixels, the embeddings and the hashes say of a pair."""
    pairs: DuplicatePairs | TurnedPairs = run.duplicates
    at = pair_number(pairs, left, right)
    if at is None and (turn := turn_of_pair(run, left, right)) is not None:
        pairs, at = run.turned, pair_number(run.turned, left, right)
        st.caption(f"The second is the first {turn_words(*turn)}; what follows is measured with that undone.")
    if at is None:
        st.caption("These two are not a verified pair of their own; both are alike to a third image of the group.")
        return
    st.html(
        facts_html(
            [
                ("Pixels alike", f"{float(pairs.pixel_similarity[at]):.3f} of 1"),
                ("Embeddings alike", f"{float(pairs.cosine[at]):.3f} of 1"),
                ("Hashes apart", f"{int(pairs.hash_distance[at])} of 64 bits"),
            ]
        )
    )


def _render_members(run: Run, group: DuplicateGroup, left: int, right: int, urls: RunUrls) -> None:
    st.caption(f"All {len(group.rows)} of the group: click one to compare it with the left image.")
    clicked = gallery(
        [
            GalleryItem(
                row=row,
                caption=visible(run.places(row)[0].path.rpartition("/")[2], max_chars=40),
                badge="left" if row == left else "right" if row == right else "",
            )
            for row in group.rows
        ],
        key=MEMBERS,
        thumbnails_url=urls.thumbnails,
        size_px=84,
        selected_row=right,
        label="Images of the group",
    )
    if clicked is not None and clicked != left:
        state.update_address(left=str(left), right=str(clicked))
        st.rerun()


def _render_files(run: Run, group: DuplicateGroup) -> None:
    places = run.places(group.rows[0])
    files: dict[str, list[Any]] = {
        "Path": [visible(place.path) for place in places],
        "Label": [visible(place.label or "") for place in places],
        "Split": [visible(place.split or "") for place in places],
    }
    files = {name: values for name, values in files.items() if any(values)}
    st.dataframe(files, hide_index=True, alt="The files that hold this image", key="duplicate_files")
