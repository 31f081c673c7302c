"""Every key that a page listens to, behind one button and the key `?`."""

from __future__ import annotations

import streamlit as st

EVERYWHERE = (
    ("?", "show or hide this list"),
    ("Tab", "go to the next control; a frame shows where you are"),
    ("Esc", "close a list, a menu or a dialog"),
    ("← → ↑ ↓", "in a gallery: the next image; Home and End: the first and the last; Enter: look at it"),
)
_DECIDE = (
    ("K", "keep"),
    ("X", "remove"),
    ("L", "relabel"),
    ("U", "unsure"),
    ("Z", "undo the last decision"),
)
_JUDGE = (
    ("Y", "yes, it belongs beyond the threshold"),
    ("N", "no, it does not"),
    ("U", "one cannot tell"),
    ("Z", "undo the last answer"),
)
OF_PAGE: dict[str, tuple[tuple[str, str], ...]] = {
    "explore": (
        ("← → ↑ ↓", "the next image in that direction"),
        ("Enter", "its most similar images"),
        ("Shift ← → ↑ ↓", "move the map"),
        ("+ −", "zoom"),
        ("0", "show the whole map"),
        ("L B V", "drag to lasso, to box, to move"),
        ("I", "images in place of points"),
        ("N", "lines to the true nearest neighbours"),
        ("Esc", "drop the lasso, else clear the selection"),
    ),
    "parts": (("← → ↑ ↓", "move the box; with Shift, change its size"),),
    "duplicates": (("← →", "the previous and the next group"),),
    "labels": _DECIDE,
    "outliers": _JUDGE,
    "quality": _JUDGE,
    "review": (("← →", "the previous and the next finding"), *_DECIDE),
}
"""Keys of a page, by the end of its address. A test holds them to the buttons."""

TITLES = {
    "explore": "On the map, once it was clicked or reached with Tab",
    "parts": "On the image",
    "labels": "Deciding on a label",
    "review": "Deciding on a finding",
    "duplicates": "From group to group",
    "outliers": "Judging the threshold",
    "quality": "Judging the threshold",
}

_LISTEN = """<script>(() => {
  if (window.dataevalKeys) return;
  window.dataevalKeys = true;
  addEventListener("keydown", (event) => {
    if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.composedPath()[0];
    if (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)) return;
    document.querySelector(".st-key-keys button")?.click();
  }, true);
})()</script>"""
"""Streamlit's buttons take letters alone as keys."""


def render_keys(page: str) -> None:
    """Draw the button at the right end of the header, and listen to `?`.

    Parameters
    ----------
    page : str
        End of the page's address.
    """
    with (
        st.container(key="keys_place"),
        st.popover(":material/keyboard:", key="keys", type="tertiary", help="Keys of this page (?)"),
    ):
        if own := OF_PAGE.get(page):
            _render_table(TITLES[page], own)
        _render_table("Everywhere", EVERYWHERE)
    with st.container(key="keys_script"):
        st.html(_LISTEN, unsafe_allow_javascript=True)


def _render_table(title: str, keys: tuple[tuple[str, str], ...]) -> None:
    rows = "".join(f"<tr><td><kbd>{key}</kbd></td><td>{does}</td></tr>" for key, does in keys)
    st.html(f'<table class="keys"><caption>{title}</caption><tbody>{rows}</tbody></table>')
