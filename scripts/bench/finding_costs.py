"""What every analysis behind the findings costs in memory and processor time, on made sets with a made graph.

Called by `findings.py`, which prints its rows as `memory` and `time`; with the name of an analysis it prints the growth
of a process of its own while that analysis runs, in bytes.
"""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / "dataeval-ui-bench-numba"))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from dataeval_ui.types import AnalysisParams, DuplicatePairs, NeighborGraph

N_CLASSES, K, COPIED = 20, 15, 0.02
N_SHIFTED = 1_000
"""Images that are held against the set as a reference."""


def made(n: int, n_dims: int) -> dict[str, np.ndarray]:
    """Make a set: classes as blobs, a fiftieth of the images a near copy of another, hashes, a map, statistics."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, N_CLASSES, n).astype(np.int32)
    x = rng.standard_normal((n, n_dims), dtype=np.float32)
    x += 2 * rng.standard_normal((N_CLASSES, n_dims), dtype=np.float32)[codes]
    indices = np.empty((n, K), np.int32)
    for code in range(N_CLASSES):
        rows = np.flatnonzero(codes == code)
        ahead = rng.integers(1, rows.size, (rows.size, K))  # no image is its own neighbour
        indices[rows] = rows[(np.arange(rows.size)[:, None] + ahead) % rows.size]
    # Quantiles of the demo's graph: a tenth below 0.46, the median 0.57, a tenth above 0.69.
    similarities = -np.sort(-rng.normal(0.57, 0.09, (n, K)).astype(np.float32), axis=1)
    hashes = rng.integers(1, 2**63, (2, n), dtype=np.int64).astype(np.uint64)
    picture = rng.integers(0, 400, n)
    copy = np.sort(rng.choice(n, 2 * round(COPIED * n), replace=False)).reshape(-1, 2)
    hashes[:, copy[:, 1]], picture[copy[:, 1]] = hashes[:, copy[:, 0]], picture[copy[:, 0]]
    indices[copy[:, 1], 0], similarities[copy[:, 1], 0] = copy[:, 0], 0.97
    angles = np.linspace(0, 2 * np.pi, N_CLASSES, endpoint=False)
    centres = 12 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return {
        "x": x,
        "codes": codes,
        "indices": indices,
        "similarities": similarities,
        "phash": hashes[0],
        "dhash": hashes[1],
        "picture": picture,
        "copy": copy,
        "clusters": np.where(rng.random(n) < 0.1, -1, codes).astype(np.int32),
        "xy": (centres[codes] + rng.standard_normal((n, 2)) * rng.uniform(0.3, 2, (n, 1))).astype(np.float32),
        "split": rng.integers(0, 3, n).astype(np.int32),
        "statistics": rng.lognormal(0, 0.5, (6, n)).astype(np.float32),
        "flags": (rng.random((4, n)) < 0.03).astype(np.int32),
    }


def _pairs_of(rows: np.ndarray) -> DuplicatePairs:
    left, right = np.sort(rows, axis=1).astype(np.int32).T
    ones = np.ones(len(rows), np.float32)
    return DuplicatePairs(
        left=left,
        right=right,
        cosine=ones,
        hash_distance=np.zeros(len(rows), np.int32),
        pixel_similarity=ones,
        groups=np.arange(len(rows), dtype=np.int32),
    )


def thumbnails() -> list[bytes]:
    """Draw 400 pictures that differ, as JPEG of 128 pixels."""
    from PIL import Image

    rng, drawn = np.random.default_rng(1), []
    for _ in range(400):
        coarse = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        file = io.BytesIO()
        coarse.resize((128, 128), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
        drawn.append(file.getvalue())
    return drawn


def analyses(n: int, n_dims: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield every analysis behind the findings, by name, ready to run: what it costs, not what it finds."""
    from dataeval_ui.analysis import coverage, label_statistics, outlier_methods, stability
    from dataeval_ui.analysis.duplicates import find_near_duplicates
    from dataeval_ui.analysis.honesty import score_map_honesty
    from dataeval_ui.analysis.label_errors import find_label_errors
    from dataeval_ui.analysis.labels import score_label_agreement
    from dataeval_ui.analysis.outliers import score_outliers
    from dataeval_ui.analysis.quality import CHECKS, check_quality, derived_metrics
    from dataeval_ui.analysis.slices import find_slices
    from dataeval_ui.analysis.turned import find_turned_duplicates

    of = made(n, n_dims)
    x, codes, clusters, split = of["x"], of["codes"], of["clusters"], of["split"]
    graph, params = NeighborGraph(indices=of["indices"], similarities=of["similarities"]), AnalysisParams()
    names = [str(code) for code in codes]
    pictures = thumbnails()
    labelled = np.flatnonzero(np.arange(n) % 2 == 0)

    def quality() -> object:
        width, height, saturation, alpha, *others = of["statistics"]
        derived = derived_metrics(
            width_px=256 * width, height_px=256 * height, saturation=saturation, alpha_fraction=alpha
        )
        stored = sorted({check.metric for check in CHECKS} - set(derived))
        return check_quality(derived | {name: others[at % 2] for at, name in enumerate(stored)}, labels=names)

    def slices() -> object:
        groups = {"cluster": clusters, "label": codes, "both": np.where(clusters < 0, -1, clusters * N_CLASSES + codes)}
        return find_slices(groups, {"split": split, **{f"flag {i}": flags for i, flags in enumerate(of["flags"])}})

    def sweep() -> object:
        found = stability.sweep_clusters(of["xy"], clusters, params=params)
        return stability.summarise_sweep(found, params)

    yield "outlier score", lambda: score_outliers(graph)
    yield (
        "outlier methods",
        lambda: outlier_methods.score_outlier_methods(x, graph, cluster_labels=clusters, codes=codes),
    )
    yield "outliers against a reference", lambda: outlier_methods.score_ood(x[:N_SHIFTED], x, reference_graph=graph)
    yield (
        "near duplicates",
        lambda: find_near_duplicates(
            graph,
            phash=of["phash"],
            dhash=of["dhash"],
            thumbnails=lambda rows: [pictures[of["picture"][row]] for row in rows],
            params=params,
            embeddings=x,
        ),
    )
    yield (
        "mirrored and turned copies",
        lambda: find_turned_duplicates(
            graph,
            thumbnails=lambda rows: [pictures[of["picture"][row]] for row in rows],
            near=_pairs_of(of["copy"]),
            embeddings=x,
        ),
    )
    yield "label errors", lambda: find_label_errors(x, graph, codes, N_CLASSES)
    yield "label agreement", lambda: score_label_agreement(graph, names)
    yield "Bayes error, kNN", lambda: label_statistics.bound_bayes_error_knn(graph, codes)
    yield "Bayes error, tree", lambda: label_statistics.bound_bayes_error_mst(graph, codes)
    yield "confusion", lambda: label_statistics.confuse_neighbours(graph, codes)
    yield "balance", lambda: label_statistics.class_balance(codes, N_CLASSES)
    yield "parity", lambda: label_statistics.measure_association(codes, split)
    yield "predictors", lambda: [label_statistics.mutual_information(codes, flags) for flags in of["flags"]]
    yield "quality", quality
    yield "completeness", lambda: coverage.measure_completeness(x)
    yield "sparse regions", lambda: coverage.find_sparse_images(graph)
    yield "what to label next", lambda: coverage.rank_to_label(x, labelled=labelled, n=100)
    yield "clusters in turn", lambda: coverage.order_by_class(1 - graph.similarities[:, -1], clusters)
    yield "slices", slices
    yield "map honesty", lambda: score_map_honesty(graph, of["xy"])
    yield "cluster sweep", sweep


