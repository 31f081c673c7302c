"""The same images under several backbones: where these agree, and which one serves the dataset best."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from dataeval_ui.errors import InputError, ParameterError
from dataeval_ui.services.run import OVERLAP

if TYPE_CHECKING:
    from dataeval_ui.analysis.comparison import ClusterAgreement, Share
    from dataeval_ui.services.columns import Column
    from dataeval_ui.services.context import Services
    from dataeval_ui.services.planted import PlantedRecall
    from dataeval_ui.services.run import Run
    from dataeval_ui.types import Json, NeighborGraph
    from dataeval_ui.types.base import Float32, Int32, Int64

MAX_RUNS = 4
N_NEIGHBORS = 15
_CACHED = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScore:
    """How one of the compared runs does on the shared images.

    Attributes
    ----------
    name : str
        Its backbone; where two runs have the same one, layer and pooling too; where these are the same, the run's id.
    knn : Share or None
        Images whose 15 nearest vote for their own label; None with fewer than two labels.
    clusters : ClusterAgreement or None
        Likewise.
    n_noise : int
        Shared images in no cluster.
    images_per_s : float or None
        Speed of the network, of the run's own record; None where all embeddings came from the store.
    peak_rss_bytes : int or None
        Memory of the process that made the run.
    """

    name: str
    knn: Share | None
    clusters: ClusterAgreement | None
    n_noise: int
    images_per_s: float | None
    peak_rss_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two to four runs over the images that all of them have.

    Attributes
    ----------
    run_ids : tuple of str
    image_ids : tuple of str
        The shared images, in the first run's order.
    rows : tuple of ndarray of shape (n_shared,), int64
        Row of each shared image in each run.
    n_alone : tuple of int
        Images of each run that another one lacks.
    k : int
        Neighbours that are compared: 15, or fewer where there are not as many images.
    overlap : ndarray of shape (n_shared,), float32
        Jaccard index of an image's k nearest, mean over all pairs of runs.
    neighbors : tuple of ndarray of shape (n_shared, k), int32
        Among the shared images, as indices into `image_ids`.
    scores : tuple of RunScore
    """

    run_ids: tuple[str, ...]
    image_ids: tuple[str, ...]
    rows: tuple[Int64, ...]
    n_alone: tuple[int, ...]
    k: int
    overlap: Float32
    neighbors: tuple[Int32, ...]
    scores: tuple[RunScore, ...]

    @property
    def mean_overlap(self) -> float:
        """Mean of `overlap`."""
        return float(self.overlap.mean())

    def most_disputed(self, n: int) -> Int64:
        """Indices of the n images on whose neighbours the runs agree least; ties in the first run's order."""
        import numpy as np

        return np.argsort(self.overlap, kind="stable")[:n]

    def translate(self, rows: Int64, source: int, target: int) -> Int64:
        """Rows of one of the runs as rows of another; images that are not shared are left out."""
        import numpy as np

        wanted = np.isin(self.rows[source], rows)
        return np.sort(self.rows[target][wanted])


def compare_runs(services: Services, run_ids: Sequence[str]) -> Comparison:
    """Compare finished runs over the images that they share. Kept in this process: finished runs never change.

    Parameters
    ----------
    run_ids : sequence of str, of length 2 to 4
        The first one gives the order of images, and their labels.

    Raises
    ------
    ParameterError
        Fewer than two runs, more than four, or the same one twice.
    InputError
        The runs share fewer than three images.
    UnknownNameError
        No such run.
    """
    if not 2 <= len(run_ids) <= MAX_RUNS or len(set(run_ids)) != len(run_ids):
        raise ParameterError(f"Choose two to {MAX_RUNS} different runs to compare, got {len(run_ids)}.")
    for run_id in run_ids:
        services.catalog.get_run(run_id)  # a comparison that is kept must not outlive its runs
    return _compared(_Kept(services), tuple(run_ids))


