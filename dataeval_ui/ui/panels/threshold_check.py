"""How right is this threshold? Thirty images, a key each, and what the answers say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.analysis.calibration import MIN_ANSWERS, asking_order, calibrate, draw_strata
from dataeval_ui.services.threshold_answers import answer_threshold, take_back_answer, threshold_answers
from dataeval_ui.ui import state
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.panels.health_list import render_thumbnails
from dataeval_ui.ui.panels.picture import render_picture
from dataeval_ui.ui.text import count, plain
from dataeval_ui.ui.viewer import can, require

if TYPE_CHECKING:
    from dataeval_ui.analysis.calibration import Calibration, Share
    from dataeval_ui.services.run import Run
    from dataeval_ui.services.threshold_answers import Answer
    from dataeval_ui.types.base import Float32

N_ASKED = 30
_ANSWERS: tuple[tuple[Answer, str, str, str], ...] = (
    (True, "Yes", ":material/check:", "y"),
    (False, "No", ":material/close:", "n"),
    (None, "Cannot tell", ":material/help:", "u"),
)


def render_threshold_check(
    run: Run,
    subject: str,
    scores: Float32,
    threshold: float,
    *,
    bounds: tuple[float, float],
    question: str,
    below: bool = False,
    inclusive: bool = True,
) -> None:
    """Draw the switch, and behind it the next image to answer about and the estimate so far.

    Parameters
    ----------
    run : Run
    subject : str
        The measure, by which the answers are kept.
    scores : ndarray of shape (n_images,)
        NaN where it is unknown.
    threshold : float
        That of the slider, in the unit of the scores.
    bounds : (float, float)
        Least and greatest threshold that the page offers.
    question : str
        What is asked of each image; yes means that it belongs beyond the threshold.
    below : bool, default False
        Small scores are beyond it.
    inclusive : bool, default True
        A score equal to the threshold is beyond it.
    """
    import numpy as np

    if not can("manage"):
        return
    is_on = state.str_param("check") == "1"
    # A button, since Streamlit hears no key while a switch that was clicked has the focus.
    st.button(
        "How right is this threshold?",
        icon=":material/expand_less:" if is_on else ":material/rule:",
        key="check_threshold",
        on_click=state.update_address,
        kwargs={"check": None if is_on else "1"},
        help=f"Answer about {N_ASKED} images from both its sides: how many it gets right, how many it misses, and "
        "where a better one lies. Answers are kept with the run.",
    )
    if not is_on:
        return
    sign = -1.0 if below else 1.0
    aligned = -scores if below else scores
    cut = sign * threshold
    if not inclusive:
        cut = float(np.nextafter(np.float32(cut), np.float32(np.inf)))
    strata = draw_strata(aligned, cut, n_asked=N_ASKED)
    order = asking_order(strata)
    answers = threshold_answers(run, subject)
    open_rows = [row for row in order if row not in answers]
    with st.container(border=True, key="threshold_check"):
        n_answered = len(order) - len(open_rows)
        if order:
            st.progress(n_answered / len(order), text=f"{n_answered} of {count(len(order), 'image')} answered")
        if open_rows:
            _render_question(run, subject, open_rows[0], question)
        _render_undo(run, subject, has_answers=bool(answers))
        told = {row: answer for row, answer in answers.items() if answer is not None}
        found = calibrate(aligned, cut, strata, told)
        for sentence in sentences(found):
            st.markdown(sentence)
        _render_suggestion(found, sign, threshold, bounds)


def sentences(found: Calibration) -> list[str]:
    """Say in words what the answers tell, as Markdown; nothing before there is one."""
    told = []
    if (right := found.precision).n:
        told.append(
            f"**{right.value:.0%} right** ({_interval(right)}): {right.n_yes} of {right.n} answered among the "
            f"{count(found.n_flagged, 'image')} beyond the threshold."
        )
    if (missed := found.missed).n:
        n_missed = round(missed.value * found.n_near)
        low, high = round(missed.low * found.n_near), round(missed.high * found.n_near)
        told.append(
            f"**About {n_missed:,} missed** ({low:,} to {high:,}) among the next {count(found.n_near, 'image')} on its "
            f"other side: {missed.n_yes} of {missed.n} answered belong beyond it."
        )
    return told


def _interval(share: Share) -> str:
    return f"95 % interval {share.low:.0%} to {share.high:.0%}"


def _render_question(run: Run, subject: str, row: int, question: str) -> None:
    picture, ask = st.columns([2, 3], gap="medium", vertical_alignment="center")
    with picture:
        render_picture(run, row, RunUrls(run.id, base_path()), height_px=210)
    with ask:
        st.markdown(f"**{plain(question)}**")
        with st.container(horizontal=True, gap="small"):
            for answer, name, icon, key in _ANSWERS:
                st.button(
                    name,
                    icon=icon,
                    key=f"threshold_{key}",
                    shortcut=key,
                    on_click=_answer,
                    args=(run, subject, row, answer),
                )
        st.caption("The images most like it:")
        render_thumbnails(run, [int(other) for other in run.graph.indices[row][:5] if other >= 0])


def _render_undo(run: Run, subject: str, *, has_answers: bool) -> None:
    st.button(
        "Undo",
        icon=":material/undo:",
        key="threshold_undo",
        shortcut="z",
        disabled=not has_answers,
        on_click=_take_back,
        args=(run, subject),
    )


def _render_suggestion(found: Calibration, sign: float, threshold: float, bounds: tuple[float, float]) -> None:
    n = found.precision.n + found.missed.n
    if found.suggested is None:
        if n:
            st.caption(f"A better threshold is suggested from {MIN_ANSWERS} answers on; there are {n}.")
        return
    suggested = min(max(sign * found.suggested, bounds[0]), bounds[1])
    if abs(suggested - threshold) <= 1e-6 * max(1.0, abs(threshold)):
        st.success("No other threshold has fewer wrong calls among these answers.", icon=":material/check_circle:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Fewest wrong calls among these answers: **{suggested:.4g}**.", width="content")
        st.button(
            "Use it",
            icon=":material/arrow_forward:",
            key="threshold_use",
            on_click=state.update_address,
            kwargs={"threshold": repr(suggested)},
        )


def _answer(run: Run, subject: str, row: int, answer: Answer) -> None:
    with shown_errors():
        require("manage")
        answer_threshold(run, subject, row, answer)


def _take_back(run: Run, subject: str) -> None:
    with shown_errors():
        require("manage")
        take_back_answer(run, subject)
