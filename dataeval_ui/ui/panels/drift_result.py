"""What the tests for drift say: the verdict, the tests behind it, where it is, and the images that show it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.figures import share_figure
from dataeval_ui.services.drift_images import ShiftedImage
from dataeval_ui.types import Json
from dataeval_ui.ui import cached
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.health_list import selection_address
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.text import html, plain

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.ui.panels.drift_choice import Sets

MAX_BARS = 12
MAX_SENTENCES = 5
LEVEL = 0.05


def render_result(sets: Sets) -> None:
    """Test, or recall the answer, and draw it."""
    with st.spinner("Testing for drift…", show_time=True):
        told, shifted = cached.drift(sets.reference, sets.test, sets.splits)
    _render_verdict(sets, told)
    _render_tests(told)
    st.subheader("Where the sets differ", anchor=False)
    kinds = [(title, told[name]) for title, name in (("cluster", "by_cluster"), ("class", "by_class")) if told[name]]
    for column, (title, groups) in zip(st.columns(len(kinds), gap="small"), kinds, strict=True):
        with column:
            _render_groups(title, groups)
    _render_metadata(told["by_metadata"])
    _render_shifted(sets, shifted)


def _render_verdict(sets: Sets, told: Json) -> None:
    drifted = told["drifted"]
    with st.container(border=True, gap="small", key="drift_verdict"):
        if drifted:
            st.badge("Drifted", color="red", icon=":material/error:")
        else:
            st.badge("No drift found", color="green", icon=":material/check_circle:")
        st.markdown(f"**{plain(told['verdict'], max_chars=600)}**")
        sampled = " A set of more than 10,000 images was sampled." if any(told["sampled"]) else ""
        st.caption(
            f"{told['n_reference']:,} reference and {told['n_test']:,} test images.{sampled} The p-value holds for all "
            "tests together: random halves of one set are called drifted in about one of twenty cases."
        )
        st.markdown(plain(told["agreement"], max_chars=600))
        st.caption(plain(told["power"]["sentence"], max_chars=600))
        st.download_button(
            "Download JSON",
            icon=":material/download:",
            data=json.dumps(told, indent=1),
            file_name=f"drift-{sets.reference.id}-{sets.test.id}.json",
            mime="application/json",
            key="drift_download",
            on_click="ignore",
        )


def _render_tests(told: Json) -> None:
    st.subheader("The tests behind it", anchor=False)
    _render_table("Test", told["tests"], key="drift_tests")
    with st.expander("Distances that other tools and papers use", icon=":material/straighten:"):
        st.caption(
            "Each with the p-value of its own permutations; none of them is in the verdict. Of more than 2,000 images "
            "of both sets together 2,000 are drawn."
        )
        _render_table("Distance", told["distances"], key="drift_distances")


def _render_table(title: str, tests: Sequence[Json], *, key: str) -> None:
    st.dataframe(
        {
            title: [test["title"] for test in tests],
            "Statistic": [f"{test['statistic']:.4g}" for test in tests],
            "p-value": [f"{test['p_value']:.3g}" for test in tests],
            "Effect size": [f"{test['effect_size']:.2f}" for test in tests],
            "In words": [test["sentence"] for test in tests],
        },
        hide_index=True,
        width="stretch",
        key=key,
    )


def _render_metadata(rows: Sequence[Json]) -> None:
    if not rows:
        return
    with st.container(border=True, gap="small", key="drift_by_metadata"):
        st.markdown("**Columns of the metadata**")
        st.caption("The median of numbers; of categories the value whose share changed most. All columns share one p.")
        st.dataframe(
            {
                "Column": [row["name"] for row in rows],
                "Reference": [row["reference"] for row in rows],
                "Test": [row["test"] for row in rows],
                "p-value": [f"{row['p_value']:.3g}" for row in rows],
            },
            hide_index=True,
            width="stretch",
            key="drift_metadata",
        )


def _render_groups(title: str, groups: Sequence[Json]) -> None:
    with st.container(border=True, gap="small", key=f"drift_by_{title}"):
        st.markdown(f"**Share of each {title}**")
        for sentence in group_sentences(title, groups):
            st.markdown(plain(sentence, max_chars=400))
        st.plotly_chart(
            share_figure(
                {group["name"]: (group["share_reference"], group["share_test"]) for group in groups[:MAX_BARS]},
                dark=is_dark(),
            ),
            key=f"drift_chart_{title}",
            config={"displayModeBar": False},
            alt=f"Share of each {title} in the reference and in the test set",
        )
        if len(groups) > MAX_BARS:
            st.caption(f"The {MAX_BARS} most telling of {len(groups):,}; the JSON has all.")


def group_sentences(title: str, groups: Sequence[Json]) -> list[str]:
    """Say which groups' shares changed by more than chance, the most telling first."""
    changed = [group for group in groups if group["p_value"] <= LEVEL]
    if not changed:
        return [f"No {title} has a share that differs by more than chance (p > {LEVEL} after correction)."]
    told = []
    for group in changed[:MAX_SENTENCES]:
        lift = "new in the test set" if group["lift"] is None else f"{group['lift']:.2g} times the share"
        told.append(
            f"{group['name']}: {group['share_reference']:.1%} of the reference, {group['share_test']:.1%} of the test "
            f"set ({lift}, p = {group['p_value']:.2g})."
        )
    if len(changed) > MAX_SENTENCES:
        told.append(f"And {len(changed) - MAX_SENTENCES} more.")
    return told


def _render_shifted(sets: Sets, shifted: Sequence[ShiftedImage]) -> None:
    st.subheader("Most shifted images", anchor=False)
    st.caption(
        "Test images that the domain classifier is surest of, each beside the reference images most like it, with the "
        "cosine similarity. There are such images without any drift, too: the verdict says whether they count."
    )
    cards = "".join(_card(sets, image) for image in shifted)
    st.html(
        '<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax(min(330px,100%),1fr));gap:12px">'
        f"{cards}</div>"
    )
    st.page_link(
        "app_pages/explore.py",
        label="Show them on the map",
        icon=":material/bubble_chart:",
        query_params={"run": sets.test.id, **selection_address(sets.test, [image.row for image in shifted])},
    )


def _card(sets: Sets, image: ShiftedImage) -> str:
    nearest = "".join(_picture(sets.reference, row, f"{similarity:.2f}", 64) for row, similarity in image.nearest)
    return (
        '<div style="display:flex;gap:10px;align-items:center;border:1px solid #8884;border-radius:8px;padding:8px">'
        f"{_picture(sets.test, image.row, 'test', 104)}"
        f'<div style="display:flex;gap:6px;align-items:center">{nearest}</div></div>'
    )


def _picture(run: Run, row: int, below: str, px: int) -> str:
    urls = RunUrls(run.id, base_path())
    path = html(run.places(row)[0].path)
    return (
        f'<a href="{html(urls.image(row), max_chars=2_000)}" target="_blank" rel="noopener" title="{path}" '
        'style="color:inherit;text-decoration:none;text-align:center;font-size:.8rem">'
        f'<img src="{html(urls.thumbnail(row), max_chars=2_000)}" alt="{path}" loading="lazy" '
        f'style="display:block;width:{px}px;height:{px}px;object-fit:contain;border-radius:6px;background:#8881">'
        f"{html(below)}</a>"
    )
