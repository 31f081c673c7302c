"""Which network: cards of one family at a time, and the layer that is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.embed.backbones import DEFAULT_BACKBONE
from dataeval_ui.ui import cached
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.text import count, plain

if TYPE_CHECKING:
    from dataeval_ui.embed.checkpoints import Availability
    from dataeval_ui.embed.layers import Layer
    from dataeval_ui.types import Backbone

_BACKBONE, _FAMILY, _LISTED = "run_backbone", "run_family", "run_listed_layers"
_OWN_LAYER = ""
_STATES = {
    "here": ("green", ":material/check:", "On this machine"),
    "downloadable": ("orange", ":material/download:", "Will be downloaded"),
    "missing": ("gray", ":material/block:", "Not here"),
}
_POOLING_WORDS = {
    "mean": "mean over places",
    "max": "maximum over places",
    "gem": "generalised mean over places",
    "cls": "class token",
    "none": "the vector as it is",
}


def render_backbone_choice(backbones: Mapping[str, Backbone], availability: Mapping[str, Availability]) -> Backbone:
    """Draw the cards of one family and return the backbone that is chosen."""
    if st.session_state.get(_BACKBONE) not in backbones:
        st.session_state[_BACKBONE] = DEFAULT_BACKBONE
    chosen = backbones[st.session_state[_BACKBONE]]
    families = list(dict.fromkeys(backbone.family for backbone in backbones.values()))
    if st.session_state.get(_FAMILY) not in families:
        st.session_state[_FAMILY] = chosen.family
    family = st.pills(
        "Family",
        families,
        format_func=lambda name: name[:1].upper() + name[1:],
        key=_FAMILY,
        required=True,
        label_visibility="collapsed",
    )
    shown = [backbone for backbone in backbones.values() if backbone.family == family]
    usable = [backbone for backbone in shown if availability[backbone.name].state != "missing"]
    missing = [backbone for backbone in shown if availability[backbone.name].state == "missing"]
    _render_cards(usable, availability, chosen.name)
    if missing:
        more = "more backbone" if usable else "backbone"
        with st.expander(
            f"{count(len(missing), more)}, whose weights are not on this machine",
            icon=":material/block:",
            expanded=not usable,
            key=f"missing_{family}",
        ):
            _render_cards(missing, availability, chosen.name)
    if chosen.family != family:
        st.caption(f"Chosen: {plain(chosen.title)}, {plain(chosen.family)}.")
    return chosen


def _render_cards(backbones: Sequence[Backbone], availability: Mapping[str, Availability], chosen: str) -> None:
    with st.grid("auto", min_column_width=250):
        for backbone in backbones:
            _render_card(backbone, availability[backbone.name], is_chosen=backbone.name == chosen)


def _choose(name: str) -> None:
    st.session_state[_BACKBONE] = name


def _render_card(backbone: Backbone, availability: Availability, *, is_chosen: bool) -> None:
    colour, icon, word = _STATES[availability.state]
    facts = [
        f"{backbone.n_dims:,} dims" if backbone.n_dims else "dims by the network",
        f"{backbone.preprocessing.input_px} px",
        f"{backbone.size_mb:,} MB" if backbone.size_mb else "",
        plain(backbone.licence),
    ]
    with st.container(border=True, height="stretch", key=f"card_{backbone.name}"):
        st.markdown(f"**{plain(backbone.title, max_chars=80)}**")
        st.markdown(f"Best for {plain(backbone.best_for)}.")
        st.caption(" · ".join(filter(None, facts)))
        if backbone.licence_note:
            st.caption(f":material/gavel: {plain(backbone.licence_note)}")
        st.badge(word, icon=icon, color=colour, help=plain(availability.sentence, max_chars=600))  # type: ignore[arg-type]
        if availability.state == "missing":
            st.caption(plain(availability.sentence, max_chars=600))
        st.space("stretch")
        st.button(
            "Chosen" if is_chosen else "Choose",
            icon=":material/radio_button_checked:" if is_chosen else ":material/radio_button_unchecked:",
            type="primary" if is_chosen else "secondary",
            width="stretch",
            key=f"choose_{backbone.name}",
            on_click=_choose,
            args=(backbone.name,),
            disabled=availability.state == "missing",
            help=f"Use {plain(backbone.title, max_chars=80)}.",
        )


def render_layer_choice(backbone: Backbone) -> tuple[str | None, str | None]:
    """Draw the choice of layer and pooling; the list takes a dry run, so it comes when it is asked for.

    Returns
    -------
    layer, pooling : str or None
        None for the backbone's own.
    """
    st.markdown("**Layer**")
    st.caption(f"Its own: {plain(backbone.layer)}, {plain(backbone.pooling)}. Another layer is embedded anew.")
    layers: Mapping[str, Layer] = st.session_state.get(_LISTED, {}).get(backbone.name, {})
    if not layers:
        if st.button("List its layers", icon=":material/layers:", key=f"layers_{backbone.name}"):
            with shown_errors(), st.spinner("Building the network once ..."):
                found = {layer.name: layer for layer in cached.layers(backbone.name)}
                st.session_state[_LISTED] = {**st.session_state.get(_LISTED, {}), backbone.name: found}
                st.rerun()
        return None, None

    def describe(name: str) -> str:
        return f"{name}: {' x '.join(map(str, layers[name].shape))}" if name else "its own"

    name = st.selectbox("Layer", [_OWN_LAYER, *layers], format_func=describe, key=f"layer_{backbone.name}")
    if not name:
        return None, None
    layer = layers[name]
    pooling = st.selectbox(
        "Pooling",
        layer.poolings,
        format_func=lambda p: _POOLING_WORDS.get(p, f"flat: {layer.n_flat:,} numbers an image"),
        key=f"pooling_{backbone.name}_{name}",
    )
    return name, pooling
