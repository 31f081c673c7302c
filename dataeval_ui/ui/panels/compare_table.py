"""The numbers of a comparison: measures in lines, backbones in columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dataeval_ui.services.compare import sentence_of
from dataeval_ui.services.planted import N_NEAREST, N_PLANTED, TRANSFORMS, load_planted
from dataeval_ui.services.runs import start_planted
from dataeval_ui.ui import cached
from dataeval_ui.ui.errors import shown_errors
from dataeval_ui.ui.text import count, plain, size

if TYPE_CHECKING:
    from dataeval_ui.analysis.comparison import Share
    from dataeval_ui.services.compare import Comparison
    from dataeval_ui.services.planted import PlantedRecall
    from dataeval_ui.services.run import Run

_NONE = "–"


def render_table(comparison: Comparison, runs: list[Run]) -> None:
    """Draw what the numbers say, the numbers, and the button that measures what is missing."""
    st.markdown(plain(sentence_of(comparison), max_chars=2_000))
    if any(comparison.n_alone):
        alone = ", ".join(
            f"{count(n, 'image')} of {score.name}"
            for n, score in zip(comparison.n_alone, comparison.scores, strict=True)
        )
        st.caption(plain(f"Left out, since another run lacks them: {alone}.", max_chars=1_000))
    planted = [load_planted(run) for run in runs]
    lines = table_lines(comparison, planted)
    with st.container(key="compare_table"):
        st.table(
            {"": [plain(name) for name in lines]}
            | {plain(score.name): [line[i] for line in lines.values()] for i, score in enumerate(comparison.scores)},
            hide_index=True,
            border="horizontal",
            alt="What each of the runs measured",
        )
    st.caption(
        "In brackets: 95 % intervals; bold where one lies above all others. Label agreement: the 15 nearest vote, an "
        "image never for itself, and copies of the same bytes are one image. In AMI and ARI, an image in no cluster is "
        "a cluster of its own. Speed and memory are of the network on the run's machine, or of the planted copies "
        "where the run had nothing to embed."
    )
    missing = [run.id for run, found in zip(runs, planted, strict=True) if found is None and not run.is_of_objects]
    if missing:
        st.button(
            "Measure with planted copies",
            icon=":material/content_copy:",
            key="measure_planted",
            on_click=_measure,
            args=(missing,),
            help=f"Copies of {N_PLANTED} images are resized, compressed, cropped and mirrored, and embedded: is the "
            f"original among the {N_NEAREST} nearest? The dataset and the run stay as they are.",
        )


def _measure(run_ids: list[str]) -> None:
    with shown_errors():
        for run_id in run_ids:
            start_planted(cached.services(), run_id)


def table_lines(comparison: Comparison, planted: list[PlantedRecall | None]) -> dict[str, list[str]]:
    """Return each measure's name with its text for each run."""
    both = list(zip(comparison.scores, planted, strict=True))
    lines = {
        "Neighbours agree with the label": _shares([score.knn for score, _ in both]),
        "Clusters and labels, AMI": [f"{s.clusters.ami:.2f}" if s.clusters else _NONE for s, _ in both],
        "Clusters and labels, ARI": [f"{s.clusters.ari:.2f}" if s.clusters else _NONE for s, _ in both],
        "Images in no cluster": [f"{score.n_noise:,}" for score, _ in both],
    }
    for name, title in TRANSFORMS.items():
        lines[f"Copies found again, {title}"] = _shares([found.shares[name] if found else None for _, found in both])
    speeds = [score.images_per_s or (found.images_per_s if found else None) for score, found in both]
    peaks = [score.peak_rss_bytes or (found.peak_rss_bytes if found else None) for score, found in both]
    lines["Images a second"] = [f"{speed:.0f}" if speed else _NONE for speed in speeds]
    lines["Memory at most"] = [size(peak) if peak else _NONE for peak in peaks]
    return lines


def _shares(shares: list[Share | None]) -> list[str]:
    """Write shares with their intervals; bold is the one whose interval lies above those of all others."""
    known = [share for share in shares if share is not None and share.n > 0]
    best = max(known, key=lambda share: share.value) if len(known) == len(shares) > 1 else None
    is_sure = best is not None and not any(best.overlaps(other) for other in known if other is not best)
    return [
        _NONE
        if share is None or share.n == 0
        else f"{mark}{share.value:.0%}{mark} ({share.low:.0%} to {share.high:.0%})"
        for share, mark in ((share, "**" if is_sure and share is best else "") for share in shares)
    ]
