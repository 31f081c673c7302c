"""The counts of a run, each leading to what it counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import streamlit as st

from dataeval_ui.services.turned import are_known
from dataeval_ui.ui import cached, state
from dataeval_ui.ui.text import count

if TYPE_CHECKING:
    from dataeval_ui.services.run import Run

Page = Literal[
    "explore",
    "parts",
    "health",
    "duplicates",
    "outliers",
    "quality",
    "labels",
    "slices",
    "coverage",
    "drift",
    "share",
    "review",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the summary strip shows."""

    n_files: int
    n_images: int
    n_unreadable: int
    n_clusters: int
    n_noise: int
    n_outliers: int
    n_duplicate_groups: int
    n_leaks: int
    of_objects: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One count of the strip, and where it leads."""

    n: int
    one: str
    many: str
    icon: str
    page: Page
    params: Mapping[str, str] = field(default_factory=dict)
    help: str = ""

    @property
    def label(self) -> str:
        """Count and noun, as Markdown."""
        return f"**{self.n:,}** {self.one if self.n == 1 else self.many}"


def run_facts(run: Run) -> RunFacts:
    """Count what a run found."""
    import pyarrow.compute as pc

    statuses = run.manifest["status"]
    # mirrored and turned copies count once they were looked for: that is not what every page waits for
    groups = cached.duplicate_groups(run, with_turned=are_known(run))
    return RunFacts(
        n_files=run.manifest.num_rows,
        n_images=run.n_images,
        n_unreadable=int(pc.sum(pc.equal(statuses, "unreadable")).as_py() or 0),
        n_clusters=run.clustering.n_clusters,
        n_noise=run.clustering.n_noise,
        n_outliers=int((run.outliers.scores >= run.record.params.outlier_threshold).sum()),
        n_duplicate_groups=len(groups),
        n_leaks=sum(group.is_leak for group in groups),
        of_objects=run.is_of_objects,
    )


def list_facts(facts: RunFacts) -> Iterator[Fact]:
    """List the counts in the order of the strip; what there is none of and nobody misses is left out."""
    yield Fact(
        n=facts.n_images,
        one="object" if facts.of_objects else "image",
        many="objects" if facts.of_objects else "images",
        icon=":material/image:",
        page="explore",
        help=f"{count(facts.n_files, 'annotated object')}; equal crops are one. Opens the map with all of them."
        if facts.of_objects
        else f"{count(facts.n_files, 'file')}; files of equal content are one image. Opens the map with all of them.",
    )
    yield Fact(
        n=facts.n_clusters,
        one="cluster",
        many="clusters",
        icon=":material/bubble_chart:",
        page="explore",
        params={"colour": "cluster"},
        help="Groups on the map. Opens the map coloured by cluster.",
    )
    if facts.n_noise:
        yield Fact(
            n=facts.n_noise,
            one="unclustered",
            many="unclustered",
            icon=":material/grain:",
            page="explore",
            params={"in.cluster": "noise"},
            help="Images that belong to no cluster. Opens the map with these alone.",
        )
    yield Fact(
        n=facts.n_duplicate_groups,
        one="duplicate",
        many="duplicates",
        icon=":material/content_copy:",
        page="duplicates",
        help="Groups of exact and near duplicates, and of mirrored or turned copies once they were looked for.",
    )
    if facts.n_leaks:
        yield Fact(
            n=facts.n_leaks,
            one="across splits",
            many="across splits",
            icon=":material/warning:",
            page="duplicates",
            params={"show": "leaks"},
            help="Duplicates that lie in more than one split: what was trained on is tested on.",
        )
    yield Fact(
        n=facts.n_outliers,
        one="outlier",
        many="outliers",
        icon=":material/scatter_plot:",
        page="outliers",
        help="Images unlike their nearest images.",
    )
    if facts.n_unreadable:
        yield Fact(
            n=facts.n_unreadable,
            one="unusable" if facts.of_objects else "unreadable",
            many="unusable" if facts.of_objects else "unreadable",
            icon=":material/broken_image:",
            page="outliers",
            params={"show": "unreadable"},
            help="Objects that cannot be used, each with its reason."
            if facts.of_objects
            else "Files that could not be read, each with its reason.",
        )


def render_facts(run: Run, page: Page) -> None:
    """Draw the summary strip: links to other pages, and buttons for what this page itself can show."""
    with st.container(horizontal=True, gap="xsmall", key="facts", wrap=False, vertical_alignment="center"):
        for at, fact in enumerate(list_facts(cached.facts(run))):
            params = {"run": run.id, **fact.params}
            if fact.page == page:
                st.button(
                    fact.label,
                    icon=fact.icon,
                    type="tertiary",
                    key=f"fact_{at}",
                    on_click=state.set_address,
                    args=(params,),
                    help=fact.help,
                )
            else:
                st.page_link(
                    f"app_pages/{fact.page}.py", label=fact.label, icon=fact.icon, query_params=params, help=fact.help
                )
