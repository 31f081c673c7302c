"""One image of a run: the picture, and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.errors import AccessDeniedError, InputError
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.text import count, html, plain

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

_FACTS = ("label", "split", "cluster", "outlier_score", "duplicate", "label_agreement", "placed")
_HIDDEN = {"width_px", "height_px"}


def render_picture(run: Run, row: int, urls: RunUrls, *, height_px: int = 260) -> None:
    """Draw an image of the run; it is a link to itself at full size."""
    st.html(_picture_html(run, row, urls, height_px=height_px))
    _say_if_gone(run, row)


def render_picture_with_facts(run: Run, row: int, urls: RunUrls, *, height_px: int) -> None:
    """Draw an image, what is known of it beside it, and its path below: one element, for it is drawn at each click."""
    st.html(
        '<div style="display:grid;grid-template-columns:minmax(0,5fr) minmax(0,6fr);gap:0.75rem 1rem">'
        f"{_picture_html(run, row, urls, height_px=height_px)}{facts_html(_facts_of(run, row))}"
        f'<div style="grid-column:1/-1">{_path_html(run, row)}</div></div>'
    )
    _say_if_gone(run, row)
    _render_copies(run, row)


def _picture_html(run: Run, row: int, urls: RunUrls, *, height_px: int) -> str:
    path = run.places(row)[0].path
    image, thumbnail = html(urls.image(row), max_chars=2_000), html(urls.thumbnail(row), max_chars=2_000)
    # where the file is gone, the thumbnail below it is seen
    layers = f"url('{image}') center/contain no-repeat,url('{thumbnail}') center/contain no-repeat"
    return (
        f'<a href="{image}" target="_blank" rel="noopener" title="Open at full size" '
        f'aria-label="{html(path)}, open at full size" '
        f'style="display:block;height:{height_px}px;border-radius:8px;background:{layers},'
        'repeating-conic-gradient(#8882 0 25%,#8881 0 50%) 0 0/16px 16px"></a>'
    )


def _say_if_gone(run: Run, row: int) -> None:
    try:
        run.image_path(row)
    except (AccessDeniedError, InputError) as error:
        st.caption(plain(str(error)))


def render_places(run: Run, row: int) -> None:
    """Draw the paths of an image, the first in front, its copies folded away."""
    st.html(_path_html(run, row))
    _render_copies(run, row)


def _path_html(run: Run, row: int) -> str:
    return f'<div style="font-weight:600;overflow-wrap:anywhere">{html(run.places(row)[0].path)}</div>'


def _render_copies(run: Run, row: int) -> None:
    places = run.places(row)
    if len(places) > 1:
        with st.expander(f"{count(len(places) - 1, 'exact copy', 'exact copies')}", icon=":material/content_copy:"):
            for place in places[1:]:
                about = " · ".join(plain(text) for text in (place.label, place.split) if text)
                st.markdown(plain(place.path) + (f"  \n:gray[{about}]" if about else ""))


def render_facts_of(run: Run, row: int) -> None:
    """Draw label, split, cluster and scores of an image, and the user's own columns."""
    st.html(facts_html(_facts_of(run, row)))


def _facts_of(run: Run, row: int) -> list[tuple[str, str]]:
    columns = run.columns
    first = [(columns[name].title, columns[name].text(row)) for name in _FACTS if name in columns]
    width, height = columns.get("width_px"), columns.get("height_px")
    if width is not None and height is not None and width.values is not None and height.values is not None:
        first.append(("Size", f"{width.values[row]:.0f} × {height.values[row]:.0f} px"))
    own = [(c.title, c.text(row)) for c in columns.values() if c.name.startswith("meta.")]
    return [*first, *own]


def render_measured(run: Run, row: int) -> None:
    """Draw what was measured of an image, folded away."""
    columns = run.columns
    measured = [
        (column.title, column.text(row))
        for column in columns.values()
        if column.name not in _FACTS and column.name not in _HIDDEN and not column.name.startswith("meta.")
    ]
    if measured:
        expander = st.expander("Measured", key="measured", on_change="rerun")
        if expander.open:
            expander.html(facts_html(measured))


def facts_html(facts: Sequence[tuple[str, str]]) -> str:
    """Return a list of names and values as HTML; both are shown as text."""
    cells = "".join(
        f'<div style="min-width:0"><div style="opacity:.62;font-size:.76rem">{html(name, max_chars=60)}</div>'
        f'<div style="overflow-wrap:anywhere">{html(value, max_chars=80)}</div></div>'
        for name, value in facts
    )
    return (
        '<div style="display:grid;grid-template-columns:repeat(auto-fill,minmax(80px,1fr));gap:8px 12px;'
        f'font-size:.875rem">{cells}</div>'
    )
