"""What the tests for drift say: the verdict, the tests behind it, where it is, and the images that show it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.figures import share_figure
from dataeval_ui.types import Json
from dataeval_ui.ui import cached
from dataeval_ui.ui.panels.drift_frames import render_frames
from dataeval_ui.ui.panels.drift_gallery import render_galleries
from dataeval_ui.ui.panels.drift_map import choose_group, render_drift_map
from dataeval_ui.ui.panels.theme import is_dark
from dataeval_ui.ui.text import plain

if TYPE_CHECKING:
    from dataeval_ui.ui.panels.drift_choice import Sets

MAX_BARS = 12
MAX_SENTENCES = 5
LEVEL = 0.05


def render_result(sets: Sets) -> None:
    """Test, or recall the answer, and draw it."""
    with st.spinner("Testing for drift…", show_time=True):
        answer, shown, places = cached.drift(sets.reference, sets.test, sets.splits, sets.filters)
    told = answer.told
    _render_verdict(sets, told)
    render_drift_map(sets, answer, places)
    render_galleries(sets, shown)
    st.subheader("Where the sets differ", anchor=False)
    kinds = [(title, told[name]) for title, name in (("cluster", "by_cluster"), ("class", "by_class")) if told[name]]
    for column, (title, groups) in zip(st.columns(len(kinds), gap="small"), kinds, strict=True):
        with column:
            _render_groups(title, groups)
    render_frames(sets, answer)
    _render_metadata(told["by_metadata"])
    _render_tests(told)


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
        names = [group["name"] for group in groups[:MAX_BARS]]
        st.plotly_chart(
            share_figure(
                {group["name"]: (group["share_reference"], group["share_test"]) for group in groups[:MAX_BARS]},
                dark=is_dark(),
            ),
            key=f"drift_chart_{title}",
            config={"displayModeBar": False},
            on_select=lambda: choose_group(f"by_{title}", names, f"drift_chart_{title}"),
            selection_mode="points",
            alt=f"Share of each {title} in the reference and in the test set",
        )
        st.caption(f"Click a bar to see only that {title} on the map.")
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