class _Kept:
    """Services as a key of the cache: equal for the same workspace."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Kept) and self._root == other._root

    def __hash__(self) -> int:
        return hash(self._root)

    @property
    def _root(self) -> str:
        return str(self.services.workspace.root)


@functools.lru_cache(maxsize=_CACHED)
def _compared(kept: _Kept, run_ids: tuple[str, ...]) -> Comparison:
    import numpy as np

    from dataeval_ui.analysis.comparison import neighbor_overlap
    from dataeval_ui.services.runs import open_run

    runs = [open_run(kept.services, run_id) for run_id in run_ids]
    common = set(runs[0].image_ids).intersection(*(run.row_of for run in runs[1:]))
    image_ids = tuple(image_id for image_id in runs[0].image_ids if image_id in common)
    if len(image_ids) < 3:
        n_images = f"{len(image_ids)} image{'' if len(image_ids) == 1 else 's'}"
        raise InputError(
            f"These runs share {n_images}; compare runs of the same dataset, such as one with another backbone."
        )
    rows = tuple(np.array([run.row_of[image_id] for image_id in image_ids], dtype=np.int64) for run in runs)
    graphs = [_shared_neighbors(run, own) for run, own in zip(runs, rows, strict=True)]
    pairs = [neighbor_overlap(a.indices, b.indices) for a, b in combinations(graphs, 2)]
    names = _names(runs)
    return Comparison(
        run_ids=run_ids,
        image_ids=image_ids,
        rows=rows,
        n_alone=tuple(run.n_images - len(image_ids) for run in runs),
        k=graphs[0].indices.shape[1],
        overlap=np.mean(pairs, axis=0).astype(np.float32),
        neighbors=tuple(graph.indices for graph in graphs),
        scores=tuple(
            _score(name, run, own, graph, _labels(runs[0], rows[0]))
            for name, run, own, graph in zip(names, runs, rows, graphs, strict=True)
        ),
    )


def _names(runs: Sequence[Run]) -> list[str]:
    names = [run.record.backbone for run in runs]
    layers = [f" · {run.record.key.layer} {run.record.key.pooling}" for run in runs]
    for more in (layers, [f" ({run.id[:6]})" for run in runs]):
        names = [name if names.count(name) == 1 else name + own for name, own in zip(names, more, strict=True)]
    return names


def _labels(run: Run, rows: Int64) -> list[str | None]:
    labels = run.first_places["label"].to_pylist()
    return [labels[row] for row in rows]


def _shared_neighbors(run: Run, rows: Int64) -> NeighborGraph:
    """The 15 nearest among the shared images: those of the run's graph where it holds them, else computed."""
    import numpy as np

    from dataeval_ui.analysis.neighbors import find_neighbors
    from dataeval_ui.types import NeighborGraph

    k = min(N_NEIGHBORS, len(rows) - 1)
    graph = run.graph
    if len(rows) == run.n_images and graph.indices.shape[1] >= k:
        place = np.empty(run.n_images, dtype=np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        return NeighborGraph(indices=place[graph.indices[rows, :k]], similarities=graph.similarities[rows, :k])
    found = find_neighbors(run.view.embeddings[rows], n_neighbors=max(2, k), n_threads=run.services.settings.n_threads)
    return NeighborGraph(indices=found.indices[:, :k], similarities=found.similarities[:, :k])


def _score(name: str, run: Run, rows: Int64, graph: NeighborGraph, labels: list[str | None]) -> RunScore:
    from dataeval_ui.analysis.comparison import agree_clusters, predicts_label, share_of

    knn = None
    if len({label for label in labels if label is not None}) >= 2:
        # A run's rows are distinct contents, so no image is told its label by a copy of itself.
        is_right, is_asked = predicts_label(graph, labels)
        knn = share_of(int(is_right.sum()), int(is_asked.sum()))
    clusters = run.clustering.cluster_labels[rows]
    summary = run.record.summary
    return RunScore(
        name=name,
        knn=knn,
        clusters=agree_clusters(clusters, labels),
        n_noise=int((clusters < 0).sum()),
        images_per_s=summary.get("images_per_s"),
        peak_rss_bytes=summary.get("peak_rss_bytes"),
    )


def overlap_name(comparison: Comparison, place: int) -> str:
    """Name of the column of the run at `place` that holds the comparison's overlap."""
    return OVERLAP + ".".join(run_id for i, run_id in enumerate(comparison.run_ids) if i != place)


def overlap_column(run: Run, name: str) -> Column:
    """Make the column that `overlap_name` names: NaN for images that are not shared.

    Raises
    ------
    UnknownNameError, ParameterError, InputError
        As `compare_runs`.
    """
    import numpy as np

    from dataeval_ui.services.columns import Column

    comparison = compare_runs(run.services, [run.id, *name.removeprefix(OVERLAP).split(".")])
    values = np.full(run.n_images, np.nan, dtype=np.float32)
    values[comparison.rows[0]] = comparison.overlap
    return Column(name=name, title="Neighbour overlap", kind="continuous", values=values)


def sentence_of(comparison: Comparison) -> str:
    """Say in a sentence or two which backbone the numbers speak for, and when they speak for none."""
    overlap = f"On average they share {comparison.mean_overlap:.0%} of an image's {comparison.k} nearest."
    if bool((comparison.overlap == 1).all()):
        return "These runs find the same neighbours for every image, so only their maps and clusters can differ."
    known = [(score.name, score.knn) for score in comparison.scores if score.knn is not None and score.knn.n > 0]
    if len(known) < len(comparison.scores):
        return f"{overlap} These images have no two labels, so labels cannot tell which backbone suits them better."
    ranked = sorted(known, key=lambda entry: -entry[1].value)
    (best, first), (second, other) = ranked[0], ranked[1]
    said = ", ".join(
        f"{name} {'agrees with the label of ' if i == 0 else 'of '}{share.value:.0%} of images "
        f"({share.low:.0%} to {share.high:.0%})"
        for i, (name, share) in enumerate(ranked)
    )
    if first.overlaps(other):
        advice = (
            f"the intervals of {best} and {second} overlap, so the labels do not decide between them: choose by the "
            "planted copies, speed or memory."
        )
    else:
        advice = f"choose {best}."
    return f"By its nearest neighbours, {said}: {advice} {overlap}"


def comparison_json(comparison: Comparison, planted: Sequence[PlantedRecall | None]) -> Json:
    """Return what `dataeval-ui compare --json` prints."""
    return {
        "n_shared": len(comparison.image_ids),
        "k": comparison.k,
        "mean_overlap": round(comparison.mean_overlap, 6),
        "sentence": sentence_of(comparison),
        "runs": [
            {
                "run": run_id,
                "backbone": score.name,
                "n_not_shared": n_alone,
                "knn_accuracy": _share_json(score.knn),
                "ami": None if score.clusters is None else round(score.clusters.ami, 6),
                "ari": None if score.clusters is None else round(score.clusters.ari, 6),
                "n_noise": score.n_noise,
                "recall": None if found is None else {name: _share_json(s) for name, s in found.shares.items()},
                "images_per_s": score.images_per_s or (found and found.images_per_s),
                "peak_rss_bytes": score.peak_rss_bytes or (found and found.peak_rss_bytes),
            }
            for run_id, score, n_alone, found in zip(
                comparison.run_ids, comparison.scores, comparison.n_alone, planted, strict=True
            )
        ],
        "most_disputed": [
            {"image_id": comparison.image_ids[i], "overlap": round(float(comparison.overlap[i]), 6)}
            for i in comparison.most_disputed(20)
        ],
    }


def _share_json(share: Share | None) -> Json | None:
    if share is None or share.n == 0:
        return None
    return {"value": round(share.value, 6), "low": round(share.low, 6), "high": round(share.high, 6), "n": share.n}
