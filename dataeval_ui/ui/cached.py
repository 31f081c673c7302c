"""Everything that pages keep between reruns, in one place. Keys are paths, ids and digests, never arrays.

Opened runs are shared by all sessions and must not be written to.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import streamlit as st

from dataeval_ui.services.context import Services
from dataeval_ui.services.shared import shared_run, shared_services

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from dataeval_ui.embed.checkpoints import Availability
    from dataeval_ui.embed.layers import Layer
    from dataeval_ui.services.columns import Column
    from dataeval_ui.services.coverage import LabelOrder
    from dataeval_ui.services.drift import DriftAnswer
    from dataeval_ui.services.drift_images import ShiftedImage
    from dataeval_ui.services.drift_map import DriftMap
    from dataeval_ui.services.drift_time import Chunk, Period
    from dataeval_ui.services.duplicate_groups import DuplicateGroup
    from dataeval_ui.services.health import Card
    from dataeval_ui.services.labels import Classes, Predictor
    from dataeval_ui.services.outlier_scores import OodScores, OutlierMethod
    from dataeval_ui.services.parts import RunParts
    from dataeval_ui.services.run import Run
    from dataeval_ui.services.slices import Slice
    from dataeval_ui.types import Finding, Json
    from dataeval_ui.types.base import Float32, Int64
    from dataeval_ui.types.labels import BayesErrorBounds, LabelErrors, NeighbourConfusion
    from dataeval_ui.types.quality import QualityReport
    from dataeval_ui.ui.components.scatter import ColourSpec
    from dataeval_ui.ui.panels.facts import RunFacts

    Parts = tuple[tuple[str, str] | None, tuple[str | None, str | None] | None]


def services() -> Services:
    """Return the opened workspace of this server's settings."""
    return shared_services()


def run(run_id: str) -> Run:
    """Open a finished run that the viewer may see; see `dataeval_ui.services.shared.shared_run` for the errors."""
    from dataeval_ui.ui.viewer import require

    require("view", run_id)
    return shared_run(run_id)


@st.cache_resource(max_entries=8, show_spinner="Looking for mirrored and turned copies…")
def _duplicate_groups(workspace: str, run_id: str, with_turned: bool, _run: Run) -> tuple[DuplicateGroup, ...]:
    from dataeval_ui.services.duplicate_groups import list_duplicate_groups

    return list_duplicate_groups(_run, with_turned=with_turned)


def duplicate_groups(opened: Run, *, with_turned: bool = True) -> tuple[DuplicateGroup, ...]:
    """Return a run's duplicates, the most severe first; mirrored and turned copies are looked for once a run."""
    return _duplicate_groups(str(opened.services.workspace.root), opened.id, with_turned, opened)


@st.cache_resource(max_entries=8, show_spinner=False)
def _colour_specs(workspace: str, run_id: str, base_path: str, _run: Run) -> Mapping[str, ColourSpec]:
    from dataeval_ui.ui.panels.colouring import colour_specs

    return colour_specs(_run, base_path)


def colour_specs(opened: Run, base_path: str) -> Mapping[str, ColourSpec]:
    """Return what the map can be coloured by, by the column's name."""
    return _colour_specs(str(opened.services.workspace.root), opened.id, base_path, opened)


@st.cache_resource(max_entries=64, show_spinner=False)
def _distribution(workspace: str, run_id: str, name: str, values: int, dark: bool, _column: Column) -> go.Figure | None:
    from dataeval_ui.ui.panels.colouring import distribution_figure

    return distribution_figure(_column, None, dark=dark)


def distribution(opened: Run, name: str, *, dark: bool) -> go.Figure | None:
    """Return how a column's values are spread over all images; plotly takes 30 ms to make such a figure."""
    column = opened.column(name)
    named = hash((column.title, column.categories))  # clusters may be named while the run is open
    return _distribution(str(opened.services.workspace.root), opened.id, name, named, dark, column)


@st.cache_resource(max_entries=8, show_spinner=False)
def _health_cards(workspace: str, run_id: str, _run: Run) -> tuple[Card, ...]:
    from dataeval_ui.services.health import list_cards

    return tuple(list_cards(_run))


def health_cards(opened: Run) -> tuple[Card, ...]:
    """Return a run's scorecard."""
    return _health_cards(str(opened.services.workspace.root), opened.id, opened)


@st.cache_resource(max_entries=8, show_spinner=False)
def _completeness(workspace: str, run_id: str, _run: Run) -> float:
    from dataeval_ui.services.coverage import completeness

    return completeness(_run)


def completeness(opened: Run) -> float:
    """Return the share of the embedding's dimensions that a run's images use."""
    return _completeness(str(opened.services.workspace.root), opened.id, opened)


@st.cache_resource(max_entries=32, show_spinner="Ranking what to label next…")
def _suggested(workspace: str, run_id: str, order: LabelOrder, n: int, every: bool, _run: Run) -> Int64:
    from dataeval_ui.services.coverage import suggest_to_label

    return suggest_to_label(_run, order=order, n=n, every=every)


