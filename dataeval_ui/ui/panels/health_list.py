"""The scorecard, and the findings behind it, each with its images and a way to the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.health import Card, Level, findings_of, level_of, rows_of
from dataeval_ui.share.tables import findings_table, table_bytes
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.components.mount import base_path
from dataeval_ui.ui.components.urls import RunUrls
from dataeval_ui.ui.panels.download import render_table_download
from dataeval_ui.ui.text import count, html, plain

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run
    from dataeval_ui.types import Finding

PAGE_SIZE = 8
MAX_THUMBNAILS = 8

_WORDS: dict[Level, tuple[str, str, str]] = {
    "high": ("High", "red", ":material/error:"),
    "medium": ("Medium", "orange", ":material/warning:"),
    "low": ("Low", "blue", ":material/info:"),
    "ok": ("Good", "green", ":material/check_circle:"),
    "neutral": ("For comparison", "gray", ":material/info:"),
    "unknown": ("Unknown", "gray", ":material/help:"),
}


def render_cards(run: Run, cards: Sequence[Card], chosen: str | None) -> None:
    """Draw a card a kind of finding; its button lists the findings behind it, its link opens the page about it."""
    with st.container(horizontal=True, gap="small", key="health_cards"):
        for card in cards:
            word, colour, icon = _WORDS[card.level]
            with st.container(border=True, width=168, height="stretch", gap="xsmall"):
                st.badge(word, color=colour, icon=icon)  # type: ignore[arg-type]
                st.html(
                    f'<div style="font-size:1.9rem;font-weight:700;line-height:1.1">{html(card.value)}</div>'
                    f'<div style="font-weight:600">{html(card.title)}</div>'
                    f'<div style="opacity:.7;font-size:.82rem;min-height:3.2em;overflow-wrap:anywhere">'
                    f"{html(card.sentence)}</div>"
                )
                if card.n_findings:
                    st.button(
                        "Show all kinds" if chosen == card.name else f"Show {count(card.n_findings, 'finding')}",
                        key=f"health_{card.name}",
                        type="primary" if chosen == card.name else "secondary",
                        width="stretch",
                        on_click=state.update_address,
                        kwargs={"kind": None if chosen == card.name else card.name, "page": None},
                    )
                if card.page:
                    st.page_link(
                        f"app_pages/{card.page}.py",
                        label=f"Open {card.page.capitalize()}",
                        icon=":material/arrow_forward:",
                        query_params={"run": run.id, **card.params},
                    )


def render_findings(run: Run, card: Card | None) -> None:
    """Draw the findings of a card, or all, a page at a time."""
    found = findings_of(run, None if card is None else card.name)
    if not found:
        st.success("Nothing was found that needs a hand.", icon=":material/check_circle:")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        title = "All findings" if card is None else card.title
        st.markdown(f"**{title}**: {len(found):,}, by severity times files concerned", width="content")
        render_table_download(
            lambda fmt: table_bytes(findings_table(found), fmt),
            about="A row a finding: kind, severity, sentence, advice, images, paths, evidence.",
            name=f"findings-{run.id}",
            key="findings_download",
        )
    n_pages = -(-len(found) // PAGE_SIZE)
    page = 1
    if n_pages > 1:
        page = min(n_pages, st.pagination(n_pages, key=f"health_page_{card.name if card else 'all'}"))
    for at, finding in enumerate(found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]):
        _render_finding(run, finding, at)


def _render_finding(run: Run, finding: Finding, at: int) -> None:
    word, colour, icon = _WORDS[level_of(finding.severity)]
    rows = rows_of(run, finding)
    with st.container(border=True, gap="small", key=f"finding_{at}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge(f"{word} · {finding.severity:.2f}", color=colour, icon=icon)  # type: ignore[arg-type]
            n = max(len(finding.paths), 1)
            weight = f"{count(n, 'file')} × {finding.severity:.2f} = {n * finding.severity:,.1f}"
            st.caption(f"{finding.kind.replace('_', ' ')} · {weight}", width="content")
        st.markdown(f"**{plain(finding.sentence, max_chars=600)}**  \n{plain(finding.advice)}")
        if rows:
            render_thumbnails(run, rows)
        if evidence := _evidence(finding):
            st.caption(plain(evidence, max_chars=400))
        if rows:
            st.page_link(
                "app_pages/explore.py",
                label="Show on the map",
                icon=":material/bubble_chart:",
                query_params={"run": run.id, **selection_address(run, rows)},
            )


def selection_address(run: Run, rows: Sequence[int]) -> dict[str, str]:
    """Return the address of a selection; one image is looked at instead."""
    import numpy as np

    if len(rows) == 1:
        return {"image": str(rows[0])}
    text, packed = state.encode_selection(np.asarray(rows, dtype=np.int64), run.n_images)
    if (digest := state.kept_digest(text)) is not None:
        cached.kept_selections().put(digest, packed)
    return {"selected": text, "panel": "selection"}


def render_thumbnails(run: Run, rows: Sequence[int]) -> None:
    """Draw the first images of a list, each a link to itself at full size."""
    urls = RunUrls(run.id, base_path())
    images = "".join(
        f'<a href="{html(urls.image(row), max_chars=2_000)}" target="_blank" rel="noopener" '
        f'title="{html(run.places(row)[0].path)}"><img src="{html(urls.thumbnail(row), max_chars=2_000)}" '
        f'alt="{html(run.places(row)[0].path)}" loading="lazy" '
        'style="height:84px;max-width:150px;object-fit:contain;border-radius:6px;background:#8881"></a>'
        for row in rows[:MAX_THUMBNAILS]
    )
    rest = f'<span style="opacity:.7">and {len(rows) - MAX_THUMBNAILS:,} more</span>' * (len(rows) > MAX_THUMBNAILS)
    st.html(f'<div style="display:flex;flex-wrap:wrap;gap:8px;align-items:center">{images}{rest}</div>')


def _evidence(finding: Finding) -> str:
    """Write the numbers behind a claim; ids and what the sentence says already are left out."""
    left_out = ("nearest_image_ids", "reason", "reasons", "objects", "level", "n_copies", "n_images")
    parts = []
    for name, value in finding.evidence.items():
        if name in left_out or value is None or value == []:
            continue
        text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        parts.append(f"{name.replace('_', ' ')}: {text}")
    return " · ".join(parts)
