"""Search by words, and classes that the user types, above the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.errors import InputError
from dataeval_ui.services.run import WORDS
from dataeval_ui.services.words import MAX_CLASSES, classes_name, classes_of, parse_classes
from dataeval_ui.ui import state
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.state import ExploreState

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

_TEXT, _CLASSES, _WRONG = "search_words", "typed_classes", "dataeval_ui.wrong_classes"


def render_words(run: Run, view: ExploreState) -> None:
    """Draw the two fields; a backbone without words says so once it is asked."""
    popover = st.popover("Words", icon=":material/search:", key="words", on_change="rerun")
    if not popover.open:  # what nobody sees is not drawn at each click on the map
        return
    with popover:
        st.session_state[_TEXT] = view.text or ""
        st.text_input(
            "Search by words",
            key=_TEXT,
            max_chars=state.MAX_TEXT_CHARS,
            placeholder="dog in snow -cat",
            on_change=_search,
            help='Words with - before them are subtracted; quotes keep several together: -"red car".',
        )
        st.session_state[_CLASSES] = _typed(view)
        st.text_input(
            "Colour by your own classes",
            key=_CLASSES,
            placeholder="cat, dog, bird",
            on_change=_classify,
            help=f"2 to {MAX_CLASSES}, with commas between. Each image goes to the class whose name fits best, also "
            "where none fits.",
        )
        if wrong := st.session_state.pop(_WRONG, None):
            with shown_errors():
                raise wrong


def _typed(view: ExploreState) -> str:
    if view.colour.startswith(WORDS):
        with shown_errors():
            return ", ".join(classes_of(view.colour))
    return ""


def _search() -> None:
    text = st.session_state[_TEXT].strip()
    if text:
        state.change_explore(text=text, query_row=None, panel="image")
    else:
        state.change_explore(text=None)


def _classify() -> None:
    text = st.session_state[_CLASSES]
    if not text.strip():
        state.change_explore(colour="cluster", hidden=frozenset())
        return
    try:
        classes = parse_classes(text)
    except InputError as error:
        st.session_state[_WRONG] = error  # said below the field, once the page is drawn
        return
    state.change_explore(colour=classes_name(classes), hidden=frozenset())