def suggested(opened: Run, *, order: LabelOrder, n: int, every: bool) -> Int64:
    """Return what to label next; the array is shared and must not be written to."""
    return _suggested(str(opened.services.workspace.root), opened.id, order, n, every, opened)


@st.cache_resource(max_entries=16, show_spinner="Scoring the images by every method; this is kept with the run…")
def _method_scores(workspace: str, run_id: str, method: OutlierMethod, _run: Run) -> Float32:
    from dataeval_ui.services.outlier_scores import method_scores

    return method_scores(_run, method)


def method_scores(opened: Run, method: OutlierMethod) -> Float32:
    """Return how odd a run's images are by one method; the array is shared and must not be written to."""
    return _method_scores(str(opened.services.workspace.root), opened.id, method, opened)


@st.cache_resource(max_entries=4, show_spinner="Comparing every image with the reference…")
def _ood(workspace: str, run_id: str, reference_id: str, _run: Run, _reference: Run) -> OodScores:
    from dataeval_ui.services.outlier_scores import ood

    return ood(_run, _reference)


def ood(opened: Run, reference: Run) -> OodScores:
    """Return how odd a run's images are against those of another run."""
    return _ood(str(opened.services.workspace.root), opened.id, reference.id, opened, reference)


@st.cache_resource(max_entries=16, show_spinner=False)
def _drift(
    workspace: str, reference_id: str, test_id: str, digest: str, _reference: Run, _test: Run, _parts: Parts
) -> tuple[DriftAnswer, Mapping[str, tuple[ShiftedImage, ...]], DriftMap]:
    from dataeval_ui.services.drift import answer_for_drift
    from dataeval_ui.services.drift_images import galleries
    from dataeval_ui.services.drift_map import drift_map

    answer = answer_for_drift(_reference, _test, splits=_parts[0], filters=_parts[1])
    return answer, galleries(_reference, _test, answer), drift_map(_reference, _test, answer)


def drift(
    reference: Run, test: Run, splits: tuple[str, str] | None, filters: tuple[str | None, str | None] | None = None
) -> tuple[DriftAnswer, Mapping[str, tuple[ShiftedImage, ...]], DriftMap]:
    """Return what the tests for drift say, the images that show it, and the map; shared, and must not be written to.

    It is kept by the images that are compared: what a saved view means may change.
    """
    from dataeval_ui.services.drift_sets import chosen_rows

    rows = chosen_rows(reference, test, splits=splits, filters=filters)
    digest = hashlib.blake2b(b"/".join(one.tobytes() for one in rows), digest_size=16).hexdigest()
    root = str(reference.services.workspace.root)
    return _drift(root, reference.id, test.id, digest, reference, test, (splits, filters))


@st.cache_resource(max_entries=16, show_spinner="Testing chunk by chunk…")
def _drift_over_time(
    workspace: str, run_id: str, column: str, n_chunks: int | None, period: Period | None, _run: Run
) -> tuple[Sequence[Chunk], Json]:
    from dataeval_ui.services.drift_time import cut_by_time, drift_over_time

    chunks = cut_by_time(_run, column, n_chunks=n_chunks, period=period)
    return chunks, drift_over_time(_run, chunks)


def drift_over_time(
    opened: Run, *, column: str, n_chunks: int | None, period: Period | None
) -> tuple[Sequence[Chunk], Json]:
    """Return a run's chunks of time and how each differs from the first; see `drift_time` for the errors."""
    return _drift_over_time(str(opened.services.workspace.root), opened.id, column, n_chunks, period, opened)


@st.cache_resource(max_entries=8, show_spinner=False)
def _time_columns(workspace: str, run_id: str, _run: Run) -> tuple[str, ...]:
    from dataeval_ui.services.drift_time import time_columns

    return time_columns(_run)


def time_columns(opened: Run) -> tuple[str, ...]:
    """Return the columns by which a run can be cut into chunks of time."""
    return _time_columns(str(opened.services.workspace.root), opened.id, opened)


@st.cache_resource(max_entries=8, show_spinner=False)
def _localization(workspace: str, run_id: str, _run: Run) -> Json | None:
    from dataeval_ui.services.boxes import localization

    return localization(_run)


def localization(opened: Run) -> Json | None:
    """Return the faults of a run's boxes; None without annotations."""
    return _localization(str(opened.services.workspace.root), opened.id, opened)


@st.cache_resource(max_entries=8, show_spinner=False)
def _quality(workspace: str, run_id: str, _run: Run) -> QualityReport:
    from dataeval_ui.services.quality import quality

    return quality(_run)


def quality(opened: Run) -> QualityReport:
    """Return the quality of a run's images, by the thresholds that the dataset suggests."""
    return _quality(str(opened.services.workspace.root), opened.id, opened)