def measure_memory(n: int = 100_000, n_dims: int = 512) -> Iterator[tuple[str, float]]:
    """Yield the peak of each analysis in a process of its own, over the bytes of the matrix, which counts itself."""
    for name, _ in analyses(200, 8):
        command = [sys.executable, __file__, name, str(n), str(n_dims)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        yield name, 1 + float(told.split()[-1]) / (n * n_dims * 4)


def measure_time(n: int = 50_000, n_dims: int = 512) -> dict[str, float]:
    """Measure the CPU seconds of each analysis, those of compiling and of first imports apart."""
    for _, run in analyses(400, 16):
        run()
    spent = {}
    for name, run in analyses(n, n_dims):
        start = time.process_time()
        run()
        spent[name] = time.process_time() - start
    return spent


def peak(wanted: str, n: int, n_dims: int) -> int:
    """Return the bytes by which the process grows while an analysis runs; libraries are loaded before."""
    import psutil

    for library in ("scipy.stats", "scipy.spatial", "sklearn.linear_model", "sklearn.metrics", "hdbscan"):
        importlib.import_module(library)
    for name, run in analyses(400, 16):
        if name == wanted:
            run()  # compiles its loops
    for name, run in analyses(n, n_dims):
        if name == wanted:
            before = psutil.Process().memory_info().rss
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            run()
            rows = Path("/proc/self/status").read_text().splitlines()
            high = next(int(row.split()[1]) * 1024 for row in rows if row.startswith("VmHWM"))
            return max(0, high - before)
    raise SystemExit(f"There is no analysis {wanted!r}.")


if __name__ == "__main__":
    print(peak(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