@st.cache_resource(max_entries=64, show_spinner="Asking what the labels are worth; suspects are kept with the run…")
def _of_labels(workspace: str, run_id: str, question: str, column: str, _run: Run) -> Any:
    from dataeval_ui.services import labels

    return getattr(labels, question)(_run, column)


def _ask_labels(opened: Run, question: str, column: str) -> Any:
    return _of_labels(str(opened.services.workspace.root), opened.id, question, column, opened)


def classes_of(opened: Run, column: str) -> Classes:
    """Return a column as codes; see `dataeval_ui.services.labels.classes_of` for the errors."""
    found: Classes = _ask_labels(opened, "classes_of", column)
    return found


def label_errors(opened: Run, column: str) -> LabelErrors:
    """Return the suspected label errors; see `dataeval_ui.services.labels.label_errors` for the errors."""
    found: LabelErrors = _ask_labels(opened, "label_errors", column)
    return found


def bayes_error(opened: Run, column: str) -> Mapping[str, BayesErrorBounds]:
    """Return the bounds of the Bayes error by neighbours and by spanning tree."""
    found: Mapping[str, BayesErrorBounds] = _ask_labels(opened, "bayes_error", column)
    return found


def neighbour_confusion(opened: Run, column: str) -> NeighbourConfusion:
    """Return which label the neighbours of each label's images carry."""
    found: NeighbourConfusion = _ask_labels(opened, "confusion", column)
    return found


def label_predictors(opened: Run, column: str) -> tuple[Predictor, ...]:
    """Return what predicts a column, the best first."""
    found: tuple[Predictor, ...] = _ask_labels(opened, "predictors", column)
    return found


@st.cache_resource(max_entries=8, show_spinner="Looking for slices in which something is unusual…")
def _slices(workspace: str, run_id: str, _run: Run) -> tuple[Slice, ...]:
    from dataeval_ui.services.slices import find_run_slices

    return find_run_slices(_run)


def slices(opened: Run) -> tuple[Slice, ...]:
    """Return the groups of a run's images in which something is unusual, the surest first."""
    return _slices(str(opened.services.workspace.root), opened.id, opened)


def label_error_findings(opened: Run) -> Mapping[int, Finding]:
    """Return the suspected labels as findings that can be decided on, by row."""
    return {
        opened.row_of[finding.image_ids[0]]: finding
        for finding in opened.reviewable_findings
        if finding.kind == "label_error"
    }


@st.cache_resource(max_entries=8, show_spinner=False)
def _facts(workspace: str, run_id: str, _run: Run) -> RunFacts:
    from dataeval_ui.ui.panels.facts import run_facts

    return run_facts(_run)


def facts(opened: Run) -> RunFacts:
    """Return the counts of a run's summary strip."""
    return _facts(str(opened.services.workspace.root), opened.id, opened)


@st.cache_data(ttl=30, max_entries=4, show_spinner=False)
def _availability(fingerprint: str, _services: Services) -> Mapping[str, Availability]:
    from dataeval_ui.embed.checkpoints import available_backbones
    from dataeval_ui.embed.choices import list_backbones

    offered = list_backbones(_services.settings, _services.workspace)
    return available_backbones(_services.settings, _services.workspace, offered)


def availability() -> Mapping[str, Availability]:
    """Return which backbones can be used on this machine; looked up twice a minute at most."""
    ours = services()
    return _availability(repr(ours.settings), ours)


def layers(backbone: str) -> tuple[Layer, ...]:
    """List a backbone's layers; slow at the first time, and kept in the workspace from then on."""
    from dataeval_ui.embed.layer_lists import layers_aside

    ours = services()
    return layers_aside(backbone, settings=ours.settings, workspace=ours.workspace)


@st.cache_resource(max_entries=4, show_spinner=False)
def _parts(workspace: str, run_id: str, _run: Run) -> RunParts:
    from dataeval_ui.services.parts import RunParts

    return RunParts(_run)


def parts(opened: Run) -> RunParts:
    """Return the parts of a run's images; see `dataeval_ui.services.parts.RunParts` for the errors."""
    return _parts(str(opened.services.workspace.root), opened.id, opened)


class KeptSelections:
    """Selections that are too long for an address, the last few of this server; lost when it stops."""

    def __init__(self, max_entries: int = 256) -> None:
        self._max_entries = max_entries
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def put(self, digest: str, packed: bytes) -> None:
        """Keep a selection and let the oldest go."""
        with self._lock:
            self._kept[digest] = packed
            self._kept.move_to_end(digest)
            while len(self._kept) > self._max_entries:
                self._kept.popitem(last=False)

    def get(self, digest: str) -> bytes | None:
        """Recall a selection."""
        with self._lock:
            return self._kept.get(digest)


@st.cache_resource(show_spinner=False)
def kept_selections() -> KeptSelections:
    """Return this server's kept selections."""
    return KeptSelections()
